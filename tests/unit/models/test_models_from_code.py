"""Models that are a script: what they say in it, how it is kept and run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlkeep.models
import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import fluent

SCALED = """
from pathlib import Path
import mlkeep
from mlkeep.models import ModelConfig, set_model

config = ModelConfig(development_config={"factor": 2, "unit": "m"})

class Scaled(mlkeep.pyfunc.PythonModel):
    def load_context(self, context):
        self.offset = float(Path(context.artifacts["offset"]).read_text()) if context.artifacts else 0

    def predict(self, context, model_input, params=None):
        return [value * config.get("factor") + self.offset for value in model_input]

set_model(Scaled())
"""

FOR_MLFLOW = """
import mlflow
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Upper(PythonModel):
    def predict(self, model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]

set_model(Upper())
"""


def script(folder: Path, text: str, name: str = "model.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_script_is_copied_and_runs_when_the_model_is_loaded(tmp_path: Path) -> None:
    offset = tmp_path / "offset.txt"
    offset.write_text("5")
    path = script(tmp_path, SCALED)
    mlkeep.pyfunc.save_model(
        tmp_path / "m", python_model=str(path), artifacts={"offset": str(offset)}, model_config={"factor": 3}
    )
    conf = Model.load(tmp_path / "m").flavors["python_function"]
    assert {key: conf[key] for key in conf if key not in {"env", "python_version", "cloudpickle_version"}} == {
        "artifacts": {"offset": {"path": "artifacts/offset.txt", "uri": str(offset)}},
        "code": None,
        "config": {"factor": 3},
        "loader_module": "mlflow.pyfunc.loaders.code_model",
        "model_code_path": str(path),
        "streamable": False,
    }
    assert (tmp_path / "m" / "model.py").read_text() == SCALED
    assert not list((tmp_path / "m").glob("*.pkl"))
    path.unlink()
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert loaded.predict([1, 2]) == [8.0, 11.0]
    assert loaded.loader_module == "mlflow.pyfunc.loaders.code_model"
    assert type(loaded.unwrap_python_model()).__name__ == "Scaled"
    assert mlkeep.pyfunc.load_model(tmp_path / "m", model_config={"factor": 4}).predict([1]) == [9.0]


def test_without_a_saved_configuration_that_of_development_is_used(tmp_path: Path) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=script(tmp_path, SCALED))
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict([1]) == [2.0]


def test_each_loading_has_a_module_of_its_own(tmp_path: Path) -> None:
    path = script(tmp_path, SCALED)
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=path, model_config={"factor": 3})
    one, two = (mlkeep.pyfunc.load_model(tmp_path / "m", model_config={"factor": factor}) for factor in (1, 10))
    assert (one.predict([1]), two.predict([1])) == ([1.0], [10.0])


def test_a_function_can_be_announced(tmp_path: Path) -> None:
    path = script(
        tmp_path, "import mlkeep\ndef f(model_input):\n    return model_input * 2\nmlkeep.models.set_model(f)"
    )
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=path, input_example=[1, 2])
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict([1]).iloc[:, 0].tolist() == [2]


def test_a_script_for_mlflow_runs_where_there_is_none(tmp_path: Path) -> None:
    assert "mlflow" not in sys.modules
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=script(tmp_path, FOR_MLFLOW))
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(["a"]) == ["A"]
    assert not [name for name in sys.modules if name.partition(".")[0] == "mlflow"], "only while the script runs"


def test_a_part_of_mlflow_that_mlkeep_has_not_is_named(tmp_path: Path) -> None:
    path = script(tmp_path, "import mlflow.langchain")
    with pytest.raises(InvalidInput, match=r"'mlflow\.langchain'.*install mlflow, or write the script for mlkeep"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=path)


def test_a_model_is_logged_from_a_script_with_its_configuration_as_params(tracking: None, tmp_path: Path) -> None:
    config = {"factor": 3, "model": {"name": "small", "layers": [1, 2]}, "note": None}
    with fluent.start_run() as run:
        info = mlkeep.pyfunc.log_model(name="m", python_model=script(tmp_path, SCALED), model_config=config)
    assert mlkeep.pyfunc.load_model(info.model_uri).predict([1]) == [3.0]
    assert fluent.get_run(run.info.run_id).data.params == {
        "factor": "3",
        "model/name": "small",
        "model/layers": "[1, 2]",
        "note": "None",
    }


def test_a_configuration_that_cannot_be_a_param_does_not_stop_the_logging(
    tracking: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = script(tmp_path, SCALED)
    with fluent.start_run() as run:
        for factor in (3, 4):
            mlkeep.pyfunc.log_model(name="m", python_model=path, model_config={"factor": factor})
    assert fluent.get_run(run.info.run_id).data.params == {"factor": "3"}
    assert "model_config: factor is not logged as a param of the run" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"model\.py does not say what the model is: call mlkeep\.models\.set_model"),
        ("import mlkeep\nmlkeep.models.set_model(3)", "set_model takes an instance of a PythonModel or a function"),
        (
            "import mlkeep, sklearn.dummy as d\nmlkeep.models.set_model(d.DummyRegressor())",
            r"found DummyRegressor\(\)\. Save models of a framework with its flavor",
        ),
        ("import mlkeep\nmlkeep.models.set_model(mlkeep.pyfunc.PythonModel)", "set_model takes an instance"),
        ("import mlkeep\nmlkeep.models.set_model(lambda a, b: a)", "exactly one argument"),
        ("1 / 0", r"Failed to run user code from .*model\.py\. Error: ZeroDivisionError: division by zero"),
        ("raise SystemExit(2)", r"Failed to run user code from .*: SystemExit: 2"),
        ("def f(:", "Failed to run user code from .*SyntaxError"),
        ("import no_such_module", "No module named 'no_such_module'"),
        (
            "from mlkeep.models import ModelConfig\nModelConfig()",
            "FileNotFoundError: Config file is not provided which is needed to load the model",
        ),
    ],
)
def test_a_script_that_makes_no_model_is_refused(tmp_path: Path, text: str, message: str) -> None:
    before = set(sys.modules)
    with pytest.raises(InvalidInput, match=message):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=script(tmp_path, text))
    assert not (tmp_path / "m").exists()
    assert not [name for name in set(sys.modules) - before if name.startswith("code_model_")]


def test_what_is_no_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"The provided model path 'no\.py' does not exist"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model="no.py")
    with pytest.raises(InvalidInput, match=r"is not a Python script; its name must end in \.py"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=script(tmp_path, "", "model.txt"))


def test_a_script_that_is_gone_from_the_folder_is_named(tmp_path: Path) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=script(tmp_path, SCALED))
    (tmp_path / "m" / "model.py").unlink()
    with pytest.raises(NotFound, match=r"'model\.py', which belongs to the model"):
        mlkeep.pyfunc.load_model(tmp_path / "m")

    described = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    described.pop("mlkeep_files")  # as MLflow writes it
    (tmp_path / "m" / "MLmodel").write_text(yaml.safe_dump(described))
    with pytest.raises(InvalidInput, match=r"there is no script 'model\.py' beside it"):
        mlkeep.pyfunc.load_model(tmp_path / "m")


def test_the_configuration_of_a_script(tmp_path: Path) -> None:
    config = mlkeep.models.ModelConfig(development_config={"a": 1})
    assert (config.get("a"), config.to_dict()) == (1, {"a": 1})
    with pytest.raises(KeyError, match=r"Key 'b' not found in configuration: \{'a': 1\}"):
        config.get("b")
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"a": {"b": 2}}))
    assert mlkeep.models.ModelConfig(development_config=str(file)).get("a") == {"b": 2}
    with pytest.raises(FileNotFoundError, match=r"Config file 'no\.yaml' not found"):
        mlkeep.models.ModelConfig(development_config="no.yaml")
    with pytest.raises(InvalidInput, match="expected a dict"):
        mlkeep.models.ModelConfig(development_config=[1])  # type: ignore[arg-type]  # what the check is for


def test_a_folder_may_keep_its_configuration_in_a_file(tmp_path: Path) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=script(tmp_path, SCALED), model_config={"factor": 3})
    text = (tmp_path / "m" / "MLmodel").read_text()
    (tmp_path / "m" / "MLmodel").write_text(text.replace("config:\n      factor: 3", "config: config.yaml"))
    (tmp_path / "m" / "config.yaml").write_text("factor: 7")
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict([1]) == [7.0]


def test_modules_named_in_code_paths_are_there_for_the_script(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "mlkeep_test_shout.py").write_text("def shout(text): return text.upper()")
    text = "import mlkeep\nfrom mlkeep_test_shout import shout\n"
    text += "mlkeep.models.set_model(lambda model_input: [shout(text) for text in model_input])"
    before: list[Any] = [*sys.path]
    mlkeep.pyfunc.save_model(
        tmp_path / "m",
        python_model=script(tmp_path, text),
        code_paths=[str(tmp_path / "lib" / "mlkeep_test_shout.py")],
    )
    assert sys.path == before
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(["a"]) == ["A"]
    sys.path[:] = before
