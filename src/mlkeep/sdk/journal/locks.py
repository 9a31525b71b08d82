"""Whether the process that writes a journal lives: it has a lock on the file, where the file system has locks."""

from __future__ import annotations

import enum
import errno
import fcntl
import os
import socket
import time
from pathlib import Path

from mlkeep.sdk.journal.records import Opened

QUIET_S = 600
"""How long a journal of another host must not have been written to before it is taken for left, where locks tell nothing."""

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


class Lock(enum.Enum):
    """What came of asking for a lock."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The file system has no locks."""


def take(fd: int, *, is_shared: bool = False) -> Lock:
    """Ask for the lock of an open file, and do not wait. A shared one is for who only looks."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return Lock.UNKNOWN
        return Lock.REFUSED
    return Lock.TAKEN


def let_go(fd: int) -> None:
    """Close a file and give back its lock, which a forked child may have too."""
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    except OSError:
        pass  # there was none
    finally:
        os.close(fd)


def is_still(fd: int, path: Path) -> bool:
    """Whether an open file is the one of this name."""
    try:
        there, here = path.stat(), os.fstat(fd)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def seems_alive(head: Opened, fd: int) -> bool:
    """Whether the process that wrote a journal seems to live, where no lock tells: by its host and id."""
    if head.host != socket.gethostname():
        return time.time() - os.fstat(fd).st_mtime < QUIET_S
    try:
        os.kill(head.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    return True
