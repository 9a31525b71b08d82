"""Every flavor, in one table.

A flavor is a module with the functions of `Flavor`. A folder names in `loader_module` which module of MLflow loads it as
a function; the same name leads here to the module that does.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from mlkeep.core.errors import InvalidInput
from mlkeep.models.mlmodel import Model

PYFUNC = "python_function"
"""The flavor every model has that can be called without knowing its framework."""

_FLAVORS = {
    # what MLmodel calls it: the module of mlkeep, what its folders name as `loader_module`
    "catboost": ("mlkeep.flavors.catboost", "mlflow.catboost"),
    "keras": ("mlkeep.flavors.keras", "mlflow.keras"),
    "lightgbm": ("mlkeep.flavors.lightgbm", "mlflow.lightgbm"),
    "onnx": ("mlkeep.flavors.onnx", "mlflow.onnx"),
    "prophet": ("mlkeep.flavors.prophet", "mlflow.prophet"),
    "pytorch": ("mlkeep.flavors.pytorch", "mlflow.pytorch"),
    "sklearn": ("mlkeep.flavors.sklearn", "mlflow.sklearn"),
    "spark": ("mlkeep.flavors.spark", "mlflow.spark"),
    "statsmodels": ("mlkeep.flavors.statsmodels", "mlflow.statsmodels"),
    "tensorflow": ("mlkeep.flavors.tensorflow", "mlflow.tensorflow"),
    "transformers": ("mlkeep.flavors.transformers", "mlflow.transformers"),
    "xgboost": ("mlkeep.flavors.xgboost", "mlflow.xgboost"),
}

_LOADER_OF_SCRIPTS = "mlflow.pyfunc.loaders.code_model"

_LOADERS = {loader: module for module, loader in _FLAVORS.values()} | {
    _LOADER_OF_SCRIPTS: "mlkeep.flavors.model_script",
    "mlflow.pyfunc.model": "mlkeep.flavors.python_model",
}


class Loader(Protocol):
    """What a module must have to load models as functions."""

    def load_pyfunc(self, folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:
        """An object whose method `conf["predict_fn"]` (default `predict`) answers data.

        `model` is what its folder says, `conf` the settings of the python_function flavor in it.
        """
        ...


class Flavor(Loader, Protocol):
    """What the module of a flavor has; besides, `save_model` and `log_model`, whose arguments differ."""

    FLAVOR_NAME: str

    def load_model(self, model_uri: str | Path, dst_path: str | None = None) -> Any:
        """The object of the framework."""
        ...

    def get_default_pip_requirements(self) -> list[str]:
        """What every model of the flavor needs, pinned as installed."""
        ...


def loader_of(loader_module: str) -> Loader | None:
    """Our module for what a folder calls `loader_module`; None for a module that is not one of the flavors.

    Raises:
        NotInstalled: its framework is missing.
    """
    name = _LOADERS.get(loader_module)
    return None if name is None else cast(Loader, importlib.import_module(name))


def is_code(conf: Mapping[str, Any]) -> bool:
    """Whether a model is code as such, by the settings of a flavor: a script, or what a module of the user's loads."""
    loader_module = conf.get("loader_module")
    return loader_module is not None and (loader_module not in _LOADERS or loader_module == _LOADER_OF_SCRIPTS)


def flavor_named(name: str) -> Flavor:
    """The module of the flavor that MLmodel calls `name`.

    Raises:
        InvalidInput: there is no such flavor.
        NotInstalled: its framework is missing.
    """
    if name not in _FLAVORS:
        raise InvalidInput(f"flavor: {name!r} is unknown; mlkeep has {', '.join(_FLAVORS)}.")
    return cast(Flavor, importlib.import_module(_FLAVORS[name][0]))
