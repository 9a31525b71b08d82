"""Models of Python code go both ways between mlkeep and the official MLflow.

Classes are made inside functions: such are pickled whole, as those of notebooks and scripts are.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pydantic
import pytest

import mlflow
import mlkeep
import mlkeep.models
import mlkeep.pyfunc
import mlkeep.pyfunc.model

IS_MLFLOW_2 = mlflow.__version__.startswith("2.")
FRAME = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
REQUIRED = ["cloudpickle"]

WAYS = pytest.mark.parametrize(
    ("writer", "reader"), [(mlkeep, mlflow), (mlflow, mlkeep), (mlkeep, mlkeep)], ids=["out", "in", "here"]
)


def scaled(base: type) -> Any:
    class Scaled(base):  # type: ignore[misc]  # the base of either package
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def load_context(self, context: Any) -> None:
            self.offset = float(Path(context.artifacts["offset"]).read_text())

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            shift = (params or {}).get("shift", 0.0)
            return (model_input["a"] * self.factor + self.offset + context.model_config["bias"] + shift).tolist()

    return Scaled(3)


def streaming(base: type) -> Any:
    class Streaming(base):  # type: ignore[misc]  # the base of either package
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - part of the interface
            return model_input

        def predict_stream(self, context: Any, model_input: Any, params: Any = None) -> Iterator[Any]:  # noqa: ARG002 - part of the interface
            yield from str(model_input)

    return Streaming()


def upper(base: type) -> Any:
    class Upper(base):  # type: ignore[misc]  # the base of either package
        def predict(self, model_input: list[str], params: Any = None) -> list[str]:  # noqa: ARG002 - part of the interface
            return [text.upper() for text in model_input]

    return Upper()


def adding(base: type) -> Any:
    class Pair(pydantic.BaseModel):  # type: ignore[misc]  # without types here
        one: int
        two: float | None = None

    class Adding(base):  # type: ignore[misc]  # the base of either package
        def predict(self, model_input, params=None):  # type: ignore[no-untyped-def]  # gets its hints below # noqa: ARG002
            return [pair.one + (pair.two or 0) for pair in model_input]

        predict.__annotations__ = {"model_input": list[Pair], "return": list[float]}

    return Adding()


def function_of(hint: Any) -> Callable[[Any], Any]:
    def repeated(model_input):  # type: ignore[no-untyped-def]  # gets its hint below
        return [value * 2 for value in model_input]

    repeated.__annotations__ = {"model_input": hint, "return": hint}
    return repeated


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a model adds to the path of imports goes; MLflow's files go into a folder that does."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)


def save(writer: ModuleType, path: Path, **arguments: Any) -> None:
    writer.pyfunc.save_model(str(path), pip_requirements=REQUIRED, **arguments)


def load(reader: ModuleType, path: Path) -> Any:
    return reader.pyfunc.load_model(str(path))


@WAYS
def test_a_class_with_artifacts_configuration_params_and_a_stream(
    writer: ModuleType, reader: ModuleType, tmp_path: Path
) -> None:
    offset = tmp_path / "offset.txt"
    offset.write_text("5")
    save(
        writer,
        tmp_path / "m",
        python_model=scaled(writer.pyfunc.PythonModel),
        artifacts={"offset": str(offset)},
        model_config={"bias": 0.5},
        signature=writer.models.infer_signature(FRAME, params={"shift": 0.0}),
    )
    offset.unlink()
    model = load(reader, tmp_path / "m")
    assert model.predict(FRAME) == [5.5, 8.5]
    assert model.predict(FRAME, params={"shift": 1.0}) == [6.5, 9.5]
    assert model.unwrap_python_model().factor == 3


@WAYS
def test_streams(writer: ModuleType, reader: ModuleType, tmp_path: Path) -> None:
    save(writer, tmp_path / "m", python_model=streaming(writer.pyfunc.PythonModel))
    assert list(load(reader, tmp_path / "m").predict_stream("abc")) == ["a", "b", "c"]


@WAYS
@pytest.mark.parametrize("compression", ["lzma", "bzip2", "gzip"])
def test_compressed_pickles(
    writer: ModuleType, reader: ModuleType, compression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if IS_MLFLOW_2 and reader is mlflow:
        pytest.skip("MLflow 2 knows no compressed pickles")
    monkeypatch.setenv("MLFLOW_LOG_MODEL_COMPRESSION", compression)
    save(writer, tmp_path / "m", python_model=upper(writer.pyfunc.PythonModel))
    monkeypatch.delenv("MLFLOW_LOG_MODEL_COMPRESSION")
    assert load(reader, tmp_path / "m").predict(["a"]) == ["A"]


@WAYS
def test_type_hints(writer: ModuleType, reader: ModuleType, tmp_path: Path) -> None:
    save(writer, tmp_path / "m", python_model=upper(writer.pyfunc.PythonModel), input_example=["x"])
    model = load(reader, tmp_path / "m")
    assert model.predict(["a"]) == ["A"]
    assert model.predict(pd.DataFrame({"text": ["a", "b"]})) == ["A", "B"]
    described = model.metadata.to_dict()
    assert described["signature"] == {
        "inputs": '[{"type": "string", "required": true}]',
        "outputs": '[{"type": "string", "required": true}]',
        "params": None,
    }
    assert described["is_signature_from_type_hint"] is True


@pytest.mark.parametrize(
    "hint", [list[int], list[float], list[bool], list[bytes], list[list[int]], list[dict[str, int]]]
)
def test_both_give_hints_the_same_signature(hint: Any, tmp_path: Path) -> None:
    signatures = []
    for writer in (mlkeep, mlflow):
        save(writer, tmp_path / writer.__name__, python_model=function_of(hint))
        signatures.append(mlkeep.models.Model.load(tmp_path / writer.__name__).to_dict()["signature"])
    assert signatures[0] == signatures[1]


@WAYS
def test_pydantic_models_as_hints(writer: ModuleType, reader: ModuleType, tmp_path: Path) -> None:
    save(writer, tmp_path / "m", python_model=adding(writer.pyfunc.PythonModel), input_example=[{"one": 1}])
    described = mlkeep.models.Model.load(tmp_path / "m").to_dict()["signature"]
    assert described["inputs"] == (
        '[{"type": "object", "properties": {"one": {"type": "long", "required": true}, '
        '"two": {"type": "double", "required": false}}, "required": true}]'
    )
    model = load(reader, tmp_path / "m")
    assert model.predict([{"one": 1, "two": 0.5}]) == [1.5]
    assert model.predict(pd.DataFrame([{"one": 1, "two": 0.5}, {"one": 2, "two": 1.5}])) == [1.5, 3.5]
    with pytest.raises(Exception, match=r"(?s)(Failed to validate|invalid elements|validation error)"):
        model.predict([{"two": 1.0}])


def test_what_is_no_pydantic_model_is_refused_here(tmp_path: Path) -> None:
    save(mlkeep, tmp_path / "m", python_model=adding(mlkeep.pyfunc.PythonModel))
    model = load(mlkeep, tmp_path / "m")
    with pytest.raises(mlkeep.MlkeepException, match="Expected a dict or Pair, but got int"):
        model.predict([3])
    with pytest.raises(mlkeep.MlkeepException, match="Input should be a valid integer"):
        model.predict([{"one": "1"}])
    hint = model.unwrap_python_model().predict_type_hints.input.__args__[0]
    assert model.predict([hint(one=2)]) == [2]


@WAYS
@pytest.mark.parametrize("package", ["mlflow", "mlkeep"])
def test_scripts(writer: ModuleType, reader: ModuleType, package: str, tmp_path: Path) -> None:
    if package == "mlkeep" and mlflow in {writer, reader}:
        pytest.skip("MLflow listens to its own set_model only: a script for both says import mlflow")
    script = tmp_path / "model.py"
    script.write_text(
        f"import {package} as package\n"
        f"from {package}.models import ModelConfig, set_model\n"
        "config = ModelConfig(development_config={'factor': 2})\n"
        "class Scaled(package.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return (model_input['a'] * config.get('factor')).tolist()\n"
        "set_model(Scaled())\n"
    )
    save(writer, tmp_path / "m", python_model=str(script), model_config={"factor": 3}, input_example=FRAME)
    script.unlink()
    model = load(reader, tmp_path / "m")
    assert model.predict(FRAME) == [0.0, 3.0]
    assert reader.pyfunc.load_model(str(tmp_path / "m"), model_config={"factor": 4}).predict(FRAME) == [0.0, 4.0]
    assert model.metadata.signature.to_dict()["inputs"] == (
        '[{"type": "double", "name": "a", "required": true}, {"type": "double", "name": "b", "required": true}]'
    )


def test_mlflow_has_its_own_functions_back_after_a_script(tmp_path: Path) -> None:
    before = (mlflow.models.set_model, mlflow.models.ModelConfig)
    script = tmp_path / "model.py"
    script.write_text("import mlflow\nmlflow.models.set_model(lambda model_input: model_input)\n")
    save(mlkeep, tmp_path / "m", python_model=script)
    assert (mlflow.models.set_model, mlflow.models.ModelConfig) == before


@WAYS
def test_a_loader_module_with_code_and_data(writer: ModuleType, reader: ModuleType, tmp_path: Path) -> None:
    name = f"loader_of_{writer.__name__}_for_{reader.__name__}"
    (tmp_path / f"{name}.py").write_text(
        "from pathlib import Path\n"
        "class Loaded:\n"
        "    def __init__(self, path):\n        self.text = Path(path).read_text()\n"
        "    def predict(self, data):\n        return [self.text, len(data)]\n"
        "def _load_pyfunc(path):\n    return Loaded(path)\n"
    )
    (tmp_path / "data.txt").write_text("hello")
    save(
        writer,
        tmp_path / "m",
        loader_module=name,
        data_path=str(tmp_path / "data.txt"),
        code_paths=[str(tmp_path / f"{name}.py")],
    )
    (tmp_path / f"{name}.py").unlink()
    assert load(reader, tmp_path / "m").predict(FRAME) == ["hello", 2]


@WAYS
def test_modules_that_are_found_by_themselves(
    writer: ModuleType, reader: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if writer is mlflow:
        pytest.skip("MLflow finds them in a child process, which takes long and is its own affair")
    name = f"project_for_{reader.__name__}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "steps.py").write_text("def step(value):\n    return value + 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    step = __import__(f"{name}.steps", fromlist=["steps"]).step
    save(writer, tmp_path / "m", python_model=lambda model_input: [step(v) for v in model_input], infer_code_paths=True)
    for module in (name, f"{name}.steps"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    assert load(reader, tmp_path / "m").predict([1]) == [2]
    assert sys.modules[f"{name}.steps"].__file__ == str(tmp_path / "m" / "code" / name / "steps.py")


def test_the_type_of_the_example_of_mlflow(tmp_path: Path) -> None:
    base: Any = mlflow.pyfunc.PythonModel
    hint = importlib.import_module("mlflow.types.type_hints").TypeFromExample

    class Shape(base):  # type: ignore[misc]  # without types here
        def predict(self, model_input):  # type: ignore[no-untyped-def]  # gets its hint below
            return [repr(model_input)]

        predict.__annotations__ = {"model_input": hint}

    save(mlflow, tmp_path / "m", python_model=Shape(), input_example=["a"])
    theirs, ours = (load(reader, tmp_path / "m") for reader in (mlflow, mlkeep))
    for data in (["b"], "b", pd.DataFrame({"x": ["b", "c"]})):
        assert ours.predict(data) == theirs.predict(data)


@WAYS
def test_changing_the_signature(writer: ModuleType, reader: ModuleType, tmp_path: Path) -> None:
    save(writer, tmp_path / "m", python_model=function_of(Any))
    mlkeep.models.set_signature(tmp_path / "m", mlkeep.models.infer_signature(FRAME))
    model = load(reader, tmp_path / "m")
    assert [column.name for column in model.metadata.get_input_schema().inputs] == ["a", "b"]
    with pytest.raises(Exception, match="Model is missing inputs"):
        model.predict(FRAME[["a"]])


def test_what_mlflow_cannot_know_of_is_kept(tmp_path: Path) -> None:
    """MLmodel files of one are read, and written again, by the other."""
    save(mlkeep, tmp_path / "m", python_model=function_of(list[str]), metadata={"k": [1]})
    ours = mlkeep.models.Model.load(tmp_path / "m")
    theirs = mlflow.models.Model.load(str(tmp_path / "m"))
    known = {key: value for key, value in ours.to_dict().items() if not key.startswith("mlkeep_")}
    told = theirs.to_dict()
    assert {key: told.get(key) for key in known} == known
    assert mlkeep.models.Model.from_dict(told).flavors == ours.flavors
