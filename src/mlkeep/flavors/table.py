"""Every flavor, in one table.

A flavor is a module with the functions of `Flavor`. A folder names in `loader_module` which module of MLflow loads it as
a function; the same name leads here to the module that does.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

PYFUNC = "python_function"
"""The flavor every model has that can be called without knowing its framework."""

_LOADERS = {
    "mlflow.sklearn": "mlkeep.flavors.sklearn",
    "mlflow.pyfunc.model": "mlkeep.flavors.python_model",
}


class Loader(Protocol):
    """What a module must have to load models as functions."""

    def load_pyfunc(self, folder: Path, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:
        """An object whose method `conf["predict_fn"]` (default `predict`) answers data.

        `conf` holds the settings of the python_function flavor.
        """
        ...


def loader_of(loader_module: str) -> Loader | None:
    """Our module for what a folder calls `loader_module`; None for a module that is not one of the flavors."""
    name = _LOADERS.get(loader_module)
    return None if name is None else cast(Loader, importlib.import_module(name))
