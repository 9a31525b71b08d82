"""What `mlkeep.tensorflow` promises, with the real TensorFlow."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import mlkeep.pyfunc
import mlkeep.tensorflow
from mlkeep.core.errors import AlreadyExists, Damaged, Forbidden, InvalidInput, NotFound
from mlkeep.models.mlmodel import Model
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.models.signature import ModelSignature, infer_signature

ARRAY = np.arange(8, dtype=np.float32).reshape(4, 2)
FRAME = pd.DataFrame(ARRAY, columns=["a", "b"], index=[5, 6, 7, 8])
WEIGHTS = np.array([[1.0], [2.0]], dtype=np.float32)
ANSWER = ARRAY @ WEIGHTS


def dense() -> Any:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([WEIGHTS])
    return model


class Linear(tf.Module):  # type: ignore[misc]  # TensorFlow has no types here
    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(WEIGHTS)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])  # type: ignore[untyped-decorator]  # likewise
    def __call__(self, x: Any) -> Any:
        return x @ self.weights


class Named(Linear):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])  # type: ignore[untyped-decorator]  # likewise
    def __call__(self, x: Any) -> Any:
        return {"y": x @ self.weights, "twice": 2 * (x @ self.weights)}


class OnlySignature(tf.Module):  # type: ignore[misc]  # likewise
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])  # type: ignore[untyped-decorator]  # likewise
    def total(self, x: Any) -> Any:
        return {"total": tf.reduce_sum(x, axis=1)}


@keras.saving.register_keras_serializable("mlkeep_tests")
class Doubled(keras.layers.Layer):  # type: ignore[misc]  # likewise
    def call(self, x: Any) -> Any:
        return x * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model"


def test_a_keras_model_is_saved_in_its_own_format(path: Path) -> None:
    mlkeep.tensorflow.save_model(dense(), path, input_example=ARRAY)

    model = Model.load(path)
    assert {file.name for file in (path / "data").iterdir()} == {"model.keras", "keras_module.txt", "save_format.txt"}
    assert (path / "data/keras_module.txt").read_text() == "tensorflow.keras"
    assert (path / "data/save_format.txt").read_text() == "tf"
    assert model.flavors["tensorflow"] == {
        "code": None,
        "data": "data",
        "keras_version": keras.__version__,
        "model_type": "keras",
        "save_format": "tf",
    }
    assert model.flavors["python_function"]["data"] == "data"
    assert model.other["mlkeep_pickles"] == []
    assert model.signature == ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, 1))]),
    )
    assert any(line.startswith("tensorflow") for line in (path / "requirements.txt").read_text().splitlines())


def test_a_keras_model_answers_every_kind_of_data(path: Path) -> None:
    mlkeep.tensorflow.save_model(dense(), path)
    loaded = mlkeep.pyfunc.load_model(path)

    for data in (ARRAY, [ARRAY], (ARRAY,)):
        np.testing.assert_allclose(loaded.predict(data), ANSWER)
    pd.testing.assert_frame_equal(loaded.predict(FRAME), pd.DataFrame(ANSWER, index=FRAME.index))


def test_inputs_with_names_are_named_tensors(path: Path) -> None:
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, {"sum": keras.layers.Add()([a, b])})

    mlkeep.tensorflow.save_model(model, path, input_example={"a": ARRAY, "b": ARRAY})

    loaded = mlkeep.pyfunc.load_model(path)
    inputs, outputs = Model.load(path).get_input_schema(), Model.load(path).get_output_schema()
    assert inputs is not None
    assert outputs is not None
    assert (inputs.input_names(), outputs.input_names()) == (["a", "b"], ["sum"])
    np.testing.assert_allclose(loaded.predict({"a": ARRAY, "b": ARRAY})["sum"], 2 * ARRAY)
    columns = pd.DataFrame({"a": list(ARRAY), "b": list(ARRAY)})
    np.testing.assert_allclose(loaded.predict(columns)["sum"], 2 * ARRAY)


def test_a_signature_may_be_of_columns(path: Path) -> None:
    example = FRAME.astype("float64")

    mlkeep.tensorflow.save_model(dense(), path, input_example=example)

    assert Model.load(path).get_input_schema() == Schema([ColSpec("double", "a"), ColSpec("double", "b")])
    pd.testing.assert_frame_equal(mlkeep.pyfunc.load_model(path).predict(example), pd.DataFrame(ANSWER, example.index))


def test_a_tensor_of_another_type_or_shape_is_refused(path: Path) -> None:
    mlkeep.tensorflow.save_model(dense(), path, signature=infer_signature(ARRAY, ANSWER))
    loaded = mlkeep.pyfunc.load_model(path)

    with pytest.raises(InvalidInput, match="dtype of input float64 does not match expected dtype float32"):
        loaded.predict(ARRAY.astype("float64"))
    with pytest.raises(InvalidInput, match=r"Shape of input \(4, 1\) does not match expected shape \(-1, 2\)"):
        loaded.predict(ARRAY[:, :1])


def test_the_model_comes_back_ready_to_train_on(path: Path) -> None:
    model = dense()
    model.compile("sgd", "mse")
    mlkeep.tensorflow.save_model(model, path)

    loaded = mlkeep.tensorflow.load_model(path)

    loaded.fit(ARRAY, ANSWER, verbose=0)
    assert isinstance(loaded, keras.Sequential)
    assert mlkeep.tensorflow.load_model(path, keras_model_kwargs={"compile": False}).compiled is False


def test_hdf5_is_saved_when_asked_for(path: Path) -> None:
    mlkeep.tensorflow.save_model(dense(), path, keras_model_kwargs={"save_format": "h5"})

    assert (path / "data/model.h5").is_file()
    assert (path / "data/save_format.txt").read_text() == "h5"
    np.testing.assert_allclose(mlkeep.pyfunc.load_model(path).predict(ARRAY), ANSWER)


def test_classes_a_model_was_made_with_are_pickled_and_named_as_pickles(path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((2,)), Doubled()])

    mlkeep.tensorflow.save_model(model, path, custom_objects={"Doubled": Doubled})

    assert Model.load(path).other["mlkeep_pickles"] == [
        "data/custom_objects.cloudpickle",
        "data/global_custom_objects.cloudpickle",
    ]
    np.testing.assert_allclose(mlkeep.pyfunc.load_model(path).predict(ARRAY), 2 * ARRAY)


def test_registered_classes_a_model_does_not_use_are_not_pickled(path: Path) -> None:
    mlkeep.tensorflow.save_model(dense(), path)

    assert "mlkeep_tests>Doubled" in keras.saving.get_custom_objects()
    assert Model.load(path).other["mlkeep_pickles"] == []


def test_without_pickles_registered_classes_stay_out_and_given_ones_are_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = keras.Sequential([keras.layers.Input((2,)), Doubled()])
    mlkeep.tensorflow.save_model(model, path)
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")

    mlkeep.tensorflow.save_model(model, path.with_name("without"))

    assert Model.load(path.with_name("without")).other["mlkeep_pickles"] == []
    assert "['mlkeep_tests>Doubled'] are not saved with the model" in caplog.text
    np.testing.assert_allclose(mlkeep.pyfunc.load_model(path.with_name("without")).predict(ARRAY), 2 * ARRAY)
    with pytest.raises(Forbidden, match=r"global_custom_objects.cloudpickle is a pickle"):
        mlkeep.tensorflow.load_model(path)
    with pytest.raises(Forbidden, match=r"custom_objects.cloudpickle is a pickle"):
        mlkeep.tensorflow.save_model(model, path.with_name("given"), custom_objects={"Doubled": Doubled})


@pytest.mark.parametrize("save_format", ["keras", "h5"])
def test_code_in_a_layer_runs_only_when_asked_for(path: Path, save_format: str) -> None:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(lambda x: x * 3)])
    mlkeep.tensorflow.save_model(model, path, keras_model_kwargs={"save_format": save_format})

    for load in (mlkeep.tensorflow.load_model, mlkeep.pyfunc.load_model):
        with pytest.raises(InvalidInput, match=r"(?s)Lambda.*keras_model_kwargs"):
            load(path)
    trusted = mlkeep.tensorflow.load_model(path, keras_model_kwargs={"safe_mode": False})
    np.testing.assert_allclose(trusted.predict(ARRAY, verbose=0), 3 * ARRAY)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        pytest.param(ARRAY, ANSWER, id="array"),
        pytest.param(ARRAY.astype("float64"), ANSWER, id="array of doubles"),
        pytest.param(ARRAY.tolist(), ANSWER, id="list"),
    ],
)
def test_a_module_answers_arrays_and_lists(path: Path, data: Any, answer: Any) -> None:
    mlkeep.tensorflow.save_model(Linear(), path)

    assert Model.load(path).flavors["tensorflow"] == {
        "code": None,
        "model_type": "tf2-module",
        "saved_model_dir": "tf2model",
    }
    assert "data" not in Model.load(path).flavors["python_function"]
    np.testing.assert_allclose(mlkeep.pyfunc.load_model(path).predict(data), answer)


def test_a_module_answers_frames_and_dicts(path: Path) -> None:
    mlkeep.tensorflow.save_model(Linear(), path)
    loaded = mlkeep.pyfunc.load_model(path)

    pd.testing.assert_frame_equal(loaded.predict(FRAME.astype("float64")), pd.DataFrame(ANSWER, index=FRAME.index))
    np.testing.assert_allclose(loaded.predict({"x": ARRAY})["output_0"], ANSWER)


def test_named_answers_of_a_module_are_arrays(path: Path) -> None:
    mlkeep.tensorflow.save_model(Named(), path, input_example=ARRAY)

    answer = mlkeep.pyfunc.load_model(path).predict(ARRAY)

    assert {name: type(part) for name, part in answer.items()} == {"y": np.ndarray, "twice": np.ndarray}
    np.testing.assert_allclose(answer["twice"], 2 * ANSWER)
    outputs = Model.load(path).get_output_schema()
    assert outputs is not None
    assert sorted(map(str, outputs.input_names())) == ["twice", "y"]


def test_a_module_without_a_call_answers_by_its_signature(path: Path) -> None:
    module = OnlySignature()
    mlkeep.tensorflow.save_model(module, path, saved_model_kwargs={"signatures": module.total})

    answer = mlkeep.pyfunc.load_model(path).predict(ARRAY)

    np.testing.assert_allclose(answer["total"], ARRAY.sum(axis=1))


def test_a_module_nothing_can_call_is_loaded_but_is_no_function(path: Path) -> None:
    mlkeep.tensorflow.save_model(tf.Module(), path)

    mlkeep.tensorflow.load_model(path)
    with pytest.raises(InvalidInput, match="The SavedModel cannot be called"):
        mlkeep.pyfunc.load_model(path)


@pytest.mark.parametrize("data", ["text", 1, pd.Series([1.0])])
@pytest.mark.parametrize("make", [dense, Linear])
def test_other_data_is_refused(path: Path, make: Any, data: Any) -> None:
    mlkeep.tensorflow.save_model(make(), path)

    with pytest.raises(InvalidInput, match=f"Unsupported input data type: {type(data).__name__}"):
        mlkeep.pyfunc.load_model(path).predict(data)


def test_what_is_no_model_is_refused(path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"expected a keras.Model or a tf.Module, found object"):
        mlkeep.tensorflow.save_model(object(), path)
    with pytest.raises(InvalidInput, match="save_format 'pb' is unknown; choose 'keras' or 'h5'"):
        mlkeep.tensorflow.save_model(dense(), path, keras_model_kwargs={"save_format": "pb"})
    assert not path.exists()
    mlkeep.tensorflow.save_model(dense(), path)
    with pytest.raises(AlreadyExists):
        mlkeep.tensorflow.save_model(dense(), path)


def test_folders_that_cannot_be_loaded_say_why(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlkeep.tensorflow.save_model(dense(), path)
    keras_file = path / "data/model.keras"

    with pytest.raises(NotFound, match='Model does not have the "keras" flavor'):
        mlkeep.keras.load_model(path)
    keras_file.write_bytes(b"no zip")
    with pytest.raises(Damaged, match=r"'data/model\.keras' in .* is not what was saved"):
        mlkeep.tensorflow.load_model(path)
    # As in folders of MLflow, which have no digests.
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    with pytest.raises(InvalidInput, match=r"Keras cannot load model.keras"):
        mlkeep.tensorflow.load_model(path)
    keras_file.unlink()
    with pytest.raises(InvalidInput, match=r"expected model.keras or model.h5"):
        mlkeep.tensorflow.load_model(path)
    # What Keras 2 wrote for save_format="tf".
    tf.saved_model.save(Linear(), str(path / "data/model"))
    with pytest.raises(InvalidInput, match="is a SavedModel written by Keras 2"):
        mlkeep.tensorflow.load_model(path)


def test_a_damaged_saved_model_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlkeep.tensorflow.save_model(Linear(), path)
    (path / "tf2model/saved_model.pb").unlink()

    with pytest.raises(NotFound, match=r"'tf2model/saved_model\.pb', which belongs to the model in .*, is missing"):
        mlkeep.tensorflow.load_model(path)
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    with pytest.raises(InvalidInput, match="TensorFlow cannot load tf2model"):
        mlkeep.tensorflow.load_model(path)


def test_a_class_that_is_missing_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    model = keras.Sequential([keras.layers.Input((2,)), Doubled()])
    mlkeep.tensorflow.save_model(model, path)
    (path / "data/global_custom_objects.cloudpickle").unlink()
    config = path / "data/model.keras"
    with zipfile.ZipFile(config) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    text = json.dumps(json.loads(content["config.json"])).replace("Doubled", "Vanished").replace(__name__, "gone")
    with zipfile.ZipFile(config, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, text if name == "config.json" else data)

    with pytest.raises(InvalidInput, match=r"(?s)Vanished.*Import the module that defines the class"):
        mlkeep.tensorflow.load_model(path)


def test_a_model_is_logged_and_loads_by_its_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlkeep.db")
    monkeypatch.chdir(tmp_path)

    info = mlkeep.tensorflow.log_model(dense(), name="dense", input_example=ARRAY)

    assert info.model_uri == f"models:/{info.model_id}"
    np.testing.assert_allclose(mlkeep.pyfunc.load_model(info.model_uri).predict(ARRAY), ANSWER)
