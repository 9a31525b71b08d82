"""Changing the requirements of a model that is there already."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from click.testing import CliRunner

import mlkeep
import mlkeep.models
import mlkeep.pyfunc
from mlkeep.cli.models import models
from mlkeep.core.errors import InvalidInput
from mlkeep.models.environment import write_environment
from mlkeep.models.requirements import Requirements


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_environment(tmp_path, Requirements(["mlkeep==0.1.0", "a==1", "b[x]>=2"], ["a==1", "c==3"]))
    return tmp_path


def requirements(folder: Path) -> list[str]:
    """The lines of requirements.txt, which are those of conda.yaml too."""
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert yaml.safe_load((folder / "conda.yaml").read_text())["dependencies"][-1] == {"pip": lines}
    return lines


def test_a_line_that_is_added_replaces_that_of_the_same_name(folder: Path) -> None:
    mlkeep.models.update_model_requirements(str(folder), "add", ["A==2", "d"])
    assert requirements(folder) == ["mlkeep==0.1.0", "b[x]>=2", "A==2", "d", "-c constraints.txt"]
    assert (folder / "constraints.txt").read_text() == "c==3"


def test_lines_are_removed_by_name(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        mlkeep.models.update_model_requirements(str(folder), "remove", ["B", "nothing"])
    assert requirements(folder) == ["mlkeep==0.1.0", "a==1", "-c constraints.txt"]
    assert caplog.messages == ["The model does not require nothing: nothing to remove."]


def test_models_of_runs_and_logged_models_are_updated_where_they_are(doubling: ModuleType, code: Path) -> None:
    with mlkeep.start_run() as run:
        mlkeep.pyfunc.log_model("m", python_model=doubling.Doubler(), code_paths=[str(code)])
    logged = mlkeep.pyfunc.log_model(name="n", python_model=doubling.Doubler(), code_paths=[str(code)])
    for uri in (f"runs:/{run.info.run_id}/m", logged.model_uri):
        result = CliRunner().invoke(models, ["update-pip-requirements", "-m", uri, "add", "six==1"])
        assert (result.exit_code, result.stderr) == (0, f"The requirements of {uri} are updated.\n")
        found = Path(mlkeep.artifacts.download_artifacts(uri))
        assert requirements(found)[-1] == "six==1"
        mlkeep.pyfunc.load_model(uri, suppress_warnings=True)


@pytest.mark.parametrize("uri", ["models:/m/1", "models:/m@champion"])
def test_versions_do_not_change(uri: str) -> None:
    with pytest.raises(InvalidInput, match="is registered, and versions do not change"):
        mlkeep.models.update_model_requirements(uri, "add", ["a"])


def test_what_is_no_requirement_is_not_added(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="'a b c' is no requirement"):
        mlkeep.models.update_model_requirements(str(folder), "add", ["a b c"])
    good = [
        "git+https://x.org/y.git@v1",
        "./z-1-py3-none-any.whl",
        "--extra-index-url https://x.org",
        "d[e]~=1.0 ; python_version > '3'",
    ]
    mlkeep.models.update_model_requirements(str(folder), "add", good)
    assert requirements(folder)[-5:] == [*good, "-c constraints.txt"]


def test_another_operation_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'clear' is unknown; choose 'add' or 'remove'"):
        mlkeep.models.update_model_requirements("x", "clear", ["a"])  # type: ignore[arg-type]  # as users call it
