"""Which keys and tokens a model takes from the environment: their names, seen while it answers its input example."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "environment_variables.txt"
_HEADER = (
    "# The model read these environment variables while it answered its input example.\n"
    "# Only their names are kept: set them where the model is served.\n"
)
_PARTS = ("API_KEY", "API_TOKEN")

_watching = threading.Lock()


@contextlib.contextmanager
def secrets_read() -> Iterator[set[str]]:
    """Gives a set of names that is filled with the variables read under this which are set and hold an API's key or token.

    Reads of other threads count too. Where two watch at a time, the second sees nothing.
    """
    names: set[str] = set()
    if not _watching.acquire(blocking=False):
        yield names
        return
    environment: Any = os.environ
    plain = type(environment)

    class Watched(plain):  # type: ignore[misc, valid-type]  # the class of os.environ has no public name
        def __getitem__(self, key: str) -> str:
            value: str = super().__getitem__(key)
            if any(part in key.upper() for part in _PARTS):
                names.add(key)
            return value

    try:
        # The environment stays the same object, which others hold.
        environment.__class__ = Watched
        yield names
    finally:
        environment.__class__ = plain
        _watching.release()


def write_names(folder: Path, names: set[str]) -> list[str] | None:
    """Write the file that lists `names` into a model folder; what MLmodel says of them. Nothing for none."""
    if not names:
        return None
    listed = sorted(names)
    (folder / FILE).write_text(_HEADER + "\n".join(listed) + "\n", encoding="utf-8")
    return listed
