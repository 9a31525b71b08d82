"""Modules as pickles (`model.pth`, as `torch.save` writes them), and TorchScript, which MLflow keeps in the same file."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.flavors import pickle_policy
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.pytorch import archives
from mlkeep.flavors.pytorch import pickle_module as own

with needed("pytorch"):
    import torch

FILE = "model.pth"
MODULE_FILE = "pickle_module_info.txt"


def write(model: Any, data: Path, pickle_module: Any, options: dict[str, Any]) -> set[str]:
    """Pickle `model` into `data`; gives the modules that are imported when it is read.

    `pickle_module` is used instead of our own, and named beside the pickle. `options` are keywords of `torch.save`.

    Raises:
        InvalidInput: something in it cannot be pickled.
    """
    modules = {"torch", *(type(part).__module__ for part in model.modules())}
    name = own.NAME if pickle_module is None else pickle_module.__name__
    _note_module(data, own.NAME if name in own.NAMES else name)
    try:
        torch.save(model, data / FILE, pickle_module=pickle_module or own.noting(modules), **options)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{type(model).__name__} cannot be pickled: {error}. Keep its weights only "
            "(serialization_format='safetensors', or log_state_dict), or leave out what cannot be pickled."
        ) from error
    return modules - {"builtins", "__main__"}


def write_script(model: Any, data: Path, options: dict[str, Any]) -> None:
    """Write a TorchScript module into `data`; `options` are keywords of `torch.jit.save`."""
    _note_module(data, own.NAME)
    torch.jit.save(model, data / FILE, **options)


def read(data: Path, device: str | None, options: dict[str, Any]) -> Any:
    """The module in `data`. A pickle runs code that it chooses: read only what comes from people you trust.

    `options` are keywords of `torch.load`.

    Raises:
        Forbidden: it is a pickle, and pickles are forbidden here.
        NotFound: there is no file.
        Damaged: the file is not what was written.
        InvalidInput: a class that it needs cannot be imported.
    """
    path = data / FILE
    if not path.is_file():
        raise NotFound(f"The model has no file {path}.")
    where = options.pop("map_location", None) or device or _where_it_was()
    if options.get("weights_only") is not True:
        pickle_policy.check_allowed(path)
    if archives.is_script(path):
        return torch.jit.load(path, map_location=where)
    if options.get("weights_only") is not True:
        options = {"weights_only": False, "pickle_module": _module_of(data), **options}
    try:
        return torch.load(path, map_location=where, **options)
    except (AttributeError, ModuleNotFoundError) as error:
        raise InvalidInput(
            f"{path.name} needs code that is not here: {error}. Install what defines it, or save the model with "
            "code_paths=[...]."
        ) from error
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise archives.broken(path, error) or error from error


def _note_module(data: Path, name: str) -> None:
    (data / MODULE_FILE).write_text(name, encoding="utf-8")


def _module_of(data: Path) -> Any:
    """The module that unpickles, as the folder names it."""
    file = data / MODULE_FILE
    name = file.read_text(encoding="utf-8").strip() if file.is_file() else own.NAME
    if name in own.NAMES:
        return own
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InvalidInput(f"The model was pickled with {name}, which cannot be imported here: {error}.") from error


def _where_it_was() -> str | None:
    """Weights of a GPU go to the processor where there is none."""
    return None if torch.cuda.is_available() else "cpu"
