"""A bucket that obstore reaches: Google Cloud Storage, Azure, and S3 with the roles of this machine."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from datetime import timedelta
from typing import TypeAlias

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore, S3Store

from mlkeep.blobs.buckets.bucket import Body, BrokenOff, Entry, Upload
from mlkeep.blobs.buckets.faults import Fault, Spot, error_of, fault_in
from mlkeep.blobs.buckets.s3.upload import part_bytes_for
from mlkeep.blobs.contract import PIECE, Signed
from mlkeep.core.errors import MlkeepException, NotFound, Unavailable

Store: TypeAlias = S3Store | GCSStore | AzureStore

_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (NotFoundError, 404),
    (FileNotFoundError, 404),
    (PermissionDeniedError, 403),
    (UnauthenticatedError, 401),
    (PreconditionError, 412),
)

_NO_CREDENTIALS = ("token request", "instance credentials", "/latest/api/token", "169.254.169.254")
"""What the text has in it when obstore asked the machine it runs on for credentials, and got none."""

_NO_ANSWER = ("HTTP error", "error sending request", "decoding response body", "reqwest")
"""What the text has in it when nothing, or only half of it, came."""

_CONCURRENT = 2
"""Blocks of one upload that are on their way together."""


class CloudBucket:
    """See `bucket.Bucket`. Requests are repeated by obstore, as the store was made to."""

    def __init__(self, store: Store, spot: Spot) -> None:
        self._store = store
        self._spot = spot

    def level(self, prefix: str) -> tuple[list[Entry], list[str]]:
        try:
            found = obstore.list_with_delimiter(self._store, prefix or None)
        except (BaseError, OSError) as err:
            raise self.error(err, f"list '{prefix}'", prefix) from err
        folders = [f"{name}/" for name in found["common_prefixes"]]
        return [Entry(meta["path"], meta["size"]) for meta in found["objects"]], folders

    def entries(self, prefix: str) -> Iterator[Entry]:
        try:
            for some in obstore.list(self._store, prefix or None, chunk_size=1000):
                yield from (Entry(meta["path"], meta["size"]) for meta in some)
        except (BaseError, OSError) as err:
            raise self.error(err, f"list '{prefix}'", prefix) from err

    def size(self, key: str, path: str) -> int | None:
        try:
            return obstore.head(self._store, key)["size"]
        except (BaseError, OSError) as err:
            error = self.error(err, f"read '{path}'", path)
            if isinstance(error, NotFound):
                return None
            raise error from err

    def open(self, key: str, path: str, start: int = 0, end: int | None = None, etag: str = "") -> Body:
        options: obstore.GetOptions = {}
        if etag:
            options["if_match"] = etag
        if end is not None:
            options["range"] = (start, end)
        elif start:
            options["range"] = {"offset": start}
        try:
            result = obstore.get(self._store, key, options=options)
        except PreconditionError as err:
            raise Unavailable(f"'{path}' was replaced while it was read: read it again.") from err
        except (BaseError, OSError) as err:
            size = self.size(key, path) if start else None
            if size is not None and start >= size:
                return Body(start, start, "", _nothing())
            raise self.error(err, f"read '{path}'", path) from err
        first, last = result.range
        return Body(first, last, result.meta["e_tag"] or "", self._pieces(result, path))

    def _pieces(self, result: obstore.GetResult, path: str) -> Generator[bytes, None, None]:
        try:
            for piece in result.stream(min_chunk_size=PIECE):
                yield bytes(piece)
        except (BaseError, OSError) as err:
            raise BrokenOff(self.error(err, f"read '{path}'", path).message) from err

    def put(self, key: str, path: str, data: bytes | bytearray) -> None:
        try:
            obstore.put(self._store, key, bytes(data), use_multipart=False)
        except (BaseError, OSError) as err:
            raise self.error(err, f"write '{path}'", path) from err

    def upload(self, key: str, path: str, size: int | None) -> Upload:
        return _Upload(self, key, path, part_bytes_for(size or 0))

    def writer(self, key: str, part_bytes: int) -> obstore.WritableFile:
        """An object that is there when the writer is closed, and never if it is dropped."""
        return obstore.open_writer(self._store, key, buffer_size=part_bytes, max_concurrency=_CONCURRENT)

    def delete(self, keys: Iterable[str], path: str) -> None:
        try:
            obstore.delete(self._store, list(keys))
        except (BaseError, OSError) as err:
            error = self.error(err, f"delete '{path}'", path)
            if not isinstance(error, NotFound):
                raise error from err

    def sign(self, method: str, key: str, expires_s: int) -> Signed | None:
        try:
            url = obstore.sign(self._store, method, key, timedelta(seconds=expires_s))  # type: ignore[call-overload]  # any text may be asked for
        except NotSupportedError:
            return None
        except (BaseError, OSError) as err:
            raise self.error(err, f"sign a URL for '{key}'", key) from err
        headers = {"x-ms-blob-type": "BlockBlob"} if method == "PUT" and isinstance(self._store, AzureStore) else {}
        return Signed(url, headers)

    def error(self, err: Exception, action: str, path: str) -> MlkeepException:
        """The error to raise for one of obstore's."""
        return error_of(_fault_of(err), self._spot, action, path)


class _Upload:
    """See `bucket.Upload`. obstore holds the part that is filled and those on their way."""

    def __init__(self, bucket: CloudBucket, key: str, path: str, part_bytes: int) -> None:
        self._bucket = bucket
        self._key, self._path = key, path
        self._part_bytes = part_bytes
        self._writer: obstore.WritableFile | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._writer is None:
            self._writer = self._bucket.writer(self._key, self._part_bytes)
        try:
            self._writer.write(bytes(data))
        except (BaseError, OSError) as err:
            raise self._bucket.error(err, f"write '{self._path}'", self._path) from err

    def finish(self) -> None:
        """Nothing to do: what is left is sent with `commit`."""

    def commit(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            self._bucket.put(self._key, self._path, b"")
            return
        try:
            writer.close()
        except (BaseError, OSError) as err:
            raise self._bucket.error(err, f"write '{self._path}'", self._path) from err

    def discard(self) -> None:
        self._writer = None  # a writer that is not closed makes no object


def _fault_of(err: Exception) -> Fault:
    """What an exception of obstore tells. Its text has the answer of the store in it."""
    status = next((status for kind, status in _STATUSES if isinstance(err, kind)), 0)
    if any(sign in str(err) for sign in _NO_CREDENTIALS):
        return Fault(401, "NoCredentials")
    fault = fault_in(str(err), status)
    if fault.status:
        return fault
    if any(sign in str(err) for sign in _NO_ANSWER):
        return Fault(reason="no connection can be made, or it broke off")
    return Fault(500, type(err).__name__)


def _nothing() -> Generator[bytes, None, None]:
    yield from ()
