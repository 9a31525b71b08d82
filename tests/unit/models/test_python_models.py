"""Models written in Python: instances, functions and loader modules."""

from __future__ import annotations

import logging
import os
import pickletools
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.models import infer_signature
from mlkeep.models.mlmodel import Model
from mlkeep.models.resources import Resource, ResourceType
from mlkeep.pyfunc import PythonModel, PythonModelContext, context


class Scaled(PythonModel):
    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.offset = 0.0

    def load_context(self, context: PythonModelContext) -> None:
        self.offset = float(Path(context.artifacts["offset"]).read_text())

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> Any:
        shift = (params or {}).get("shift", 0.0)
        return (model_input["a"] * self.factor + self.offset + context.model_config.get("bias", 0) + shift).tolist()


class Short(PythonModel):
    def predict(self, model_input: Any) -> Any:  # type: ignore[override]  # the short form
        return [type(model_input).__name__]

    def predict_stream(self, model_input: Any) -> Iterator[Any]:  # type: ignore[override]  # the short form
        yield from model_input


@pytest.fixture
def offset(tmp_path: Path) -> Path:
    path = tmp_path / "offset.txt"
    path.write_text("5")
    return path


def test_an_instance_is_saved_with_its_artifacts_and_configuration(
    tmp_path: Path, frame: pd.DataFrame, offset: Path
) -> None:
    model = Scaled(3)
    mlkeep.pyfunc.save_model(
        tmp_path / "m",
        python_model=model,
        artifacts={"offset": str(offset)},
        model_config={"bias": 0.5},
        input_example=frame,
    )
    assert model.offset == 0.0, "saving leaves the caller's object alone"
    conf = Model.load(tmp_path / "m").flavors["python_function"]
    assert conf["artifacts"] == {"offset": {"path": "artifacts/offset.txt", "uri": str(offset)}}
    assert (conf["loader_module"], conf["python_model"]) == ("mlflow.pyfunc.model", "python_model.pkl")
    offset.unlink()
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert loaded.predict(frame) == [5.5, 8.5, 11.5, 14.5]
    assert loaded.unwrap_python_model().factor == 3
    assert loaded.model_config == {"bias": 0.5}
    assert str(loaded) == "mlflow.pyfunc.loaded_model:\n  flavor: mlflow.pyfunc.model\n"
    with pytest.raises(NotImplementedError, match="unwrap_python_model"):
        loaded.get_raw_model()


def test_params_are_those_of_the_signature(tmp_path: Path, frame: pd.DataFrame, offset: Path) -> None:
    mlkeep.pyfunc.save_model(
        tmp_path / "m",
        python_model=Scaled(1),
        artifacts={"offset": str(offset)},
        signature=infer_signature(frame, params={"shift": 1.0}),
    )
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert loaded.predict(frame) == [6.0, 7.0, 8.0, 9.0]
    assert loaded.predict(frame, params={"shift": 2, "unknown": 1}) == [7.0, 8.0, 9.0, 10.0]
    with pytest.raises(InvalidInput, match="shift"):
        loaded.predict(frame, params={"shift": "far"})


def test_configuration_is_overridden_where_it_is_known(
    tmp_path: Path, frame: pd.DataFrame, offset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"bias": 1, "other": 2}))
    mlkeep.pyfunc.save_model(
        tmp_path / "m", python_model=Scaled(0), artifacts={"offset": str(offset)}, model_config=str(file)
    )
    monkeypatch.setenv("MLFLOW_PYFUNC_INFERENCE_CONFIG", '{"bias": 5, "other": 5}')
    monkeypatch.setenv("MLKEEP_PYFUNC_INFERENCE_CONFIG", '{"bias": 10, "other": 3}')
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m", model_config={"bias": 20, "unknown": 1})
    assert loaded.model_config == {"bias": 20, "other": 3}
    assert loaded.predict(frame)[0] == 25.0


def test_a_function_of_one_argument_is_a_model(tmp_path: Path, frame: pd.DataFrame) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=lambda model_input: model_input["a"] * 2, input_example=frame)
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert loaded.predict(frame).tolist() == [0.0, 2.0, 4.0, 6.0]
    assert isinstance(loaded.unwrap_python_model(), PythonModel)


def test_the_short_form_and_streams(tmp_path: Path) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short())
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert loaded.predict("text") == ["str"]
    assert list(loaded.predict_stream([1, 2])) == [1, 2]
    mlkeep.pyfunc.save_model(tmp_path / "f", python_model=lambda model_input: model_input)
    with pytest.raises(NotOffered, match="does not stream"):
        mlkeep.pyfunc.load_model(tmp_path / "f").predict_stream([1])


