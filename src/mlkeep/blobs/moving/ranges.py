"""The bytes of one file, in one stream or several ranges at a time; a stream that breaks off goes on where it broke."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.moving.plan import Plan, Progress, Retries
from mlkeep.blobs.moving.threads import shared_out
from mlkeep.core.errors import Damaged, Unavailable

_READ_BACK = 256 * 1024
"""Bytes at a time, few enough to stay in the processor's cache."""


class Received(msgspec.Struct, frozen=True):
    """Bytes that came, counted and digested."""

    size: int
    sha256: str


def receive(
    store: ArtifactStore, path: str, size: int, target: Path, plan: Plan, threads: int, progress: Progress
) -> Received:
    """Write the bytes of a stored file, which should have `size` of them, into the local file `target`."""
    with target.open("w+b", buffering=0) as file:
        if threads < 2:
            return _streamed(store, path, file, plan, progress)
        os.truncate(file.fileno(), size)
        return _Ranges(store, path, size, file, plan, progress).received(threads)


def resumed(store: ArtifactStore, path: str, start: int, end: int | None, retries: Retries) -> Iterator[bytes]:
    """`store.read`, taken up again where it breaks off, as long as more comes each time or `retries` are left."""
    failures = 0
    while True:
        before = start
        try:
            for piece in store.read(path, start, end):
                yield piece
                start += len(piece)
        except Unavailable:
            failures = 0 if start > before else failures + 1
            if failures > retries.most:
                raise
        else:
            return
        time.sleep(retries.delay_s(failures))


def _streamed(store: ArtifactStore, path: str, file: IO[bytes], plan: Plan, progress: Progress) -> Received:
    digest, size = hashlib.sha256(), 0
    for piece in resumed(store, path, 0, None, plan.retries):
        _write_all(file.fileno(), piece, size)
        digest.update(piece)
        size += len(piece)
        progress.moved(len(piece))
    return Received(size, digest.hexdigest())


class _Ranges:
    """Ranges are taken in order, come several at a time, and are digested in order: who is ahead waits."""

    def __init__(
        self, store: ArtifactStore, path: str, size: int, file: IO[bytes], plan: Plan, progress: Progress
    ) -> None:
        self._store = store
        self._path = path
        self._size = size
        self._file = file
        self._plan = plan
        self._progress = progress
        self._digest = hashlib.sha256()
        self._turn = threading.Condition()
        self._writing = threading.Lock()  # the system would let those who write one file wait by turning in circles
        self._digested = 0
        self._failed = False

    def received(self, threads: int) -> Received:
        try:
            shared_out(self._tasks(), threads)
        except BaseException:
            self._fail()
            raise
        return Received(self._digested, self._digest.hexdigest())

    def _tasks(self) -> Iterator[Callable[[], None]]:
        for start in range(0, self._size, self._plan.range_bytes):
            yield functools.partial(self._range, start, min(start + self._plan.range_bytes, self._size))

    def _range(self, start: int, end: int) -> None:
        try:
            at, own_turn = start, self._digested == start
            for piece in resumed(self._store, self._path, start, end, self._plan.retries):
                with self._writing:
                    _write_all(self._file.fileno(), piece, at)
                at += len(piece)
                if own_turn:
                    self._digest.update(piece)
                self._progress.moved(len(piece))
                if self._failed:
                    return
            self._check_complete(at, end)
            with self._turn:
                self._turn.wait_for(lambda: self._digested == start or self._failed)
            if not own_turn:
                self._digest_written(start, end)
            with self._turn:
                self._digested = end
                self._turn.notify_all()
        except BaseException:
            self._fail()
            raise

    def _digest_written(self, start: int, end: int) -> None:
        """What was written a moment ago is read from memory: that is cheaper than to hold it until it is its turn."""
        while start < end and (piece := os.pread(self._file.fileno(), min(_READ_BACK, end - start), start)):
            self._digest.update(piece)
            start += len(piece)

    def _check_complete(self, at: int, end: int) -> None:
        if at != end:
            raise Damaged(
                f"The artifact '{self._path}' should have {self._size} bytes, but ends at {at}: it was replaced meanwhile, "
                "or cut off. `mlkeep artifacts verify` tells which files are damaged."
            )

    def _fail(self) -> None:
        """Let nobody wait for a turn that does not come."""
        with self._turn:
            self._failed = True
            self._turn.notify_all()


def _write_all(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written
