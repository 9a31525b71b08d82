"""An object of S3 made of bytes that come bit by bit."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from mlkeep.core.errors import MlkeepException

if TYPE_CHECKING:
    from mlkeep.blobs.buckets.s3.bucket import S3Bucket

MIN_PART = 5 * 1024 * 1024
"""Bytes that S3 wants in every part but the last."""

MAX_PARTS = 10_000
"""Parts that S3 takes of one object."""

_MIB = 1024 * 1024
_PARTS_OF_ONE_SIZE = 2_000
_SENDERS = 32

T = TypeVar("T")


def part_bytes_for(size: int) -> int:
    """The smallest size of parts, in whole MiB, that a file of `size` bytes can be sent in."""
    return max(MIN_PART, -(-size // (MAX_PARTS * _MIB)) * _MIB)


class S3Upload:
    """See `bucket.Upload`. Holds the part that is filled and the one that is sent: about 10 MiB for files below 48 GiB.

    Of a file of unknown size, parts become larger after every 2,000, so that it can be of 300 GiB.
    """

    def __init__(self, bucket: S3Bucket, key: str, path: str, size: int | None) -> None:
        self._bucket = bucket
        self._key, self._path = key, path
        self._known_bytes = None if size is None else part_bytes_for(size)
        self._filled = bytearray()
        self._id: str | None = None
        self._etags: dict[int, str] = {}
        self._sending: Future[str] | None = None
        self._committed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            room = self._part_bytes() - len(self._filled)
            self._filled += rest[:room]
            rest = rest[room:]
            if rest:  # a part is sent when it is full and not the last, so that a small file is sent in one request
                self._send()

    def finish(self) -> None:
        if self._id is not None:
            self._send()
            self._await()

    def commit(self) -> None:
        if self._id is None:
            self._bucket.put(self._key, self._path, self._filled)
        else:
            self._bucket.complete_upload(self._key, self._path, self._id, self._etags)
        self._filled = bytearray()
        self._committed = True

    def discard(self) -> None:
        self._filled = bytearray()
        if self._id is None or self._committed:
            return
        if self._sending is not None:
            self._sending.exception()  # a part that arrives after the upload was given up would stay
        with suppress(MlkeepException):  # the bucket's own rules clear up what cannot be reached
            self._bucket.abort_upload(self._key, self._path, self._id)
        self._id = None

    def _part_bytes(self) -> int:
        return self._known_bytes or MIN_PART << (len(self._etags) // _PARTS_OF_ONE_SIZE)

    def _send(self) -> None:
        """Send what is filled, beside the filling of the next."""
        if self._id is None:
            self._id = self._bucket.create_upload(self._key, self._path)
        self._await()
        number, data = len(self._etags) + 1, self._filled
        self._filled = bytearray()
        self._sending = in_sender(
            functools.partial(self._bucket.put_part, self._key, self._path, self._id, number, data)
        )

    def _await(self) -> None:
        if self._sending is not None:
            sent, self._sending = self._sending, None
            self._etags[len(self._etags) + 1] = sent.result()


def in_sender(work: Callable[[], T]) -> Future[T]:
    """Begin to do something in one of the threads that send parts."""
    try:
        return _senders().submit(work)
    except RuntimeError:  # the interpreter is about to end, and starts no more threads
        done: Future[T] = Future()
        try:
            done.set_result(work())
        except Exception as err:  # noqa: BLE001 - it is handed to the one who waits
            done.set_exception(err)
        return done


@functools.cache
def _senders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_SENDERS, thread_name_prefix="mlkeep-s3")


os.register_at_fork(after_in_child=_senders.cache_clear)  # threads stay with the parent
