"""TensorFlow models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from mlflow.models import infer_signature

import mlflow
import mlkeep.pyfunc
import mlkeep.tensorflow

ARRAY = np.arange(8, dtype=np.float32).reshape(4, 2)
FRAME = pd.DataFrame(ARRAY, columns=["a", "b"], index=[5, 6, 7, 8])
WEIGHTS = np.array([[1.0], [2.0]], dtype=np.float32)


class Linear(tf.Module):  # type: ignore[misc]  # TensorFlow has no types here
    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(WEIGHTS)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])  # type: ignore[untyped-decorator]  # likewise
    def __call__(self, x: Any) -> Any:
        return {"y": x @ self.weights}


@keras.saving.register_keras_serializable("both_ways")
class Doubled(keras.layers.Layer):  # type: ignore[misc]  # likewise
    def call(self, x: Any) -> Any:
        return x * 2


def dense(*more: Any) -> Any:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, use_bias=False), *more])
    model.layers[0].set_weights([WEIGHTS])
    return model


def save_with_both(model: Any, tmp_path: Path, **options: Any) -> None:
    mlkeep.tensorflow.save_model(model, tmp_path / "ours", **options)
    mlflow.tensorflow.save_model(model, str(tmp_path / "theirs"), pip_requirements=["tensorflow"], **options)


def loaded(tmp_path: Path, ours: Any, theirs: Any) -> dict[str, Any]:
    """Each folder, loaded by each."""
    return {
        f"{folder} by {who}": load(str(tmp_path / folder))
        for who, load in (("ours", ours), ("theirs", theirs))
        for folder in ("ours", "theirs")
    }


@pytest.mark.parametrize("save_format", ["keras", "h5"])
def test_keras_models_go_both_ways(tmp_path: Path, save_format: str) -> None:
    save_with_both(dense(), tmp_path, keras_model_kwargs={"save_format": save_format})

    for model in loaded(tmp_path, mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model).values():
        np.testing.assert_allclose(model.predict(ARRAY), ARRAY @ WEIGHTS)
        pd.testing.assert_frame_equal(model.predict(FRAME), pd.DataFrame(ARRAY @ WEIGHTS, index=FRAME.index))
        assert type(model.get_raw_model()) is keras.Sequential
    natives = loaded(tmp_path, mlkeep.tensorflow.load_model, mlflow.tensorflow.load_model)
    assert {type(native) for native in natives.values()} == {keras.Sequential}


def test_signatures_go_both_ways(tmp_path: Path) -> None:
    mlkeep.tensorflow.save_model(dense(), tmp_path / "ours", input_example=ARRAY)
    mlflow.tensorflow.save_model(
        dense(), str(tmp_path / "theirs"), signature=infer_signature(ARRAY, ARRAY @ WEIGHTS), pip_requirements=[]
    )

    models = loaded(tmp_path, mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model)
    assert len({str(model.metadata.signature.to_dict()) for model in models.values()}) == 1
    for model in models.values():
        np.testing.assert_allclose(model.predict(ARRAY), ARRAY @ WEIGHTS)


def test_custom_classes_go_both_ways(tmp_path: Path) -> None:
    save_with_both(dense(Doubled()), tmp_path, custom_objects={"Doubled": Doubled})

    for model in loaded(tmp_path, mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model).values():
        np.testing.assert_allclose(model.predict(ARRAY), 2 * (ARRAY @ WEIGHTS))


def test_modules_go_both_ways(tmp_path: Path) -> None:
    save_with_both(Linear(), tmp_path)

    for data in (ARRAY, ARRAY.tolist()):
        for model in loaded(tmp_path, mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model).values():
            np.testing.assert_allclose(np.asarray(model.predict(data)["y"]), ARRAY @ WEIGHTS)
            np.testing.assert_allclose(model.get_raw_model()(tf.constant(ARRAY))["y"].numpy(), ARRAY @ WEIGHTS)
    for native in loaded(tmp_path, mlkeep.tensorflow.load_model, mlflow.tensorflow.load_model).values():
        np.testing.assert_allclose(native(tf.constant(ARRAY))["y"].numpy(), ARRAY @ WEIGHTS)


def test_both_write_the_same_settings(tmp_path: Path) -> None:
    save_with_both(dense(), tmp_path)

    ours, theirs = (mlflow.models.Model.load(str(tmp_path / folder)).flavors for folder in ("ours", "theirs"))
    # MLflow writes the version of TensorFlow where it says Keras.
    assert ours["tensorflow"].pop("keras_version") == keras.__version__
    assert theirs["tensorflow"].pop("keras_version")
    assert ours == theirs
