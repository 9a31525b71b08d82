"""Where things are kept that are not to be kept: a database that is made when it is first asked, and deleted in the end."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile

from mlkeep.sdk.doors import Door, door_to

uri = "nowhere:"
"""The tracking URI of runs of which nothing is kept."""

model_ids: set[str] = set()
"""The logged models that are here."""


@functools.cache
def door() -> Door:
    """The door to it."""
    folder = tempfile.mkdtemp(prefix="mlkeep-disabled-")
    atexit.register(_remove, folder, os.getpid())  # after the database is closed
    return door_to(f"sqlite:///{folder}/mlkeep.db")


def _remove(folder: str, made_by: int) -> None:
    """A forked child leaves it to its parent."""
    if os.getpid() == made_by:
        shutil.rmtree(folder, ignore_errors=True)
