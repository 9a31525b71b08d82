"""Paths that an MLmodel names: they stay inside its folder."""

from __future__ import annotations

import re
from pathlib import Path

from mlkeep.core.errors import InvalidInput

_DRIVE = re.compile(r"[a-zA-Z]:")


def inside(folder: Path, named: object, key: str) -> Path:
    """The path that the MLmodel in `folder` names as `key`; nothing need be there.

    Links are followed wherever they lead: no download makes any, and who keeps models on this machine may keep their
    files elsewhere.

    Raises:
        InvalidInput: it is no text, or leads out of the folder.
    """
    if not isinstance(named, str) or not stays_inside(named):
        raise InvalidInput(f"{key}: MLmodel in {folder} names {named!r}, which is no path inside the folder.")
    return folder / named


def stays_inside(path: str) -> bool:
    """Whether a path is relative and does not climb, on any system: a backslash counts as a slash."""
    parts = path.replace("\\", "/").split("/")
    return ".." not in parts and (len(parts) == 1 or parts[0] != "") and _DRIVE.match(path) is None
