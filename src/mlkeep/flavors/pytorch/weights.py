"""Modules as their weights (`model.safetensors`), with the class that takes them. MLflow does not read these."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import Damaged, InvalidInput
from mlkeep.flavors.frameworks import needed

with needed("pytorch"):
    import torch

FILE = "model.safetensors"

_log = logging.getLogger(__name__)


def write(model: Any, data: Path, module_kwargs: Mapping[str, Any] | None) -> tuple[dict[str, Any], set[str]]:
    """Write the weights of `model` into `data`; gives what MLmodel says of the class, and the modules it is in.

    Raises:
        InvalidInput: the module has state that is no tensor, or `module_kwargs` cannot be written.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise InvalidInput("A TorchScript module has no class to load its weights into: save it without a format.")
    state = model.state_dict()
    if others := sorted(name for name, value in state.items() if not isinstance(value, torch.Tensor)):
        raise InvalidInput(
            f"{type(model).__name__} has state that is no tensor, which safetensors cannot hold: {others}."
        )
    try:
        kwargs = json.loads(json.dumps(dict(module_kwargs or {})))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"module_kwargs: made of dicts, lists, numbers and text only: {error}.") from error
    kind = type(model)
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        _log.warning(
            "%s is defined where no other process finds it: its weights can be loaded with load_model(uri, module=...) "
            "only. Move the class into a module, and name that in code_paths if it is not installed.",
            kind.__qualname__,
        )
    safetensors_package().torch.save_model(model, str(data / FILE))
    conf = {
        "model_class": f"{kind.__module__}.{kind.__qualname__}",
        "module_kwargs": kwargs,
        "training": bool(model.training),
    }
    return conf, {"torch", "safetensors", kind.__module__} - {"__main__"}


def safetensors_package() -> Any:
    """safetensors with its part for torch, imported only where it is needed: torch does without it otherwise.

    Raises:
        NotInstalled: it is missing.
    """
    with needed("pytorch"):
        import safetensors.torch
    return safetensors


def read(data: Path, conf: Mapping[str, Any], device: str | None, module: Any) -> Any:
    """`module`, or a new one of the class that `conf` names, with the weights in `data`.

    Raises:
        InvalidInput: the class cannot be imported or made, or its weights have other names or shapes.
        Damaged: the file is not what was written.
    """
    filled = _made(conf) if module is None else module
    if not isinstance(filled, torch.nn.Module):
        raise InvalidInput(f"module: expected a torch.nn.Module, found {type(filled).__name__}.")
    safe = safetensors_package()
    try:
        safe.torch.load_model(filled, str(data / FILE))
    except safe.SafetensorError as error:
        raise Damaged(f"{FILE} is damaged and cannot be read: {error}") from error
    except RuntimeError as error:
        raise InvalidInput(
            f"The weights in {FILE} do not fit {type(filled).__name__}: {' '.join(str(error).split())} Give a module "
            "made like the one that was saved: load_model(uri, module=...), or save it with module_kwargs={...}."
        ) from error
    filled.train(bool(conf.get("training", False)))
    return filled if device is None else filled.to(device)


def _made(conf: Mapping[str, Any]) -> Any:
    name = str(conf.get("model_class"))
    kwargs = dict(conf.get("module_kwargs") or {})
    kind = _class_named(name)
    try:
        return kind(**kwargs)
    except TypeError as error:
        raise InvalidInput(
            f"{name} cannot be made with {kwargs}: {error}. Save the model with module_kwargs={{...}}, or load it with "
            "load_model(uri, module=...)."
        ) from error


def _class_named(name: str) -> Any:
    """The class of a module, by `module.Class` or `module.Outer.Class`."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, torch.nn.Module):
            return found
    raise InvalidInput(
        f"The model's class {name} cannot be imported here: install what defines it, save the model with "
        "code_paths=[...], or load it with load_model(uri, module=...)."
    )
