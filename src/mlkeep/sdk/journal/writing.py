"""Files that are made and written so that others never see a part of it: locked from the beginning, all or nothing."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from mlkeep.sdk.journal.locks import Lock, take

_TRIES = 20


def create(name: Callable[[], Path]) -> tuple[Path, int]:
    """A new, empty file that this process has the lock of, and its name; others may look at it before it is locked, then
    another name is asked for.

    Raises OSError: there can be no such file.
    """
    for _ in range(_TRIES):
        path = name()
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if take(fd) is not Lock.REFUSED and os.fstat(fd).st_nlink > 0:
            return path, fd
        os.close(fd)
        path.unlink(missing_ok=True)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))


def write_all(fd: int, data: bytes) -> None:
    """Append all of it. Raises OSError: nothing was appended, or what is no record."""
    if (written := os.write(fd, data)) < len(data):
        with contextlib.suppress(OSError):  # readers skip what stays there
            os.ftruncate(fd, os.fstat(fd).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def copy(source: int, start: int, end: int, target: int, piece_bytes: int = 1024 * 1024) -> None:
    """Append what stands from `start` up to `end` of one open file to another. Raises OSError."""
    while start < end:
        data = os.pread(source, min(piece_bytes, end - start), start)
        if not data:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        write_all(target, data)
        start += len(data)