def test_params_a_model_does_not_take_are_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short())
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict([1], params={"x": 1}) == ["list"]
    assert "Ignoring params ['x']" in caplog.text


def test_the_signature_is_enforced_and_the_error_says_what_differs(tmp_path: Path, frame: pd.DataFrame) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=lambda model_input: model_input, input_example=frame)
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert list(loaded.predict(frame[["b", "a"]])) == ["a", "b"]
    with pytest.raises(
        InvalidInput, match=r"(?s)Failed to enforce schema of data .*Error: Model is missing inputs \['b'\]"
    ):
        loaded.predict(frame[["a"]])


def test_pickles_name_mlflows_classes_so_that_mlflow_can_read_them(tmp_path: Path) -> None:
    def annotated(context: PythonModelContext) -> PythonModelContext:
        mlkeep.pyfunc.load_model  # noqa: B018 - a global that is a module
        return context

    class Local(PythonModel):
        def predict(self, context: Any, model_input: Any) -> Any:  # type: ignore[override]  # params are optional
            return annotated(context), model_input

    for name, model in (("class", Local()), ("function", lambda model_input: model_input)):
        mlkeep.pyfunc.save_model(tmp_path / name, python_model=model)
        content = (tmp_path / name / "python_model.pkl").read_bytes()
        texts = [argument for code, argument, _ in pickletools.genops(content) if "UNICODE" in code.name]
        assert "mlflow.pyfunc.model" in texts
        # As attributes of functions and classes these names are only text; as modules they would be imported.
        assert not [text for text in texts if str(text).startswith("mlkeep.pyfunc")]


def test_two_artifacts_may_have_the_same_file_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.txt").write_text(name)

    class Reader(PythonModel):
        def predict(self, context: PythonModelContext, model_input: Any) -> Any:  # type: ignore[override]  # params are optional
            return {name: Path(context.artifacts[name]).read_text() for name in model_input}

    artifacts = {name: str(tmp_path / name / "data.txt") for name in ("one", "two")}
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Reader(), artifacts=artifacts)
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(["one", "two"]) == {"one": "one", "two": "two"}


def test_a_loader_module_makes_a_model_of_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "mlkeep_test_loader.py").write_text(
        "import pathlib\n"
        "class Model:\n"
        "    def __init__(self, text):\n        self.text = text\n"
        "    def predict(self, data):\n        return [self.text, data]\n"
        "def _load_pyfunc(path):\n    return Model(pathlib.Path(path).read_text())\n"
    )
    (tmp_path / "data.txt").write_text("hello")
    mlkeep.pyfunc.save_model(
        tmp_path / "m",
        loader_module="mlkeep_test_loader",
        data_path=tmp_path / "data.txt",
        code_paths=[str(tmp_path / "mlkeep_test_loader.py")],
    )
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert loaded.predict(1) == ["hello", 1]
    assert loaded.loader_module == "mlkeep_test_loader"
    with pytest.raises(InvalidInput, match="Only a model made of a PythonModel"):
        loaded.unwrap_python_model()
    assert loaded.get_raw_model().predict(1) == ["hello", 1]


def test_a_loader_module_that_is_missing_is_named(tmp_path: Path) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", loader_module="no_such_loader")
    with pytest.raises(InvalidInput, match="'no_such_loader', which cannot be imported"):
        mlkeep.pyfunc.load_model(tmp_path / "m")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"loader_module": "m", "python_model": Short()},
        {"data_path": "d"},
        {"artifacts": {"a": "b"}},
        {"python_model": Short},
        {"python_model": "script.py"},
        {"python_model": lambda one, two: (one, two)},
        {"python_model": Short(), "model_config": [1]},
    ],
)
def test_what_cannot_be_a_model_is_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        mlkeep.pyfunc.save_model(tmp_path / "m", **given)
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_dependencies_can_be_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short(), pip_requirements=["numpy"])
    assert Path(mlkeep.pyfunc.get_model_dependencies(str(tmp_path / "m"))).name == "requirements.txt"
    assert Path(mlkeep.pyfunc.get_model_dependencies(str(tmp_path / "m"), "conda")).name == "conda.yaml"


