"""A bucket of S3 as `ObjectStore` uses it."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import quote

from mlkeep.blobs.buckets.bucket import Body, BrokenOff, Entry, Upload
from mlkeep.blobs.buckets.faults import Fault
from mlkeep.blobs.buckets.s3 import documents
from mlkeep.blobs.buckets.s3.client import Answer, Refused, S3Client, pieces_of
from mlkeep.blobs.buckets.s3.documents import Part
from mlkeep.blobs.buckets.s3.upload import S3Upload
from mlkeep.blobs.contract import Signed
from mlkeep.core.errors import MlkeepException, Unavailable

_DELETED_AT_ONCE = 1000
"""Keys S3 takes in one request."""

_UNEXPLAINED = frozenset({301, 400, 403})
"""Statuses that an answer without a body leaves open the reason of."""

T = TypeVar("T")


class S3Bucket:
    """See `bucket.Bucket`; and the requests that uploads of several parts are made of."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._extra = client.place.extra

    @property
    def client(self) -> S3Client:
        """What sends the requests."""
        return self._client

    def level(self, prefix: str) -> tuple[list[Entry], list[str]]:
        entries: list[Entry] = []
        folders: list[str] = []
        for page in self._pages(prefix, {"delimiter": "/"}):
            entries += page.entries
            folders += page.prefixes
        return entries, folders

    def entries(self, prefix: str) -> Iterator[Entry]:
        for page in self._pages(prefix, {}):
            yield from page.entries

    def _pages(self, prefix: str, extra: dict[str, str]) -> Iterator[documents.Page]:
        action = f"list '{prefix}'"
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url", **extra}
        while True:
            answer = self._client.send("GET", "", action, query=query, path=prefix)
            page = self._read(documents.listing, answer, action)
            yield page
            if not page.following:
                return
            query["continuation-token"] = page.following

    def size(self, key: str, path: str) -> int | None:
        try:
            answer = self._client.attempt("HEAD", key, headers=dict(self._extra.bytes_of))
        except Refused as err:
            if err.fault.status == 404:
                return None
            raise self._explained(err.fault, key, path) from err
        return int(answer.headers.get("Content-Length") or 0)

    def _explained(self, fault: Fault, key: str, path: str) -> MlkeepException:
        """The error for a refused HEAD, whose answer has no reason in it: GET is told one."""
        if fault.status in _UNEXPLAINED:
            try:
                self._client.attempt("GET", key, headers={**dict(self._extra.bytes_of), "Range": "bytes=0-0"})
            except Refused as err:
                fault = err.fault
        return self._client.error(fault, f"read '{path}'", path)

    def open(self, key: str, path: str, start: int = 0, end: int | None = None, etag: str = "") -> Body:
        headers = dict(self._extra.bytes_of)
        if start or end is not None:
            headers["Range"] = f"bytes={start}-" + ("" if end is None else str(end - 1))
        if etag:
            headers["If-Match"] = etag
        try:
            answer = self._client.attempt("GET", key, headers=headers, stream=True)
        except Refused as err:
            if err.fault.status == 416:
                return Body(start, start, "", _nothing())
            if err.fault.status == 412:
                raise Unavailable(f"'{path}' was replaced while it was read: read it again.") from err
            raise self._client.error(err.fault, f"read '{path}'", path) from err
        length = int(answer.headers.get("Content-Length") or 0)
        return Body(start, start + length, answer.headers.get("ETag", ""), self._pieces(answer, path))

    def _pieces(self, answer: Answer, path: str) -> Generator[bytes, None, None]:
        try:
            yield from pieces_of(answer)
        except Refused as err:
            told = self._client.error(err.fault, f"read '{path}'", path)
            raise BrokenOff(told.message) from err

    def put(self, key: str, path: str, data: bytes | bytearray) -> None:
        headers = self.headers_of_new(key)
        self._client.send("PUT", key, f"write '{path}'", headers=headers, body=data, path=path)

    def upload(self, key: str, path: str, size: int | None) -> Upload:
        return S3Upload(self, key, path, size)

    def delete(self, keys: Iterable[str], path: str) -> None:
        known = list(keys)
        action = f"delete '{path}'"
        for start in range(0, len(known), _DELETED_AT_ONCE):
            some = known[start : start + _DELETED_AT_ONCE]
            if len(some) == 1:
                self._client.send("DELETE", some[0], action, path=path)
            else:
                self._delete_some(some, action, path)

    def _delete_some(self, keys: list[str], action: str, path: str) -> None:
        body = documents.deletion(keys)
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        headers = {"Content-MD5": digest, "Content-Type": "application/xml"}
        try:
            answer = self._client.attempt("POST", "", query={"delete": ""}, headers=headers, body=body)
        except Refused as err:
            if err.fault.status not in {400, 405, 501}:
                raise self._client.error(err.fault, action, path) from err
            left = keys  # some stores have no such request
        else:
            left = self._read(documents.failed_keys, answer, action)
        for key in left:
            self._client.send("DELETE", key, action, path=path)

    def sign(self, method: str, key: str, expires_s: int) -> Signed | None:
        if method == "GET":
            name = key.rpartition("/")[2]
            plain = name.isascii() and '"' not in name and "\\" not in name
            shown = f'filename="{name}"' if plain else f"filename*=UTF-8''{quote(name, safe='')}"
            query = {"response-content-disposition": f"attachment; {shown}"}
            return self._client.sign("GET", key, expires_s, query, dict(self._extra.bytes_of))
        return self._client.sign(method, key, expires_s, {}, self.headers_of_new(key))

    def create_upload(self, key: str, path: str) -> str:
        """Begin an upload of several parts; its id."""
        action = f"write '{path}'"
        headers = self.headers_of_new(key)
        answer = self._client.send("POST", key, action, query={"uploads": ""}, headers=headers, path=path)
        return self._read(documents.upload_id, answer, action)

    def put_part(self, key: str, path: str, upload_id: str, number: int, data: bytes | bytearray) -> str:
        """Send one part; its etag."""
        headers = dict(self._extra.bytes_of)
        query = {"partNumber": str(number), "uploadId": upload_id}
        action = f"write part {number} of '{path}'"
        answer = self._client.send("PUT", key, action, query=query, headers=headers, body=data, path=path)
        return answer.headers.get("ETag", "")

    def list_parts(self, key: str, path: str, upload_id: str) -> list[Part]:
        """The parts that the store has of an upload. Raises NotFound: it knows of none."""
        action = f"look up the upload of '{path}'"
        found: list[Part] = []
        query = {"uploadId": upload_id}
        while True:
            answer = self._client.send("GET", key, action, query=query, path=path)
            some, following = self._read(documents.parts, answer, action)
            found += some
            if not following:
                return found
            query["part-number-marker"] = following

    def complete_upload(self, key: str, path: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Make the object of its parts. Raises NotFound: the store knows no such upload."""
        action = f"complete the upload of '{path}'"
        headers = dict(self._extra.bytes_of)
        body = documents.completion(etags)
        try:
            self._client.attempt(
                "POST", key, query={"uploadId": upload_id}, headers=headers, body=body, errors_in_body=True
            )
        except Refused as err:
            # An answer may have been lost, so that the upload is no longer known because it is complete.
            if err.fault.code != "NoSuchUpload" or self._etag(key) != etag_of(etags):
                raise self._client.error(err.fault, action, path) from err

    def abort_upload(self, key: str, path: str, upload_id: str) -> None:
        """Give up an upload; one that is not known is no error."""
        try:
            self._client.attempt("DELETE", key, query={"uploadId": upload_id})
        except Refused as err:
            if err.fault.status != 404:
                raise self._client.error(err.fault, f"give up the upload of '{path}'", path) from err

    def _etag(self, key: str) -> str:
        try:
            return self._client.attempt("HEAD", key, headers=dict(self._extra.bytes_of)).headers.get("ETag", "")
        except Refused:
            return ""

    def headers_of_new(self, key: str) -> dict[str, str]:
        """What is told of an object that is made."""
        kind, encoding = mimetypes.guess_type(key)
        plain = kind if kind and not encoding else "application/octet-stream"
        return {"content-type": plain, **dict(self._extra.created), **dict(self._extra.bytes_of)}

    def _read(self, reader: Callable[[bytes], T], answer: Answer, action: str) -> T:
        try:
            return reader(answer.data)
        except ValueError as err:
            place = self._client.place
            raise Unavailable(
                f"Could not {action}: what answers at {place.endpoint} does not speak S3 ({err}). Check the address"
                + (f" in {place.endpoint_origin}." if place.endpoint_origin else ".")
            ) from err


def _nothing() -> Generator[bytes, None, None]:
    yield from ()


def etag_of(etags: Mapping[int, str]) -> str:
    """The etag that S3 gives to the object of these parts, where it keeps the bytes as they are."""
    digests = [etags[number].strip('"') for number in sorted(etags)]
    try:
        whole = hashlib.md5(b"".join(map(bytes.fromhex, digests)), usedforsecurity=False)
    except ValueError:
        return '""'
    return f'"{whole.hexdigest()}-{len(digests)}"'
