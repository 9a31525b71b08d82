"""The functions of `mlkeep.models` about environments."""

from __future__ import annotations

import importlib.metadata
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

import mlkeep.models
import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.environments.verifying import verify
from mlkeep.models.pickled_names import modules_in_pickle
from tests.unit.environments.conftest import EXAMPLE


def pin(name: str) -> str:
    return f"{name}=={importlib.metadata.version(name)}"


def test_they_take_what_mlflow_takes() -> None:
    assert {name: list(inspect.signature(getattr(mlkeep.models, name)).parameters) for name in FUNCTIONS} == FUNCTIONS


FUNCTIONS = {
    "infer_pip_requirements": [
        *("model_uri", "flavor", "fallback", "timeout", "extra_env_vars", "uv_project_dir", "uv_groups", "uv_extras"),
    ],
    "build_docker": [
        *("model_uri", "name", "env_manager", "mlflow_home", "install_java", "install_mlflow", "base_image"),
    ],
    "predict": [
        *("model_uri", "input_data", "input_path", "content_type", "output_path", "env_manager", "install_mlflow"),
        *("pip_requirements_override", "extra_envs"),
    ],
    "update_model_requirements": ["model_uri", "operation", "requirement_list"],
}


def test_the_requirements_of_a_saved_model_are_inferred(model: Path) -> None:
    assert mlkeep.models.infer_pip_requirements(str(model), "python_function") == [
        pin("cloudpickle"),
        pin("iniconfig"),
    ]


def test_where_a_model_cannot_be_used_the_fallback_is_the_answer(
    doubling: ModuleType, code: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m"
    mlkeep.pyfunc.save_model(path, python_model=doubling.Unlucky(), code_paths=[str(code)], input_example=EXAMPLE)
    infer = mlkeep.models.infer_pip_requirements
    assert infer(str(path), "python_function", ["a==1"]) == ["a==1"]
    environment.setenv("MLFLOW_REQUIREMENTS_INFERENCE_RAISE_ERRORS", "true")
    with pytest.raises(ValueError, match="no luck"):
        infer(str(path), "python_function", ["a==1"], extra_env_vars={"A_OF_A_TEST": "1"})


def test_a_pickle_names_its_modules(model: Path, tmp_path: Path) -> None:
    assert "doubling_models" in modules_in_pickle(model / "python_model.pkl")
    (tmp_path / "x.pkl").write_bytes(b"no pickle")
    assert modules_in_pickle(tmp_path / "x.pkl") == set()


def test_predicting_takes_frames_and_writes_files(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    mlkeep.models.predict(
        str(model), pd.DataFrame({"a": [2.0]}), content_type="csv", output_path=str(output), env_manager="local"
    )
    assert output.read_text() == '{"predictions":[4.0]}'


def test_predicting_tells_what_is_wrong(model: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "Give either input_data or input_path"),
        ({"input_data": "x", "input_path": "y"}, "only one of them"),
        ({"input_data": "x", "content_type": "xml"}, "'xml' is unknown; choose 'json' or 'csv'"),
        ({"input_data": [1], "content_type": "csv"}, "CSV is made of a text or a frame, not of list"),
    ]
    for arguments, why in wrong:
        with pytest.raises(InvalidInput, match=why):
            mlkeep.models.predict(str(model), **arguments)
    with pytest.raises(MlkeepException, match=r"did not predict in its environment \(exit code 1\)"):
        mlkeep.models.predict(str(model), "{}", env_manager="local")


@pytest.mark.parametrize("unknown", ["docker", "", None])
def test_an_unknown_environment_manager_is_named(unknown: Any, tmp_path: Path) -> None:
    told = rf"env_manager: {unknown!r} is unknown; choose one of local, uv, virtualenv, conda\."
    with pytest.raises(InvalidInput, match=told):
        mlkeep.models.predict(str(tmp_path), "{}", env_manager=unknown)
    with pytest.raises(InvalidInput, match=told):
        verify(str(tmp_path), unknown)