@pytest.mark.parametrize(
    ("compression", "file"),
    [("lzma", "python_model.pkl.xz"), ("bzip2", "python_model.pkl.bz2"), ("gzip", "python_model.pkl.gz")],
)
def test_pickles_can_be_compressed(
    tmp_path: Path, compression: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLKEEP_LOG_MODEL_COMPRESSION", compression)
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short(), input_example=[1])
    monkeypatch.delenv("MLKEEP_LOG_MODEL_COMPRESSION")
    conf = Model.load(tmp_path / "m").flavors["python_function"]
    assert (conf["python_model"], conf["python_model_compression"]) == (file, compression)
    assert mlkeep.pyfunc.load_model(tmp_path / "m").unwrap_python_model().predict(1) == ["int"]


def test_a_compression_that_is_unknown_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_LOG_MODEL_COMPRESSION", "zip")
    with pytest.raises(InvalidInput, match=r"MLFLOW_LOG_MODEL_COMPRESSION: 'zip' is unknown; expected one of"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short())


def test_the_names_of_keys_that_the_model_reads_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Asking(PythonModel):
        def predict(self, model_input: Any) -> Any:  # type: ignore[override]  # the short form  # noqa: ARG002
            return [os.environ.get("MLKEEP_TEST_API_KEY"), os.getenv("NO_API_TOKEN"), os.environ["HOME"]]

    monkeypatch.setenv("MLKEEP_TEST_API_KEY", "secret")
    before = type(os.environ)
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Asking(), input_example=[1])
    assert type(os.environ) is before
    assert Model.load(tmp_path / "m").env_vars == ["MLKEEP_TEST_API_KEY"]
    lines = (tmp_path / "m" / "environment_variables.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["MLKEEP_TEST_API_KEY"]
    assert not [file for file in (tmp_path / "m").iterdir() if b"secret" in file.read_bytes()]


def test_a_flavor_can_be_added_by_hand() -> None:
    model = mlkeep.pyfunc.add_to_model(
        Model(), "my.loader", data="data", code="code", conda_env="conda.yaml", model_config={"a": 1}, other=2
    )
    assert model.flavors == {
        "python_function": {
            "code": "code",
            "config": {"a": 1},
            "data": "data",
            "env": {"conda": "conda.yaml"},
            "loader_module": "my.loader",
            "other": 2,
            "python_version": platform.python_version(),
        }
    }


def test_a_model_knows_of_the_request_it_answers() -> None:
    assert context.get_prediction_context() is None
    with mlkeep.pyfunc.set_prediction_context(mlkeep.pyfunc.Context(request_id="r")):
        with mlkeep.pyfunc.set_prediction_context(None):
            assert context.get_prediction_context() is None
        current = context.get_prediction_context()
        assert current == mlkeep.pyfunc.Context(request_id="r", is_evaluate=False)
        current.update(model_id="m")
        assert current.model_id == "m"
        with pytest.raises(AttributeError, match="no attribute named 'foo'"):
            current.update(foo=1)
    assert context.get_prediction_context() is None


class Endpoint(Resource):
    """A resource of our own."""

    type = ResourceType.SERVING_ENDPOINT
    target_uri = "databricks"

    def __init__(self, name: str) -> None:
        self.name = name

    def to_dict(self) -> dict[str, Any]:
        return {self.type.value: [{"name": self.name}]}


def test_resources_are_listed_by_kind(tmp_path: Path) -> None:
    described = {"api_version": "1", "databricks": {"serving_endpoint": [{"name": "a"}, {"name": "b"}]}}
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short(), resources=[Endpoint("a"), Endpoint("b")])
    assert Model.load(tmp_path / "m").resources == described
    (tmp_path / "resources.yaml").write_text(yaml.safe_dump(described))
    mlkeep.pyfunc.save_model(tmp_path / "f", python_model=Short(), resources=str(tmp_path / "resources.yaml"))
    assert Model.load(tmp_path / "f").resources == described
    for wrong in (3, [3], "no.yaml"):
        with pytest.raises(InvalidInput, match="resources: "):
            mlkeep.pyfunc.save_model(tmp_path / "w", python_model=Short(), resources=wrong)  # type: ignore[arg-type]  # what the check is for


def test_what_mlkeep_does_not_offer_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotOffered, match="mlkeep does not offer auth_policy"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short(), auth_policy={})


@pytest.mark.parametrize("artifacts", [["a"], {"a": 3}, {"a": ""}, {1: "a"}, {"a": "no such file"}])
def test_artifacts_that_cannot_be_are_refused(tmp_path: Path, artifacts: Any) -> None:
    with pytest.raises(InvalidInput, match=r"artifacts|no file or folder"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Short(), artifacts=artifacts)
    assert not (tmp_path / "m").exists()
