"""The journal of one run that this process writes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import socket
import threading
import uuid
from collections import deque
from pathlib import Path

import msgspec

from mlkeep.core.clock import now_ms
from mlkeep.core.uris import without_password
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.records import Known, Opened, Placed, Record, Refused, Sent

_log = logging.getLogger("mlkeep")

SUFFIX = ".journal"
CUT_FROM = 8 * 1024 * 1024
"""Bytes that were sent from which on they are cut off, if little has to be copied for it."""

MAX_HELD_BYTES = 64 * 1024 * 1024
"""What memory takes while the disk takes nothing."""

MOST_REFUSED = 1_000
"""Records that were refused that a program can still ask for."""

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


class Unsent(msgspec.Struct, frozen=True):
    """Bytes of a journal that the server does not have: a piece of the file from `start` on, or what memory holds.

    `is_all`: nothing comes after them.
    """

    data: bytes
    start: int
    held: int
    is_all: bool


class Journal:
    """One file, appended to by any thread. One thread at a time may read what is unsent.

    Appending never raises because of a disk: what it does not take is held in memory, and what memory does not take is
    counted in `lost`.
    """

    def __init__(self, folder: Path, run_id: str, tracking_uri: str, max_bytes: int) -> None:
        """Raises OSError: no file can be made there."""
        self.run_id = run_id
        self.lost = 0
        self._max_bytes = max_bytes
        self._head = Opened(
            format=records.FORMAT,
            run_id=run_id,
            tracking_uri=without_password(tracking_uri),
            writer=f"{os.getpid()}-{uuid.uuid4().hex[:8]}",
            host=socket.gethostname(),
            pid=os.getpid(),
            at_ms=now_ms(),
        )
        self.path = folder / f"{run_id}.{self._head.writer}{SUFFIX}"
        self._lock = threading.Lock()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._known: str | None = None
        self.refused: deque[tuple[Record, str]] = deque(maxlen=MOST_REFUSED)
        """The latest records that the server refused, and why."""
        self._fd = _open_locked(self.path)
        self._size = self._sent = 0
        self._write(records.encoded(self._head))
        self._sent = self._size

    @property
    def is_sent(self) -> bool:
        """Whether the server has everything."""
        return self._sent == self._size and not self._held

    def append(self, record: bytes) -> bool:
        """Add a record, and whether this could be done: not to a journal that is closed.

        The kernel has it when this returns, unless the disk is full.
        """
        with self._lock:
            if self._held or not self._write(record):
                if self._fd < 0:
                    return False
                self._hold(record)
            return True

    def unsent(self, most: int) -> Unsent:
        """About `most` bytes of what comes next, a whole record at the least. May hold the beginning of a record at its end."""
        with self._lock:
            self._settle()
            left = self._size - self._sent
            if left == 0:
                return Unsent(b"".join(self._held), self._size, len(self._held), is_all=True)
        return Unsent(os.pread(self._fd, min(most, left), self._sent), self._sent, 0, is_all=most >= left)

    def mark_sent(self, piece: Unsent, upto: int, *, is_noted: bool = True) -> None:
        """The server has the file up to there, or what memory held; `is_noted` in the file, for who reads it later."""
        with self._lock:
            if piece.held:
                self._held_bytes -= len(piece.data)
                del self._held[: piece.held]
                return
            if upto <= self._sent:
                return
            was_all = upto == self._size
            self._sent = upto
            if is_noted and self._write(records.encoded(Sent(upto))) and was_all:
                self._sent = self._size  # that it is sent need not be sent

    def trim(self) -> None:
        """Give room back that what is sent takes, once it is much. What was read before is then at another place."""
        with self._lock:
            if self._sent >= CUT_FROM and self._size - self._sent <= self._sent // 2:
                with contextlib.suppress(OSError):
                    self._cut()

    def refuse(self, placed: Placed, reason: str) -> None:
        """The server will never take a record: it is kept in a file of its own, with the reason."""
        _log.error("What was logged to run %s is refused: %s It is kept in %s.", self.run_id, reason, self.refused_path)
        self.refused.append((placed.record, reason))
        record = records.encoded(placed.record)
        head = b"" if self.refused_path.exists() else records.encoded(self._head)
        at = len(head) + (0 if head else self.refused_path.stat().st_size)
        with contextlib.suppress(OSError), self.refused_path.open("ab") as file:
            file.write(head + record + records.encoded(Refused(at, reason)))

    @property
    def refused_path(self) -> Path:
        """Where records are that the server refused."""
        return self.path.with_suffix(".refused")

    def mark_known(self, run_id: str) -> None:
        """The server has the run under this id."""
        self._known = run_id
        self.append(records.encoded(Known(run_id)))

    def close(self) -> None:
        """Delete the file if the server has everything, else leave it to who sends it later."""
        with self._lock:
            self._settle()
            if self.is_sent:
                self.path.unlink(missing_ok=True)
            else:
                with contextlib.suppress(OSError):
                    os.fsync(self._fd)
            self._close()

    def abandon(self) -> None:
        """Forget the file, which another process writes: this one is its forked child."""
        self._close()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _write(self, record: bytes) -> bool:
        """Whether the file takes a record. It takes the whole of it or nothing."""
        if self._size - self._sent + len(record) > self._max_bytes:
            return False
        try:
            written = os.write(self._fd, record)
        except OSError:
            return False
        if written < len(record):
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            return False
        self._size += written
        return True

    def _hold(self, record: bytes) -> None:
        if self._held_bytes + len(record) > MAX_HELD_BYTES:
            self.lost += 1
            return
        self._held.append(record)
        self._held_bytes += len(record)

    def _settle(self) -> None:
        """Have the file take what memory holds."""
        if self._held and self._write(b"".join(self._held)):
            self._held.clear()
            self._held_bytes = 0

    def _cut(self) -> None:
        """Have a new file take the place of this one, without what is sent."""
        rest = os.pread(self._fd, self._size - self._sent, self._sent)
        head = records.encoded(self._head)
        if self._known is not None:
            head += records.encoded(Known(self._known))
        new = self.path.with_suffix(".cut")
        new.unlink(missing_ok=True)
        fd = _open_locked(new)
        try:
            is_whole = os.write(fd, head + rest) == len(head) + len(rest)
            if is_whole:
                new.rename(self.path)
        except OSError:
            is_whole = False
        if not is_whole:  # the disk is full: the old file does as well
            os.close(fd)
            new.unlink(missing_ok=True)
            return
        os.close(self._fd)
        self._fd, self._sent, self._size = fd, len(head), len(head) + len(rest)


def _open_locked(path: Path) -> int:
    """A new file that this process has the lock of, where the file system has locks. Raises OSError."""
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(fd)
            path.unlink()
            raise
    return fd
