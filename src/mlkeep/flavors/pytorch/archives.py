"""What is in the zip archives that torch writes, seen before torch reads them: whether they are whole, and hold code."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlkeep.core.errors import Damaged
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.inspecting import first_line

with needed("pytorch"):
    import torch

_PLAIN_PAYLOADS = ("weight_", "tensor_")
"""How the raw tensors of a graph are called in its tables; the others are objects, which are pickled."""


def broken(path: Path, error: Exception) -> Damaged | None:
    """The error to raise if `path`, an archive that could not be read because of `error`, is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        bad = path.name
    return None if bad is None else damaged(path, error)


def damaged(path: Path, error: object) -> Damaged:
    """The error that says so."""
    return Damaged(f"{path.name} is damaged and cannot be read: {first_line(error)}")


def is_script(path: Path) -> bool:
    """Whether this is TorchScript, not a pickled module."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def code_in_graph(path: Path) -> str | None:
    """The first part of an exported graph that would run code when torch reads it: a pickle of more than tensors, or a
    compiled library; None if it has none, as is usual.

    torch itself takes a pickle where it expects tensors, if they cannot be read as such.

    Raises:
        Damaged: this is no whole archive of a graph.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if not any(name.endswith(("/models/model.json", "serialized_exported_program.json")) for name in names):
                raise damaged(path, "it has no program")
            return next((name for name in names if any(_code_in(name, archive))), None)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise damaged(path, error) from error


def _code_in(name: str, archive: zipfile.ZipFile) -> Iterator[bool]:
    if name.endswith(".so") or "/aotinductor/" in name:
        yield True
    elif name.endswith("_config.json"):
        for payload in _payloads(json.loads(archive.read(name))):
            yield bool(payload.get("use_pickle")) or not str(payload.get("path_name", "")).startswith(_PLAIN_PAYLOADS)
    # Before torch 2.8, tensors were in files of these names.
    elif name.endswith((".pt", "serialized_state_dict.json", "serialized_constants.json")):
        yield not _holds_only_tensors(archive.read(name))


def _payloads(table: Any) -> list[dict[str, Any]]:
    config = table.get("config") if isinstance(table, dict) else None
    return [payload for payload in (config or {}).values() if isinstance(payload, dict)]


def _holds_only_tensors(content: bytes) -> bool:
    if not content:
        return True
    try:
        torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception:  # noqa: BLE001 - whatever it is that cannot be read so, torch would try otherwise
        return False
    return True
