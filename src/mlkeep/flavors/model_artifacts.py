"""The artifacts of a Python model: files and folders from anywhere that come with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlkeep.core.errors import InvalidInput
from mlkeep.core.uris import is_local
from mlkeep.flavors.loading import fetch

FOLDER = "artifacts"


def checked_artifacts(artifacts: Mapping[Any, Any] | None) -> dict[str, str]:
    """Artifacts by name, as URIs or paths.

    Raises:
        InvalidInput: it is not a dict of names and URIs.
    """
    if artifacts is None:
        return {}
    if not isinstance(artifacts, Mapping):
        raise InvalidInput(f"artifacts: expected a dict of names and URIs, found {artifacts!r}.")
    for name, uri in artifacts.items():
        if not all(isinstance(given, (str, Path)) and os.fspath(given) for given in (name, uri)):
            raise InvalidInput(f"artifacts: {name!r}: {uri!r} is not a name with the URI or path of a file or folder.")
    return {name: os.fspath(uri) for name, uri in artifacts.items()}


def artifact_paths(artifacts: Mapping[str, str]) -> dict[str, str]:
    """Where each artifact lies in the model folder; those of the same file name lie in folders of their own."""
    names = [_file_name(uri) for uri in artifacts.values()]
    return {
        key: f"{FOLDER}/{name}" if names.count(name) == 1 else f"{FOLDER}/{key}/{name}"
        for key, name in zip(artifacts, names, strict=True)
    }


def copy_artifacts(artifacts: Mapping[str, str], folder: Path) -> dict[str, dict[str, str]]:
    """Fetch artifacts into the model folder; gives what MLmodel says of them.

    Raises:
        InvalidInput, NotFound: there is nothing at a path or URI.
    """
    paths = artifact_paths(artifacts)
    for name, uri in artifacts.items():
        copy_into(fetch(uri), folder / paths[name])
    return {name: {"path": paths[name], "uri": uri} for name, uri in artifacts.items()}


def copy_into(source: Path, target: Path) -> None:
    """Copy a file or folder to `target`.

    Raises:
        InvalidInput: there is none.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.is_file():
        shutil.copy2(source, target)
    else:
        raise InvalidInput(f"There is no file or folder {os.fspath(source)!r} to put into the model.")


def _file_name(uri: str) -> str:
    path = uri if is_local(uri) else urlsplit(uri).path or uri
    # `models:/rf@champion` and a bare bucket have no better name than what they say.
    return Path(path.rstrip("/")).name or "files"
