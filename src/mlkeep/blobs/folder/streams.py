"""The bytes of files of this machine: read in pieces, compared, written and digested on the way."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlkeep.blobs.contract import PIECE
from mlkeep.blobs.folder.fence import Fence, remove_file
from mlkeep.core.errors import Unavailable
from mlkeep.core.manifest import StoredFile

_SMALL = 64 * 1024
"""Bytes that are asked for before a buffer is taken for the rest: most files have less."""


class _Spare(threading.local):
    """A buffer that waits for its next use by the thread; making one of 1 MiB takes longer than storing a small file."""

    buffer: bytearray | None = None


_spare = _Spare()


def pieces_of(opened: int) -> Iterator[bytes | memoryview]:
    """What is to come of an open file. A piece is valid until the next is asked for. Raises OSError."""
    while True:
        piece = os.read(opened, _SMALL)
        if not piece:
            return
        yield piece
        if len(piece) == _SMALL:
            break
    with _buffer() as view:
        while count := os.readv(opened, [view]):
            yield view[:count]


def pieces_at(opened: int, start: int, end: int) -> Iterator[memoryview]:
    """What an open file has from `start` up to but not including `end`, as `pieces_of`; less if it has less."""
    with _buffer() as view:
        while start < end and (count := os.preadv(opened, [view[: end - start]], start)):
            yield view[:count]
            start += count


@contextmanager
def _buffer() -> Iterator[memoryview]:
    buffer, _spare.buffer = _spare.buffer or bytearray(PIECE), None
    try:
        yield memoryview(buffer)
    finally:
        _spare.buffer = buffer


def digest_of(opened: int) -> str:
    """The SHA-256 of what is to come of an open file. Raises OSError."""
    digest = hashlib.sha256()
    for piece in pieces_of(opened):
        digest.update(piece)
    return digest.hexdigest()


def is_same(opened: int, other: int) -> bool:
    """Whether two open files have the same bytes, from their beginning. Raises OSError."""
    place = 0
    while True:
        piece = os.pread(opened, PIECE, place)
        if piece != os.pread(other, len(piece) or 1, place):
            return False
        if not piece:
            return True
        place += len(piece)


def open_twin(fence: Fence, name: str, size: int) -> tuple[int, os.stat_result] | None:
    """A file of `size` bytes that others may be linked to, opened; None if there is none of this name.

    A file that is reached by a link is none: somebody else decides what it is.
    """
    if fence.look(name) is None or fence.has_link(name):
        return None
    try:
        opened = os.open(fence.place(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    found = os.fstat(opened)
    if stat.S_ISREG(found.st_mode) and found.st_size == size:
        return opened, found
    os.close(opened)
    return None


def show_or_link(fence: Fence, temporary: str, opened: int, name: str, path: str, twin: str | None) -> None:
    """Give a finished file its name, or, if `twin` has the same bytes, make the name one more of the twin's."""
    found = open_twin(fence, twin, os.fstat(opened).st_size) if twin is not None and twin != name else None
    if found is not None and twin is not None:
        try:
            if is_same(opened, found[0]) and fence.link(twin, name, path, found[1]):
                remove_file(temporary)
                return
        finally:
            os.close(found[0])
    fence.show(temporary, name, path)


class FileSink:
    """See `contract.Sink`: a file in a folder. `name` is its place inside the fence, `path` what the caller calls it."""

    def __init__(self, fence: Fence, name: str, path: str, name_of: Callable[[str], str]) -> None:
        """`name_of` gives the place inside the fence of what the caller calls a twin."""
        self._fence, self._name, self._path, self._name_of = fence, name, path, name_of
        self._opened, self._temporary = fence.open_temporary(name, path)
        self._digest = hashlib.sha256()
        self._size = 0
        self._is_open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._digest.update(data)
        total = len(data)
        try:
            written = os.write(self._opened, data)
            while written < total:
                written += os.write(self._opened, memoryview(data)[written:])
        except OSError as err:
            raise self._fence.in_our_words(err, self._path, self._size + total) from err
        self._size += total

    def finish(self) -> StoredFile:
        if self._fence.durable:
            try:
                os.fsync(self._opened)
            except OSError as err:
                raise self._fence.in_our_words(err, self._path, self._size) from err
        return StoredFile(self._path, self._size, self._digest.hexdigest())

    def commit(self, twin: str | None = None) -> None:
        if twin is None:
            self._fence.show(self._temporary, self._name, self._path)
        else:
            show_or_link(self._fence, self._temporary, self._opened, self._name, self._path, self._name_of(twin))
        self._close()

    def discard(self) -> None:
        if self._is_open:
            self._close()
            remove_file(self._temporary)

    def _close(self) -> None:
        self._is_open = False
        os.close(self._opened)


class Pieces:
    """The bytes of an open file from `start` up to but not including `end`. Closes the file when it is through or gone."""

    def __init__(self, opened: int, path: str, start: int, end: int) -> None:
        self._opened: int | None = opened
        self._path, self._at, self._end = path, start, end

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> bytes:
        if self._opened is None or self._at >= self._end:
            self.close()
            raise StopIteration
        try:
            piece = os.pread(self._opened, min(PIECE, self._end - self._at), self._at)
        except OSError as err:
            raise Unavailable(f"The artifact '{self._path}' cannot be read: {err.strerror}. Try again later.") from err
        if not piece:
            self.close()
            raise Unavailable(
                f"The artifact '{self._path}' was cut off at {self._at} of {self._end} bytes while it was read. Read it again."
            )
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Close the file; nothing comes after that."""
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None

    def __del__(self) -> None:
        self.close()
