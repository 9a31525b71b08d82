"""A model that needs nothing but mlkeep, and a tracking database of its own."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import mlkeep
import mlkeep.pyfunc

CODE = """
import mlkeep.pyfunc

class Doubler(mlkeep.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * value for value in model_input["a"]]

class Unlucky(mlkeep.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        import iniconfig
        raise ValueError("no luck")

class Fickle(mlkeep.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return ["two" for value in model_input["a"]]
"""


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a module with models in it."""
    path = tmp_path_factory.mktemp("code") / "doubling_models.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def doubling(code: Path, environment: pytest.MonkeyPatch, no_database_stays_open: None) -> ModuleType:
    """That module; what is tracked goes into a database below the working folder."""
    environment.syspath_prepend(code.parent)
    importlib.invalidate_caches()
    return importlib.import_module("doubling_models")


EXAMPLE = pd.DataFrame({"a": [1.0, 2.0]})


@pytest.fixture
def model(doubling: ModuleType, code: Path, tmp_path: Path) -> Path:
    """A folder with a model that doubles its column `a`."""
    mlkeep.pyfunc.save_model(
        tmp_path / "model", python_model=doubling.Doubler(), code_paths=[str(code)], input_example=EXAMPLE
    )
    return tmp_path / "model"


def wheel(folder: Path, name: str, version: str) -> Path:
    """Write a wheel with one module that has nothing but its version; its path."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VALUE = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="session")
def environments_kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where whole environments, which take seconds to build and half a gigabyte, are kept for all tests."""
    return tmp_path_factory.mktemp("envs")


@pytest.fixture
def whole_environments(environments_kept: Path, environment: pytest.MonkeyPatch) -> Path:
    """That folder, as the one where environments are built."""
    environment.setenv("MLKEEP_ENV_ROOT", str(environments_kept))
    return environments_kept
