"""Which requirements a model lists, and the files they go into."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlkeep.core.errors import InvalidInput
from mlkeep.models.environment import stated_conda, write_environment
from mlkeep.models.requirements import Requirements, check_exclusive, inferred, parse, pinned, stated
from mlkeep.version import __version__

OWN = f"mlkeep=={__version__}"


def pin(name: str) -> str:
    return f"{name}=={importlib.metadata.version(name)}"


def test_modules_are_named_by_the_distributions_that_provide_them() -> None:
    modules = {"sklearn.linear_model._logistic", "yaml", "json", "mlkeep.models", "no_such_module_anywhere"}
    assert inferred(modules, [pin("scikit-learn"), pin("cloudpickle")]).lines == [
        OWN,
        pin("cloudpickle"),
        pin("PyYAML"),
        pin("scikit-learn"),
    ]


def test_extra_requirements_replace_inferred_ones_of_the_same_name() -> None:
    found = inferred({"numpy"}, ["cloudpickle==3.0"], ["Cloudpickle<4", "extra[all]>=1 ; python_version>'3'"])
    assert found.lines == [OWN, "Cloudpickle<4", pin("numpy"), "extra[all]>=1 ; python_version>'3'"]


def test_stated_requirements_are_kept_and_mlkeep_is_put_in_front() -> None:
    assert stated(["b", "a==1", "--extra-index-url https://example.org/simple"]).lines == [
        OWN,
        "b",
        "a==1",
        "--extra-index-url https://example.org/simple",
    ]


@pytest.mark.parametrize("line", ["mlkeep", "mlflow==3.17.2", "mlflow-skinny>=2"])
def test_mlflow_will_do_as_well(line: str) -> None:
    assert stated([line, "numpy"]).lines == [line, "numpy"]


def test_files_of_requirements_and_constraints_are_read(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("b==2\n")
    (tmp_path / "limits.txt").write_text("c<3\n\n")
    (tmp_path / "requirements.txt").write_text("# comment\na==1  # why\n-r more.txt\n-c limits.txt\n")
    assert parse(tmp_path / "requirements.txt") == Requirements(["a==1", "b==2"], ["c<3"])


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"cannot read nowhere\.txt"):
        parse("nowhere.txt")


def test_what_is_not_installed_stays_without_a_version() -> None:
    assert pinned("no-such-distribution") == "no-such-distribution"


def test_only_one_way_to_state_requirements_can_be_used() -> None:
    check_exclusive(None, ["a"], None)
    with pytest.raises(ValueError, match="found conda_env and extra_pip_requirements"):
        check_exclusive({}, None, ["a"])


def test_the_files_of_an_environment(tmp_path: Path) -> None:
    write_environment(tmp_path, Requirements(["a==1"], ["b<2"]))
    assert (tmp_path / "requirements.txt").read_text() == "a==1\n-c constraints.txt"
    assert (tmp_path / "constraints.txt").read_text() == "b<2"
    conda = yaml.safe_load((tmp_path / "conda.yaml").read_text())
    assert conda["name"] == "mlflow-env"
    assert conda["channels"] == ["conda-forge"]
    assert conda["dependencies"][0] == f"python={platform.python_version()}"
    assert conda["dependencies"][-1] == {"pip": ["a==1", "-c constraints.txt"]}
    python_env = yaml.safe_load((tmp_path / "python_env.yaml").read_text())
    assert python_env["python"] == platform.python_version()
    assert python_env["dependencies"] == ["-r requirements.txt"]


@pytest.mark.parametrize("as_file", [False, True])
def test_a_stated_conda_environment_is_kept(tmp_path: Path, as_file: bool) -> None:
    given: Any = {"name": "mine", "dependencies": ["python=3.12", "pip", {"pip": ["a==1"]}]}
    if as_file:
        path = tmp_path / "conda.yaml"
        path.write_text(yaml.safe_dump(given))
        given = str(path)
    environment, requirements = stated_conda(given)
    assert environment == {"name": "mine", "dependencies": ["python=3.12", "pip", {"pip": [OWN, "a==1"]}]}
    assert requirements.lines == [OWN, "a==1"]
