"""A folder for downloads that nobody gave another place; it goes when the program ends."""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "run-"
_LOCK = ".lock"

_ours: list[Path] = []
"""The scratch folders of this process."""


@functools.cache
def scratch_folder(beside: Path | None) -> Path:
    """This process's folder, below `beside` (which is on the file system of the cache, so that its files can be linked).

    What processes left there that were killed is removed. If `beside` is None or cannot be written to, it is a folder
    for temporary files of the system.
    """
    folder = _locked_below(beside) if beside is not None else None
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="mlkeep-downloads-"))
    atexit.register(_remove, folder, os.getpid())
    _ours.append(folder)
    return folder


def is_scratch(path: Path) -> bool:
    """Whether `path` was downloaded by this process without a destination."""
    return any(path.is_relative_to(folder) for folder in _ours)


os.register_at_fork(after_in_child=scratch_folder.cache_clear)


def _remove(folder: Path, pid: int) -> None:
    """A forked child leaves the folder to its parent."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def new_folder(beside: Path | None) -> Path:
    """An empty folder in the scratch folder."""
    return Path(tempfile.mkdtemp(prefix="mlkeep-", dir=scratch_folder(beside)))


def _locked_below(beside: Path) -> Path | None:
    try:
        beside.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            _remove_abandoned(beside)
        unlocked = Path(tempfile.mkdtemp(prefix="new-", dir=beside))
        _lock(unlocked)
        folder = unlocked.rename(beside / unlocked.name.replace("new-", _PREFIX, 1))
    except OSError:
        return None
    return folder


def _remove_abandoned(beside: Path) -> None:
    for folder in beside.glob(f"{_PREFIX}*"):
        opened = _lock(folder, wait=False)
        if opened is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(opened)


def _lock(folder: Path, *, wait: bool = True) -> int | None:
    """Lock a folder as long as this process lives; None if another process has it."""
    opened = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(opened)
        return None
    return opened
