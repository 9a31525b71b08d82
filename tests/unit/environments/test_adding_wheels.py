"""Copies of registered models with wheels of what they require. One test here takes a package from the index."""

from __future__ import annotations

import platform
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import mlkeep
import mlkeep.models
import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.environments.building import EnvManager, build
from mlkeep.environments.recorded import recorded
from mlkeep.models import Model
from tests.unit.environments.conftest import wheel

OWN = "mlkeep-0.0.1-py3-none-any.whl"
PACKAGE = "iniconfig-2.1.0-py3-none-any.whl"


@pytest.fixture
def run_id(doubling: ModuleType, code: Path, tmp_path: Path, environment: pytest.MonkeyPatch) -> str:
    """The run of version 1 of the model `tiny`, which needs one package, and an mlkeep that needs nothing."""
    environment.setenv("MLKEEP_HOME", str(wheel(tmp_path, "mlkeep", "0.0.1")))
    (tmp_path / "constraints.txt").write_text("iniconfig==2.1.0")
    with mlkeep.start_run() as run:
        mlkeep.pyfunc.log_model(
            name="m",
            python_model=doubling.Doubler(),
            code_paths=[str(code)],
            pip_requirements=["iniconfig", f"-c {tmp_path / 'constraints.txt'}"],
            registered_model_name="tiny",
        )
    return str(run.info.run_id)


def test_a_version_becomes_one_that_brings_its_packages_along(
    run_id: str, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    """Takes the package from the index; its environment is then made without one."""
    first = Model.load("models:/tiny/1")

    info = mlkeep.models.add_libraries_to_model("models:/tiny/latest")

    version = mlkeep.MlkeepClient().get_model_version("tiny", "2")
    assert (info.registered_model_version, version.run_id, version.source) == ("2", run_id, info.model_uri)
    folder = Path(mlkeep.artifacts.download_artifacts("models:/tiny/2"))
    lines = [f"wheels/{PACKAGE}", f"wheels/{OWN}"]
    assert sorted(path.name for path in (folder / "wheels").iterdir()) == [PACKAGE, OWN]
    assert (folder / "requirements.txt").read_text().splitlines() == lines
    assert yaml.safe_load((folder / "conda.yaml").read_text())["dependencies"][-1] == {"pip": lines}
    assert (folder / "original_requirements.txt").read_text().splitlines() == [
        *(f"mlkeep=={mlkeep.__version__}", "iniconfig", "-c constraints.txt"),
    ]
    second = Model.load(folder)
    assert second.other.pop("wheels") == {"platform": platform.platform()}
    assert (second.model_id, second.model_uuid, second.run_id) == (info.model_id, info.model_id, run_id)
    assert (second.flavors, second.other) == (first.flavors, first.other)
    assert second.model_id in {made.model_id for made in mlkeep.get_run(run_id).outputs.model_outputs}
    assert mlkeep.pyfunc.load_model(folder).predict({"a": [2.0]}) == [4.0]

    environment.setenv("MLKEEP_ENV_ROOT", str(tmp_path / "envs"))
    environment.setenv("UV_OFFLINE", "1")
    environment.setenv("UV_CACHE_DIR", str(tmp_path / "nothing cached"))
    assert build(recorded(folder), EnvManager.UV).packages == ["iniconfig==2.1.0", "mlkeep==0.0.1"]


@pytest.fixture
def offline(run_id: str, tmp_path: Path, environment: pytest.MonkeyPatch) -> str:
    """The same run, and the package is in a folder beside."""
    environment.setenv("PIP_NO_INDEX", "1")
    environment.setenv("PIP_FIND_LINKS", str(wheel(tmp_path, "iniconfig", "2.1.0").parent))
    return run_id


def test_run_and_name_of_the_copy_can_be_chosen(offline: str) -> None:
    with mlkeep.start_run() as other:
        pass
    given = mlkeep.models.add_libraries_to_model("models:/tiny/1", other.info.run_id, "complete")
    with mlkeep.start_run() as active:
        mlkeep.models.add_libraries_to_model("models:/tiny/1")

    client = mlkeep.MlkeepClient()
    copy = client.get_model_version("complete", "1")
    assert (copy.run_id, copy.source) == (other.info.run_id, given.model_uri)
    assert client.get_model_version("tiny", "2").run_id == active.info.run_id != offline


def test_wheels_are_added_once(offline: str) -> None:
    mlkeep.models.add_libraries_to_model("models:/tiny/1")
    with pytest.raises(InvalidInput, match="Model libraries are already added: 'models:/tiny/2' has its wheels"):
        mlkeep.models.add_libraries_to_model("models:/tiny/2")


def test_a_package_that_is_not_there_is_named_and_no_version_is_made(offline: str, tmp_path: Path) -> None:
    (tmp_path / PACKAGE).unlink()
    with pytest.raises(InvalidInput, match="because of the requirement 'iniconfig'"):
        mlkeep.models.add_libraries_to_model("models:/tiny/1")
    assert [version.version for version in mlkeep.MlkeepClient().search_model_versions("name = 'tiny'")] == ["1"]


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("models:/m-0123", "is a logged model, and wheels are added to registered versions"),
        ("runs:/0123/m", "must look like models:/name/3"),
        ("/tmp/m", "must look like models:/name/3"),
    ],
)
def test_only_versions_get_wheels(uri: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        mlkeep.models.add_libraries_to_model(uri)


def test_a_version_that_is_not_there_is_told(offline: str) -> None:
    with pytest.raises(NotFound, match="9"):
        mlkeep.models.add_libraries_to_model("models:/tiny/9")
