"""Models that a module of the user's loads."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.models.environment import REQUIREMENTS_FILE
from mlkeep.models.inside import inside


def load_with(loader_module: str, folder: Path, conf: Mapping[str, Any], config: dict[str, Any]) -> Any:
    """What the function `_load_pyfunc` of a module that is not ours makes of the model in `folder`.

    It gets the path of the data, and `config` if the model was saved with a configuration.

    Raises:
        InvalidInput: there is no such module, or it has no such function.
    """
    try:
        module = importlib.import_module(loader_module)
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"The model is loaded by the module {loader_module!r}, which cannot be imported: {error}. Install what the "
            f"model's {REQUIREMENTS_FILE} lists, and mlflow if the module is one of MLflow's."
        ) from error
    load = getattr(module, "_load_pyfunc", None)
    if load is None:
        raise InvalidInput(
            f"The model is loaded by the module {loader_module!r}, which has no function _load_pyfunc(data_path)."
        )
    data = str(inside(folder, conf["data"], "data")) if conf.get("data") else str(folder)
    return load(data, config) if "config" in conf else load(data)
