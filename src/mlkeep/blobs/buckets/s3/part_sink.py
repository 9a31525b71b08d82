"""One part of an upload, passed on to S3 as it comes."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterator

from mlkeep.blobs.buckets.faults import Fault
from mlkeep.blobs.buckets.s3.bucket import S3Bucket
from mlkeep.blobs.buckets.s3.client import Refused
from mlkeep.core.errors import Damaged, InvalidInput, MlkeepException
from mlkeep.core.manifest import StoredFile

_WAITING = 2
"""Pieces that may wait to be sent."""


_PATIENCE_S = 5
"""Seconds to wait for a request that was given up; one that hangs in the network ends by itself later."""


class S3PartSink:
    """See `contract.Sink`. Holds a few of the pieces that are written, not the part.

    The last piece is held back until the digest of the whole is known to be right, so that the store never has a part
    that is damaged, even if it does not check digests itself. A part that was written in one piece is sent again after
    passing faults; one of several pieces cannot be, for they are gone.
    """

    def __init__(self, bucket: S3Bucket, key: str, path: str, upload_id: str, number: int, size: int, sha256: str):
        self._bucket = bucket
        self._key, self._path, self._id = key, path, upload_id
        self._number, self._size, self._sha256 = number, size, sha256
        self._digest = hashlib.sha256()
        self._received = 0
        self._held = b""
        self._stream: _Stream | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._received += len(data)
        if self._received > self._size:
            self.discard()  # `finish` will tell of it
            return
        self._digest.update(data)
        if self._held:
            self._opened().put(self._held)
        self._held = bytes(data)

    def finish(self) -> StoredFile:
        if self._received != self._size:
            self.discard()
            raise InvalidInput(
                f"Part {self._number} of '{self._path}' must have {self._size} bytes, but {self._received} came."
            )
        if self._digest.hexdigest() != self._sha256:
            self.discard()
            raise Damaged(
                f"Part {self._number} of '{self._path}' arrived with other bytes than were announced: its SHA-256 is "
                f"{self._digest.hexdigest()}, not {self._sha256}. Send it again."
            )
        if self._stream is None:
            self._bucket.put_part(self._key, self._path, self._id, self._number, self._held)
        else:
            self._stream.put(self._held)
            self._stream.result()
        self._held = b""
        return StoredFile(self._path, self._size, self._sha256)

    def commit(self, twin: str | None = None) -> None:
        """The part was kept when `finish` returned; the file shows when all are complete."""

    def discard(self) -> None:
        self._held = b""
        if self._stream is not None:
            self._stream.break_off()

    def _opened(self) -> _Stream:
        if self._stream is None:
            query = {"partNumber": str(self._number), "uploadId": self._id}
            action = f"write part {self._number} of '{self._path}'"
            self._stream = _Stream(self._bucket, self._key, query, self._size, self._sha256, action)
        return self._stream


class _BrokenOff(Exception):  # noqa: N818 - it ends a request on purpose
    """The sender gave up."""


class _Stream:
    """A request whose body comes bit by bit from another thread than the one that sends it."""

    def __init__(self, bucket: S3Bucket, key: str, query: dict[str, str], size: int, sha256: str, action: str) -> None:
        self._bucket, self._action = bucket, action
        self._pieces: deque[bytes] = deque()
        self._left = size
        self._broken = False
        self._ended = False
        self._error: MlkeepException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._send, args=(key, query, size, sha256), daemon=True)
        self._thread.start()

    def put(self, piece: bytes) -> None:
        """Hand on the next piece, when there is room. Raises what ended the request."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._pieces) < _WAITING or self._ended)
            if self._ended:
                raise self._what_ended_it()
            self._pieces.append(piece)
            self._changed.notify_all()

    def result(self) -> None:
        """Wait until all is sent and accepted. Raises what the store refused it with."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def break_off(self) -> None:
        """Close the connection, so that the store throws away what it has."""
        with self._changed:
            self._broken = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE_S)

    def _what_ended_it(self) -> MlkeepException:
        return self._error or self._bucket.client.error(Fault(reason="it answered too early"), self._action)

    def _send(self, key: str, query: dict[str, str], size: int, sha256: str) -> None:
        error: MlkeepException | None = None
        try:
            self._bucket.client.send_stream(key, query, self._all(), size, sha256)
        except Refused as err:
            error = self._bucket.client.error(err.fault, self._action)
        except MlkeepException as err:
            error = err
        except _BrokenOff:
            pass
        with self._changed:
            self._ended, self._error = True, error
            self._pieces.clear()
            self._changed.notify_all()

    def _all(self) -> Iterator[bytes]:
        while self._left:
            with self._changed:
                self._changed.wait_for(lambda: self._pieces or self._broken)
                if self._broken:
                    raise _BrokenOff
                piece = self._pieces.popleft()
                self._changed.notify_all()
            self._left -= len(piece)
            yield piece
