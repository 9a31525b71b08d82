"""What `mlkeep.keras` promises, with the real Keras 3."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import pytest

import mlkeep.keras
import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.models.mlmodel import Model
from mlkeep.models.schema import Schema, TensorSpec
from mlkeep.models.signature import ModelSignature, infer_signature

ARRAY = np.arange(8, dtype=np.float32).reshape(4, 2)
FRAME = pd.DataFrame(ARRAY, columns=["a", "b"], index=[5, 6, 7, 8])
WEIGHTS = np.array([[1.0], [2.0]], dtype=np.float32)
ANSWER = ARRAY @ WEIGHTS


def dense() -> Any:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([WEIGHTS])
    return model


class Doubled(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types here
    def call(self, x: Any) -> Any:
        return x * 2


class Subclassed(keras.Model):  # type: ignore[misc]  # likewise
    def call(self, x: Any) -> Any:
        return x * 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model"


def test_a_model_is_saved_in_keras_own_format(path: Path) -> None:
    mlkeep.keras.save_model(dense(), path, input_example=ARRAY)

    model = Model.load(path)
    assert {file.name for file in (path / "data").iterdir()} == {"model.keras", "keras_module.txt"}
    assert (path / "data/keras_module.txt").read_text() == "keras"
    assert model.flavors["keras"] == {
        "code": None,
        "data": "data",
        "keras_backend": keras.backend.backend(),
        "keras_version": keras.__version__,
        "save_exported_model": False,
    }
    assert "data" not in model.flavors["python_function"]
    assert model.other["mlkeep_pickles"] == []
    requirements = (path / "requirements.txt").read_text()
    assert f"keras=={keras.__version__}" in requirements
    assert keras.backend.backend() in requirements


def test_an_input_example_gives_the_signature(path: Path) -> None:
    mlkeep.keras.save_model(dense(), path, input_example=ARRAY)

    assert Model.load(path).signature == ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, 1))]),
    )
    np.testing.assert_array_equal(Model.load(path).load_input_example(path), ARRAY)


def test_a_model_answers_every_kind_of_data(path: Path) -> None:
    mlkeep.keras.save_model(dense(), path)
    loaded = mlkeep.pyfunc.load_model(path)

    np.testing.assert_allclose(loaded.predict(ARRAY), ANSWER)
    np.testing.assert_allclose(loaded.predict([ARRAY]), ANSWER)
    pd.testing.assert_frame_equal(loaded.predict(FRAME), pd.DataFrame(ANSWER, index=FRAME.index))
    with pytest.raises(InvalidInput, match="Unsupported input data type: str"):
        loaded.predict("text")


def test_code_in_a_layer_runs_only_when_asked_for(path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(lambda x: x * 3)])
    mlkeep.keras.save_model(model, path)

    with pytest.raises(InvalidInput, match=r"(?s)Lambda.*load_model_kwargs=\{'safe_mode': False\}"):
        mlkeep.keras.load_model(path)
    with pytest.raises(InvalidInput, match="Lambda"):
        mlkeep.pyfunc.load_model(path)
    trusted = mlkeep.keras.load_model(path, load_model_kwargs={"safe_mode": False})
    np.testing.assert_allclose(trusted.predict(ARRAY, verbose=0), 3 * ARRAY)


def test_classes_are_given_when_loading(path: Path) -> None:
    mlkeep.keras.save_model(keras.Sequential([keras.layers.Input((2,)), Doubled()]), path)

    loaded = mlkeep.keras.load_model(path, custom_objects={"Doubled": Doubled})

    np.testing.assert_allclose(loaded.predict(ARRAY, verbose=0), 2 * ARRAY)


def test_keywords_go_to_keras(path: Path) -> None:
    model = dense()
    model.compile("sgd", "mse")
    mlkeep.keras.save_model(model, path, save_model_kwargs={"zipped": True})

    assert mlkeep.keras.load_model(path, load_model_kwargs={"compile": False}).compiled is False


def test_an_exported_model_needs_none_of_its_classes(path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((2,)), Doubled()])

    mlkeep.keras.save_model(model, path, save_exported_model=True)

    assert (path / "data/model/saved_model.pb").is_file()
    assert Model.load(path).flavors["keras"]["save_exported_model"] is True
    exported = mlkeep.keras.load_model(path)
    np.testing.assert_allclose(exported.serve(ARRAY).numpy(), 2 * ARRAY)
    loaded = mlkeep.pyfunc.load_model(path)
    np.testing.assert_allclose(loaded.predict(ARRAY), 2 * ARRAY)
    pd.testing.assert_frame_equal(loaded.predict(FRAME.astype("float64")), pd.DataFrame(2 * ARRAY, index=FRAME.index))


@pytest.mark.parametrize("said_by", ["signature", "example"])
def test_an_exported_model_takes_what_was_declared(path: Path, said_by: str) -> None:
    doubles = ARRAY.astype("float64")
    said = {"signature": infer_signature(doubles)} if said_by == "signature" else {"input_example": doubles}

    model = Subclassed()
    model(ARRAY)

    mlkeep.keras.save_model(model, path, save_exported_model=True, **said)

    np.testing.assert_allclose(mlkeep.pyfunc.load_model(path).predict(doubles), 4 * ARRAY)


def test_an_exported_model_with_named_inputs(path: Path) -> None:
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, {"sum": keras.layers.Add()([a, b])})
    example = {"a": ARRAY, "b": ARRAY}

    mlkeep.keras.save_model(model, path, save_exported_model=True, input_example=example)

    np.testing.assert_allclose(mlkeep.pyfunc.load_model(path).predict(example)["sum"], 2 * ARRAY)


def test_a_model_that_was_never_called_cannot_be_exported(path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"(?s)save_exported_model: .*Call the model on data once"):
        mlkeep.keras.save_model(Subclassed(), path, save_exported_model=True)
    assert not path.exists()


def test_what_is_no_model_of_keras_is_refused(path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"model: expected a keras.Model, found dict"):
        mlkeep.keras.save_model({}, path)
    with pytest.raises(NotFound, match="Could not find an"):
        mlkeep.keras.load_model(path)


def test_a_model_is_logged_and_loads_by_its_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlkeep.db")
    monkeypatch.chdir(tmp_path)

    info = mlkeep.keras.log_model(dense(), name="dense", input_example=ARRAY)

    np.testing.assert_allclose(mlkeep.keras.load_model(info.model_uri).predict(ARRAY, verbose=0), ANSWER)
