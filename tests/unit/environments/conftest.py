"""A model that needs nothing but mlkeep, and a tracking database of its own."""

from __future__ import annotations

import importlib
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
