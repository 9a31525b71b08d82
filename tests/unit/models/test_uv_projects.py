"""What uv knows: lock files of projects, and locking a model's requirements."""

from __future__ import annotations

import importlib.metadata
import logging
import shutil
import sys
from pathlib import Path

import pytest

import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput, NotInstalled
from mlkeep.models import uv
from mlkeep.models.locking import locked
from mlkeep.models.requirements import Requirements
from mlkeep.models.uv_project import copy_project_files, exported, uv_project
from mlkeep.version import __version__

OWN = f"mlkeep=={__version__}"

PROJECT = """
[project]
name = "p"
version = "0"
requires-python = ">=3.11"
dependencies = ["colorama==0.4.6"]
[project.optional-dependencies]
y = ["six"]
[dependency-groups]
x = ["iniconfig"]
"""


def package(name: str, version: str) -> str:
    url = f"https://files.example/{name}-{version}-py3-none-any.whl"
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "https://index.example/simple" }}\n'
        f'wheels = [{{ url = "{url}", hash = "sha256:{"0" * 64}", size = 1 }}]\n\n'
    )


LOCK = f"""version = 1
revision = 3
requires-python = ">=3.11"

{package("colorama", "0.4.6")}{package("iniconfig", "2.1.0")}{package("six", "1.17.0")}[[package]]
name = "p"
version = "0"
source = {{ virtual = "." }}
dependencies = [{{ name = "colorama" }}]

[package.optional-dependencies]
y = [{{ name = "six" }}]

[package.dev-dependencies]
x = [{{ name = "iniconfig" }}]

[package.metadata]
requires-dist = [{{ name = "colorama", specifier = "==0.4.6" }}, {{ name = "six", marker = "extra == 'y'" }}]
provides-extras = ["y"]

[package.metadata.requires-dev]
x = [{{ name = "iniconfig" }}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "uv.lock").write_text(LOCK)
    return folder


def test_a_project_of_uv_in_the_working_folder_says_what_is_required(
    project: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.chdir(project)
    mlkeep.pyfunc.save_model(tmp_path / "m", loader_module="json")
    assert (tmp_path / "m" / "requirements.txt").read_text().splitlines() == [OWN, "colorama==0.4.6"]
    assert (tmp_path / "m" / "uv.lock").read_text() == LOCK
    assert (tmp_path / "m" / "pyproject.toml").read_text() == PROJECT


def test_a_project_can_be_named_with_its_groups_and_extras(project: Path) -> None:
    found = uv_project(project, ["x"], ["y"])
    assert found is not None
    assert found.lines == ["colorama==0.4.6", "iniconfig==2.1.0", "six==1.17.0"]
    assert exported(found, ["six<2", "more"]).lines == [OWN, "colorama==0.4.6", "iniconfig==2.1.0", "six<2", "more"]


def test_a_python_model_names_the_project_it_is_made_in(
    project: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("MLFLOW_UV_AUTO_DETECT", "false")  # which is about projects that are not named
    lines = [OWN, "colorama==0.4.6", "iniconfig==2.1.0", "six<2"]
    for folder in (str(project), project):
        target = tmp_path / f"m{type(folder).__name__}"
        mlkeep.pyfunc.save_model(
            target,
            loader_module="json",
            extra_pip_requirements=["six<2"],
            uv_project_path=folder,
            uv_groups=["x"],
            uv_extras=["y"],
        )
        assert (target / "requirements.txt").read_text().splitlines() == lines
        assert (target / "uv.lock").read_text() == LOCK


def test_a_model_is_logged_with_what_its_project_locks(
    project: Path, environment: pytest.MonkeyPatch, no_database_stays_open: None
) -> None:
    info = mlkeep.pyfunc.log_model(name="m", python_model=lambda model_input: model_input, uv_project_path=project)
    found = Path(mlkeep.pyfunc.get_model_dependencies(info.model_uri))
    assert found.read_text().splitlines() == [OWN, "colorama==0.4.6"]
    assert (found.parent / "pyproject.toml").read_text() == PROJECT


def test_groups_and_extras_without_a_project_are_told_of(
    tmp_path: Path, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mlkeep.pyfunc.save_model(tmp_path / "m", loader_module="json", uv_groups=["x"])
    assert caplog.messages == [
        f"uv_groups and uv_extras are ignored, because '{tmp_path}' is not used as a project of uv: give uv_project_path."
    ]
    assert "iniconfig" not in (tmp_path / "m" / "requirements.txt").read_text()


def test_requirements_that_are_stated_come_before_a_project(
    project: Path, tmp_path: Path, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mlkeep.pyfunc.save_model(
            tmp_path / "m", loader_module="json", pip_requirements=["six"], uv_project_path=project
        )
    assert caplog.messages == ["uv_project_path is ignored: pip_requirements or conda_env say what the model needs."]
    assert (tmp_path / "m" / "requirements.txt").read_text().splitlines() == [OWN, "six"]
    assert not (tmp_path / "m" / "uv.lock").exists()


@pytest.mark.parametrize(("groups", "extras", "why"), [(["nope"], [], "Group `nope`"), ([], ["nope"], "Extra `nope`")])
def test_a_group_or_extra_that_the_project_does_not_have_is_named(
    project: Path, tmp_path: Path, groups: list[str], extras: list[str], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        mlkeep.pyfunc.save_model(
            tmp_path / "m", loader_module="json", uv_project_path=project, uv_groups=groups, uv_extras=extras
        )
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("variable", ["MLFLOW_UV_AUTO_DETECT", "MLKEEP_UV_AUTO_DETECT"])
def test_looking_for_projects_can_be_forbidden(project: Path, environment: pytest.MonkeyPatch, variable: str) -> None:
    environment.chdir(project)
    environment.setenv(variable, "false")
    assert uv_project() is None


def test_files_of_the_project_are_left_out_where_that_is_said(
    project: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("MLFLOW_LOG_UV_FILES", "false")
    found = uv_project(project)
    assert found is not None
    copy_project_files(found, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"]


def test_a_lock_file_that_cannot_be_read_is_told_of(
    project: Path, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (project / "uv.lock").write_text("what")
    environment.chdir(project)
    with caplog.at_level(logging.WARNING):
        assert uv_project() is None
    assert "The model's imports are looked at instead." in caplog.messages[0]
    with pytest.raises(InvalidInput, match=r"uv\.lock"):
        uv_project(project)


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"uv_project_path: there is no pyproject.toml"):
        uv_project(tmp_path)


def test_without_uv_the_extra_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "find_uv", lambda: None)
    for call in (lambda: locked(Requirements(["six"])), lambda: uv_project(project)):
        with pytest.raises(NotInstalled, match=r"pip install 'mlkeep\[uv\]'"):
            call()


def test_requirements_are_locked_to_what_is_installed_here(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    """Asks the package index. Both outcomes are in one test, as each takes a while."""
    environment.setenv("MLFLOW_LOCK_MODEL_DEPENDENCIES", "true")
    mlkeep.pyfunc.save_model(tmp_path / "m", loader_module="json")
    installed = importlib.metadata.version
    lines = (tmp_path / "m" / "requirements.txt").read_text().splitlines()
    constraints = (tmp_path / "m" / "constraints.txt").read_text().splitlines()
    assert lines == [OWN, f"cloudpickle=={installed('cloudpickle')}", "-c constraints.txt"]
    assert {OWN, f"numpy=={installed('numpy')}", f"sqlalchemy=={installed('sqlalchemy')}"} <= set(constraints)

    with pytest.raises(
        InvalidInput, match=r"because of the requirement 'scikit_learn==99': .*no version of scikit-learn==99"
    ):
        locked(Requirements(["colorama", "scikit_learn==99"]))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("error: No solution found\n  cause: Because a==1 is\n    not there.\n", "Because a==1 is not there."),
        ("  × No solution found:\n  ╰─▶ Because b is not\n      there, no\n", "Because b is not there, no."),
        ("noise\nERROR: Could not find c\nERROR: No matching\n", "Could not find c."),
        ("", "it did not say why."),
    ],
)
def test_the_reason_is_taken_from_what_is_printed(told: str, reason: str) -> None:
    assert uv.reason_of(told) == reason


def test_the_line_that_is_to_blame_is_named() -> None:
    error = uv.unresolved("error: x\n cause: Because foo-bar was not found", ["foo", "foo_bar>=1", "baz"])
    assert "because of the requirement 'foo_bar>=1': Because foo-bar was not found." in error.message


def test_uv_is_found_beside_python() -> None:
    assert uv.find_uv() == str(Path(shutil.which("uv", path=str(Path(sys.executable).parent)) or ""))
