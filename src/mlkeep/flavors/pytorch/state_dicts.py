"""Weights alone, without their module."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.flavors import pickle_policy
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.inspecting import first_line
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.pytorch.archives import broken
from mlkeep.flavors.pytorch.formats import PICKLE, SAFETENSORS
from mlkeep.flavors.pytorch.weights import safetensors_package
from mlkeep.sdk import fluent

with needed("pytorch"):
    import torch

FILE = "state_dict.pth"
SAFE_FILE = "state_dict.safetensors"


def save_state_dict(
    state_dict: Mapping[str, Any], path: str | Path, *, serialization_format: str = PICKLE, **kwargs: Any
) -> None:
    """Write what a module's (or an optimizer's) `state_dict()` gave into the folder `path`, which is made if need be.

    The file is `state_dict.pth`, which MLflow reads too, and which `load_state_dict` reads without running code; with
    `serialization_format="safetensors"` it is `state_dict.safetensors`, for tensors by name only. `kwargs` are keywords
    of `torch.save`.

    Raises:
        InvalidInput: it is no dict, or holds something else than tensors where only these can be kept.
    """
    if isinstance(state_dict, torch.nn.Module):
        raise InvalidInput("state_dict: this is a module; give module.state_dict(), or use save_model.")
    if not isinstance(state_dict, Mapping):
        raise InvalidInput(f"state_dict: expected a dict, found {type(state_dict).__name__}.")
    if serialization_format not in {PICKLE, SAFETENSORS}:
        raise InvalidInput(
            f"serialization_format: {serialization_format!r} is unknown; choose {PICKLE!r} or {SAFETENSORS!r}."
        )
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    if serialization_format == SAFETENSORS:
        safetensors_package().torch.save_file(_separate(state_dict), str(folder / SAFE_FILE))
    else:
        torch.save(state_dict, folder / FILE, **kwargs)


def log_state_dict(
    state_dict: Mapping[str, Any], artifact_path: str, *, serialization_format: str = PICKLE, **kwargs: Any
) -> None:
    """Log what a module's `state_dict()` gave as the folder `artifact_path` of the active run, which is started if
    there is none; see `save_state_dict`."""
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        save_state_dict(state_dict, scratch, serialization_format=serialization_format, **kwargs)
        fluent.log_artifacts(scratch, artifact_path)


def load_state_dict(state_dict_uri: str | Path, **kwargs: Any) -> Any:
    """The state that was saved or logged at `state_dict_uri`; `kwargs` are keywords of `torch.load`.

    No code is run unless you say `weights_only=False`. Tensors of a GPU come to the processor where there is none.

    Raises:
        NotFound: there is none.
        Damaged: the file is not what was written.
        InvalidInput: it holds more than tensors and plain values.
        Forbidden: `weights_only=False`, and pickles are forbidden here.
    """
    folder = fetch(state_dict_uri)
    where = kwargs.pop("map_location", None if torch.cuda.is_available() else "cpu")
    if (safe := folder / SAFE_FILE).is_file():
        safetensors = safetensors_package()
        try:
            return safetensors.torch.load_file(str(safe), device=str(where or "cpu"))
        except safetensors.SafetensorError as error:
            raise Damaged(f"{SAFE_FILE} is damaged and cannot be read: {error}") from error
    path = folder / FILE
    if not path.is_file():
        raise NotFound(f"There is neither {FILE} nor {SAFE_FILE} at {state_dict_uri}.")
    if kwargs.setdefault("weights_only", True) is False:
        pickle_policy.check_allowed(path)
    try:
        return torch.load(path, map_location=where, **kwargs)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        if (damaged := broken(path, error)) is not None:
            raise damaged from error
        raise InvalidInput(
            f"{FILE} holds more than tensors and plain values, so that reading it would run code: "
            f"{first_line(error)} If you trust it, say weights_only=False."
        ) from error


def _separate(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors, each with memory of its own, as safetensors wants them."""
    if others := sorted(str(name) for name, value in state_dict.items() if not isinstance(value, torch.Tensor)):
        raise InvalidInput(f"state_dict: safetensors holds tensors by name only; these are none: {others}.")
    seen: set[int] = set()
    separate = {}
    for name, tensor in state_dict.items():
        memory = tensor.untyped_storage().data_ptr()
        separate[str(name)] = tensor.detach().clone() if memory in seen else tensor.detach().contiguous()
        seen.add(memory)
    return separate
