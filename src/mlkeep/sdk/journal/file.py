"""The journal of one run that this process writes, or that another one left and this one sends."""

from __future__ import annotations

import contextlib
import errno
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
from mlkeep.sdk.journal import locks, records, writing
from mlkeep.sdk.journal.held import MAX_HELD_BYTES, Held
from mlkeep.sdk.journal.records import Known, Opened, Placed, Record, Sent, Unknown
from mlkeep.sdk.journal.refused import SUFFIX as REFUSED_SUFFIX
from mlkeep.sdk.journal.refused import keep_refused

_log = logging.getLogger("mlkeep")

SUFFIX = ".journal"
CUT_SUFFIX = ".cut"
"""How a new file ends that is to take the place of a journal."""

ARTIFACTS_SUFFIX = ".artifacts"
"""How the folder ends in which artifacts of a run wait, beside its journals."""

CUT_FROM = 8 * 1024 * 1024
"""Bytes that were sent from which on they are cut off, if little has to be copied for it."""

MOST_REFUSED = 1_000
"""Records that were refused that a program can still ask for."""

SETTLED_BYTES = 1024 * 1024
"""What is written at a time of what memory held."""


class Unsent(msgspec.Struct, frozen=True):
    """Bytes of a journal that the server does not have: a piece of the file from `start` on, or what memory holds.

    `is_all`: nothing comes after them, or they end with a record. `held` records are from memory, `held_from` were
    there before them. `file` counts the files that the journal has had.
    """

    data: bytes
    start: int
    held: int
    is_all: bool
    held_from: int = 0
    file: int = 0


class Left(msgspec.Struct, frozen=True):
    """A journal that another process left: its open and locked file, and what it says up to now."""

    fd: int
    path: Path
    head: Opened
    sent: int
    known: str | None


