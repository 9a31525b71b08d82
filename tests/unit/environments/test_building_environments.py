"""Building the environment of a model. One test here builds one with uv, the others need no network."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import mlkeep
import mlkeep.pyfunc
from mlkeep.cli.models import models
from mlkeep.core.errors import AlreadyExists, InvalidInput, NotInstalled
from mlkeep.environments import building
from mlkeep.environments.building import EnvManager, build, env_root, interpreter
from mlkeep.environments.recorded import recorded
from mlkeep.models import uv
from mlkeep.models.environment import write_environment
from mlkeep.models.own_wheel import own_digest, write_own_wheel
from mlkeep.models.requirements import Requirements
from mlkeep.serving import server
from mlkeep.version import __version__
from tests.unit.environments.conftest import wheel


@pytest.fixture
def nothing(tmp_path: Path, environment: pytest.MonkeyPatch) -> Path:
    """A model folder that needs another mlkeep, which is a wheel in the folder that imports nothing."""
    environment.setenv("MLKEEP_ENV_ROOT", str(tmp_path / "envs"))
    folder = tmp_path / "model"
    folder.mkdir()
    wheel(folder, "tiny", "1")
    write_environment(folder, Requirements(["tiny-1-py3-none-any.whl"]))
    environment.setenv("MLKEEP_HOME", str(wheel(tmp_path, "mlkeep", "0.0.1")))
    environment.setenv("PIP_NO_INDEX", "1")
    environment.setenv("UV_OFFLINE", "1")
    return folder


def test_uv_builds_it_once(nothing: Path) -> None:
    built = build(recorded(nothing), EnvManager.UV)
    assert (built.packages, built.folder.parent) == (["mlkeep==0.0.1", "tiny==1"], env_root())
    (built.folder / "mark").touch()
    assert build(recorded(nothing), EnvManager.UV) == built
    assert (built.folder / "mark").exists()


def test_pip_builds_it_where_there_is_no_uv(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "find_uv", lambda: None)
    built = build(recorded(nothing), EnvManager.VIRTUALENV)
    assert {"mlkeep==0.0.1", "tiny==1"} <= set(built.packages)
    assert subprocess.check_output([str(built.python), "-c", "import tiny; print(tiny.VALUE)"], text=True) == "1\n"


def test_what_was_not_finished_is_built_anew(nothing: Path) -> None:
    built = build(recorded(nothing), EnvManager.UV)
    (built.folder / "mlkeep-environment.json").unlink()
    (built.folder / "mark").touch()
    assert build(recorded(nothing), EnvManager.UV) == built
    assert not (built.folder / "mark").exists()


def test_a_requirement_that_is_not_there_is_named_and_leaves_nothing(nothing: Path) -> None:
    (nothing / "requirements.txt").write_text("no-such-thing-anywhere==1\n")
    with pytest.raises(InvalidInput, match=r"because of the requirement 'no-such-thing-anywhere==1': .*update-pip-req"):
        build(recorded(nothing), EnvManager.UV)
    assert [path.suffix for path in env_root().iterdir()] == [".lock"]


def test_uv_is_asked_for_by_its_extra(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "find_uv", lambda: None)
    with pytest.raises(NotInstalled, match=r"pip install 'mlkeep\[uv\]'"):
        build(recorded(nothing), EnvManager.UV)


def test_another_python_needs_uv(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "find_uv", lambda: None)
    (nothing / "python_env.yaml").write_text("python: 2.7.18\n")
    with pytest.raises(NotInstalled, match=r"needs Python 2\.7, and this is .*: install uv"):
        build(recorded(nothing), EnvManager.VIRTUALENV)


def test_a_python_that_uv_cannot_bring_is_named(nothing: Path) -> None:
    (nothing / "python_env.yaml").write_text("python: 3.2\n")
    with pytest.raises(InvalidInput, match=r"No environment with Python 3\.2 can be made: "):
        build(recorded(nothing), EnvManager.UV)


def test_without_conda_the_other_ways_are_named(nothing: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_CONDA_HOME", str(nothing))
    with pytest.raises(NotInstalled, match=r"There is no conda here .*--env-manager uv or virtualenv"):
        build(recorded(nothing), EnvManager.CONDA)


def test_conda_makes_what_conda_yaml_lists(nothing: Path, tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    """A stand-in for conda, which is not here: it notes what it is asked for and makes a virtual environment."""
    conda = tmp_path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/called\ncat "$7" > {tmp_path}/asked\nexec {uv.find_uv()} venv --quiet --python {sys.executable} "$5"\n'
    )
    conda.chmod(conda.stat().st_mode | stat.S_IXUSR)
    environment.setenv("MLFLOW_CONDA_HOME", str(tmp_path))
    (nothing / "conda.yaml").write_text("channels: [mine]\ndependencies: [python=3.11.7, gdal, {pip: [x]}]\n")
    built = build(recorded(nothing), EnvManager.CONDA)
    assert {"mlkeep==0.0.1", "tiny==1"} <= set(built.packages)
    assert (tmp_path / "called").read_text().startswith(f"env create --quiet --prefix {built.folder} --file ")
    assert (tmp_path / "asked").read_text() == "channels:\n- mine\ndependencies:\n- python=3.11.7\n- gdal\n- pip\n"


def test_the_wheel_is_the_mlkeep_that_runs_here(tmp_path: Path) -> None:
    path = write_own_wheel(tmp_path)
    first = path.read_bytes()
    assert write_own_wheel(tmp_path).read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        source = Path(str(mlkeep.__file__))
        assert archive.read("mlkeep/__init__.py") == source.read_bytes()
    assert {f"mlkeep-{__version__}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")} <= names
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert len(own_digest()) == 64


def test_environments_are_kept_where_the_variables_say(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert env_root() == tmp_path / "mlkeep" / "envs"
    environment.setenv("MLFLOW_ENV_ROOT", str(tmp_path / "a"))
    assert env_root() == tmp_path / "a"


def test_a_process_in_it_finds_its_packages_first(nothing: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PYTHONPATH", "/elsewhere")
    built = build(recorded(nothing), EnvManager.UV)
    variables = built.variables({"MORE": "1"})
    assert (variables["VIRTUAL_ENV"], variables["MORE"]) == (str(built.folder), "1")
    assert variables["PATH"].split(os.pathsep)[0] == str(interpreter(built.folder).parent)
    assert "PYTHONPATH" not in variables


def test_a_model_is_verified_and_predicts_in_its_own_environment(model: Path, whole_environments: Path) -> None:
    """Takes packages from the index, once; then everything that needs a whole environment."""
    run = CliRunner().invoke

    told = run(models, ["verify", str(model), "--json"], catch_exceptions=False)
    proof = json.loads(told.stdout)
    body = '{"dataframe_split": {"columns": ["a"], "data": [[3.0]]}}'
    predicted = run(models, ["predict", "-m", str(model), "--env-manager", "uv"], input=body, catch_exceptions=False)
    prepared = run(models, ["prepare-env", "-m", str(model), "--env-manager", "uv"], catch_exceptions=False)

    assert (told.exit_code, proof["outcome"], proof["predicted"], proof["manager"]) == (0, "passed", True, "uv")
    assert set(proof["seconds"]) == {"build", "import", "load", "predict"}
    assert (predicted.exit_code, predicted.stdout) == (0, '{"predictions":[6.0]}')
    [folder] = [path for path in whole_environments.iterdir() if path.is_dir()]
    assert prepared.stdout == f"{folder}\n"


def test_a_server_becomes_a_process_in_the_environment(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not started here: what the command does in an environment, tests of serving show."""
    called: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *given: called.append(given))
    monkeypatch.setattr(server, "serve", lambda *_, **__: None)  # the end of a process that was replaced
    (nothing / "MLmodel").write_text("flavors: {}\n")
    options = ["--port", "8080", "--host", "0.0.0.0", "--timeout", "5.0", "--workers", "2"]
    result = CliRunner().invoke(models, ["serve", "-m", str(nothing), "--env-manager", "uv", *options])

    assert result.exit_code == 0, result.output
    [folder] = [path for path in env_root().iterdir() if path.is_dir()]
    [(program, command, variables)] = called
    assert (program, variables["VIRTUAL_ENV"]) == (str(interpreter(folder)), str(folder))
    assert command == [
        *(program, "-P", "-m", "mlkeep.cli.main", "models", "serve", "--model-uri", str(nothing), *options),
    ]


def test_an_environment_can_be_packed(nothing: Path, tmp_path: Path) -> None:
    (nothing / "MLmodel").write_text("flavors: {}\n")
    path = mlkeep.pyfunc.build_model_env(str(nothing), tmp_path / "packed", "uv")
    [folder] = [path for path in env_root().iterdir() if path.is_dir()]
    assert path == str(tmp_path / "packed" / f"{folder.name}.tar.gz")
    with tarfile.open(path) as archive:
        assert {f"{folder.name}/pyvenv.cfg", f"{folder.name}/mlkeep-environment.json"} <= set(archive.getnames())
    with pytest.raises(AlreadyExists, match="is there already"):
        mlkeep.pyfunc.build_model_env(str(nothing), tmp_path / "packed", "uv")
    with pytest.raises(InvalidInput, match="'local' builds no environment"):
        mlkeep.pyfunc.build_model_env(str(nothing), tmp_path / "other", "local")
