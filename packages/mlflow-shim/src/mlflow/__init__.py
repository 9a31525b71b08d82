"""mlkeep under the name `mlflow`.

Every name is mlkeep's own: `mlflow.MlflowClient is mlkeep.MlkeepClient`, `mlflow.sklearn is mlkeep.sklearn`. What
mlkeep does not have is not here either, and says so when it is imported or used.

Raises:
    ImportError: when imported, if the official mlflow is installed too.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import mlkeep
from mlflow import _names, version

if TYPE_CHECKING:
    from mlkeep import *  # noqa: F403 - for editors

_names.refuse_official(sys.path)
_names.install()

__version__ = version.VERSION
__all__ = mlkeep.__all__


def __getattr__(name: str) -> Any:
    if _names.is_module(f"mlflow.{name}"):
        return importlib.import_module(f"mlflow.{name}")
    if name not in mlkeep.__all__:
        raise AttributeError(_names.missing(f"mlflow.{name}"), name=name)
    value = globals()[name] = getattr(mlkeep, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