class Journal:
    """One file, appended to by any thread, and in signal handlers. One thread at a time may read what is unsent.

    Appending never raises because of a disk: what it does not take is held in memory, and what memory does not take is
    counted in `lost`.
    """

    def __init__(
        self, folder: Path, run_id: str, tracking_uri: str, max_bytes: int, *, left: Left | None = None
    ) -> None:
        """A new file, as soon as one can be made, or one that was `left`."""
        self.run_id = run_id
        self.lost = 0
        self._folder = folder
        self._tracking_uri = without_password(tracking_uri)
        self._max_bytes = max_bytes
        self._lock = threading.RLock()  # a signal handler may log while its thread does
        self._held = Held()
        self._why: OSError | None = None
        self._is_warned = self._is_closed = self._is_gone = False
        self._known: str | None = None
        self.refused: deque[tuple[Record | Unknown, str]] = deque(maxlen=MOST_REFUSED)
        """The latest records that the server refused, and why."""
        self._fd = -1
        self._size = self._sent = self._file = 0
        if left is None:
            self.path = self._new_path()
            self._open()
        else:
            self._head, self.path, self._fd = left.head, left.path, left.fd
            self._known, self._sent = left.known, left.sent
            self._look()

    @property
    def is_sent(self) -> bool:
        """Whether the server has everything, or it is closed and another process will see to the rest."""
        return self._is_closed or (self._sent == self._size and not self._held)

    @property
    def known(self) -> str | None:
        """The id that the server gave the run, if it did not take ours."""
        return self._known

    def append(self, record: bytes) -> bool:
        """Add a record, and whether this could be done: not to a journal that is closed.

        The kernel has it when this returns, unless the disk is full.
        """
        with self._lock:
            if self._held or self._size + len(record) > self._max_bytes or not self._write(record):
                if self._is_closed:
                    return False
                self._hold(record)
            return True

    def unsent(self, most: int) -> Unsent:
        """About `most` bytes of what comes next. May hold the beginning of a record at its end. Nothing once closed."""
        with self._lock:
            self._settle()
            self._look()
        if self._is_gone:
            with contextlib.suppress(OSError):
                self._cut()
        with self._lock:
            start, left = self._sent, self._size - self._sent
            if self._is_closed:
                return Unsent(b"", self._size, 0, is_all=True)
            if left == 0:
                data, count = self._held.first(most)
                return Unsent(data, self._size, count, is_all=True, held_from=self._held.before)
            file = self._file
            fd = os.dup(self._fd)  # ours, whatever is closed meanwhile
        try:
            data = os.pread(fd, min(most, left), start)
        finally:
            os.close(fd)
        return Unsent(data, start, 0, is_all=len(data) == left, file=file)

    def mark_sent(self, piece: Unsent, upto: int, *, is_noted: bool = True) -> None:
        """The server has the file up to there, or what memory held; `is_noted` in the file, for who reads it later."""
        with self._lock:
            if piece.held:
                self._held.drop(piece.held - (self._held.before - piece.held_from))  # some may be in the file meanwhile
                return
            self._look()
            if self._is_closed or piece.file != self._file or upto <= self._sent:
                return
            was_all = upto == self._size
            self._sent = upto
            if is_noted and self._write(records.encoded(Sent(upto, self._size - upto))) and was_all:
                self._sent = self._size  # that it is sent need not be sent

    def trim(self) -> None:
        """Give room back that what is sent takes, once it is much. What was read before is then at another place."""
        rest = self._size - self._sent
        is_much = self._sent >= CUT_FROM and rest <= self._sent // 2
        is_needed = self._size > self._max_bytes // 2 and rest <= self._sent
        if is_much or is_needed:
            with contextlib.suppress(OSError):  # the disk is full: the old file does as well
                self._cut()

    def refuse(self, placed: Placed, reason: str) -> None:
        """The server will never take a record: it is kept in a file of its own, with the reason."""
        where = self.refused_path
        _log.error("What was logged to run %s is refused: %s It is kept in %s.", self.run_id, reason, where)
        self.refused.append((placed.record, reason))
        try:
            keep_refused(where, self._head, placed.record, reason)
        except OSError as error:
            self.lost += 1
            _log.error("%s takes nothing (%s): what was refused is lost: %r", where, error, placed.record)

    @property
    def refused_path(self) -> Path:
        """Where records are that the server refused."""
        return self.path.with_suffix(REFUSED_SUFFIX)

    @property
    def artifacts_path(self) -> Path:
        """Where artifacts of the run may wait; while they do, a journal is not deleted."""
        return self.path.parent / f"{self.run_id}{ARTIFACTS_SUFFIX}"

    def mark_known(self, run_id: str) -> None:
        """The server has the run under this id."""
        self._known = run_id
        self.append(records.encoded(Known(run_id)))

    def close(self) -> None:
        """Delete the file if the server has everything, else leave it to who sends it later."""
        with self._lock:
            if self._is_closed:
                return
            self._settle()
            self._look()
            if self.is_sent and not self.artifacts_path.exists():
                with contextlib.suppress(OSError):  # then who comes next finds nothing to send in it
                    self.path.unlink(missing_ok=True)
            else:
                self._leave()
            self._is_closed = True
            fd, self._fd = self._fd, -1
            if fd >= 0:
                locks.let_go(fd)
        if self.lost:
            _log.error("%d records of run %s are lost: neither disk nor memory took them.", self.lost, self.run_id)

    def abandon(self) -> None:
        """Forget the file, which another process writes: this one is its forked child."""
        self._lock = threading.RLock()
        self._held = Held()
        fd, self._fd, self._is_closed = self._fd, -1, True
        if fd >= 0:
            os.close(fd)  # the lock stays with the parent

    def _new_path(self) -> Path:
        self._head = Opened(
            format=records.FORMAT,
            run_id=self.run_id,
            tracking_uri=self._tracking_uri,
            writer=f"{os.getpid()}-{uuid.uuid4().hex[:8]}",
            host=socket.gethostname(),
            pid=os.getpid(),
            at_ms=now_ms(),
        )
        return self._folder / f"{self.run_id}.{self._head.writer}{SUFFIX}"

    def _open(self) -> bool:
        """Whether there is a file now. If none can be made, memory does until one can."""
        try:
            path, fd = writing.create(self._new_path)
            try:
                writing.write_all(fd, records.encoded(self._head))
            except OSError:
                path.unlink(missing_ok=True)
                os.close(fd)
                raise
        except OSError as error:
            self._why = error
            return False
        self.path, self._fd = path, fd
        self._file += 1
        self._look()
        self._sent = self._size
        return True

    def _look(self) -> None:
        """See how large the file is, as an interrupted call may not have learned it, and whether it is still there."""
        if self._fd < 0:
            return
        try:
            stat = os.fstat(self._fd)
        except OSError as error:  # its file system is gone: what is there stays for others, and another file is made
            self._why = error
            fd, self._fd = self._fd, -1
            self._size = self._sent = 0
            self._file += 1
            self.path = self._new_path()
            with contextlib.suppress(OSError):
                locks.let_go(fd)
            return
        self._size, self._is_gone = stat.st_size, stat.st_nlink == 0
        self._sent = min(self._sent, self._size)

    def _write(self, record: bytes) -> bool:
        """Whether the file takes a record: the whole of it or nothing."""
        try:
            written = os.write(self._fd, record)
            self._size += written
            if written == len(record):
                return True
            self._why = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)  # if not even this works, readers skip it
        except OSError as error:
            self._why = error
        self._look()
        return False

    def _hold(self, record: bytes) -> None:
        if not self._is_warned:
            self._is_warned = True
            why = self._why or (
                f"it has {self._size} bytes of {self._max_bytes}" if self._fd >= 0 else "it is not there"
            )
            _log.warning(
                "The journal %s takes nothing (%s): what is logged is held in memory, up to %d MiB.",
                self.path,
                why,
                MAX_HELD_BYTES // 1024**2,
            )
        if not self._held.add(record):
            if not self.lost:
                _log.error("Memory holds all it may: what is logged to run %s from now on is lost.", self.run_id)
            self.lost += 1

    def _settle(self) -> None:
        """Have the file take what memory holds, as far as it does."""
        if not self._held or self._is_closed or (self._fd < 0 and not self._open()):
            return
        while self._held:
            data, count = self._held.first(SETTLED_BYTES)
            if self._size + len(data) > self._max_bytes or not self._write(data):
                return
            self._held.drop(count)
        self._why = None

    def _leave(self) -> None:
        """Have everything on disk that can be, for who sends it later."""
        if self._is_gone:  # somebody deleted it
            with contextlib.suppress(OSError):
                self._cut()
        self.lost += len(self._held)
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.fsync(self._fd)

    def _cut(self) -> None:
        """Have a new file take the place of this one, without what is sent. Raises OSError: this one stays.

        What is there is copied while others append; they wait only for the last of it. A crash leaves this one or the new.
        """
        with self._lock:
            if self._is_closed or self._fd < 0:
                return
            source, start, end = os.dup(self._fd), self._sent, self._size
        new, fd = self.path, -1
        is_new = False
        try:
            new, fd = writing.create(lambda: self.path.with_suffix(f".{uuid.uuid4().hex[:8]}{CUT_SUFFIX}"))
            head = records.encoded(self._head)
            if self._known is not None:
                head += records.encoded(Known(self._known))
            writing.write_all(fd, head)
            writing.copy(source, start, end, fd)
            os.fsync(fd)
            with self._lock:
                if self._fd < 0:  # closed meanwhile
                    return
                self._look()
                writing.copy(source, end, self._size, fd)
                new.rename(self.path)
                is_new = True
                self._fd, fd = fd, self._fd
                self._file += 1
                self._sent = len(head)
                self._look()
        finally:
            os.close(source)
            if fd >= 0:
                if not is_new:
                    new.unlink(missing_ok=True)
                os.close(fd)
