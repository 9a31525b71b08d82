"""Artifacts in a bucket: S3 and what speaks its protocol, Google Cloud Storage, Azure."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from mlkeep.blobs import paths
from mlkeep.blobs.buckets.bucket import Body, BrokenOff, Bucket, Entry, Upload
from mlkeep.blobs.buckets.s3.file_upload import put_in_parts
from mlkeep.blobs.buckets.s3.parts import S3Multipart, S3Parts, Sessions
from mlkeep.blobs.contract import PIECE, Bundles, PartUploads, Signed
from mlkeep.blobs.sinks import filled
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NotFound, Unavailable
from mlkeep.core.manifest import StoredFile

AT_ONCE = 16 * 1024 * 1024
"""Bytes up to which a file is read into memory and sent in one request."""

MAX_SIGNED_S = 7 * 24 * 3600
"""Seconds that a signed URL can be valid for."""

_RESUMES = 4
"""How often in a row a download that broke off is taken up again."""


class ObjectStore:
    """See `contract.ArtifactStore`. Every file is an object under its own path; folders are what their keys share.

    Objects whose names `paths.checked` refuses, and markers of empty folders, are not listed. A bucket can have a file
    and a folder of the same name; nothing prevents that here.
    """

    def __init__(self, bucket: Bucket, prefix: str = "", sessions: Sessions | None = None) -> None:
        """Artifacts below `prefix`; `sessions` keeps its uploads in parts, if it can have such."""
        self._bucket = bucket
        self._prefix = prefix
        self._sessions = sessions

    @property
    def parts(self) -> PartUploads | None:
        return self.s3_parts

    @property
    def s3_parts(self) -> S3Parts | None:
        """The same as `parts`, with what only S3 can do."""
        return None if self._sessions is None else S3Parts(self._sessions, self._prefix)

    @property
    def multipart(self) -> S3Multipart | None:
        """Uploads in parts of which nothing is known but their path; None if the store has none."""
        return None if self._sessions is None else S3Multipart(self._sessions.bucket, self._prefix)

    @property
    def bundles(self) -> Bundles | None:
        return None

    def below(self, path: str) -> ObjectStore:
        return ObjectStore(self._bucket, paths.joined(self._prefix, paths.checked(path)), self._sessions)

    def tree(self, path: str = "") -> list[FileInfo]:
        return sorted(_files(self._bucket.entries(self._folder_key(path)), self._shown), key=lambda info: info.path)

    def list(self, path: str = "") -> list[FileInfo]:
        entries, folders = self._bucket.level(self._folder_key(path))
        found = [FileInfo(name, is_dir=True) for key in folders if (name := self._shown(key.removesuffix("/")))]
        return sorted(found + _files(entries, self._shown), key=lambda info: info.path)

    def size(self, path: str) -> int | None:
        name = paths.checked(path)
        return self._bucket.size(self._key(name), name) if name else None

    def put(self, path: str, source: Path) -> StoredFile:
        """See the contract. What goes wrong with `source` is raised as the OSError that it is."""
        name = paths.checked_file(path)
        with source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= AT_ONCE:
                return self.put_bytes(name, file.read())
            if (parts := self.s3_parts) is not None:
                return put_in_parts(parts, name, file)
            return filled(self.sink(name, size), iter(functools.partial(file.read, PIECE), b""))

    def put_bytes(self, path: str, data: bytes) -> StoredFile:
        name = paths.checked_file(path)
        self._bucket.put(self._key(name), name, data)
        return StoredFile(name, len(data), hashlib.sha256(data).hexdigest())

    def sink(self, path: str, size: int | None = None) -> ObjectSink:
        name = paths.checked_file(path)
        return ObjectSink(name, self._bucket.upload(self._key(name), name, size))

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        name = paths.checked_file(path)
        if end is not None and end <= start:
            if self._bucket.size(self._key(name), name) is None:
                raise NotFound(f"No such artifact: '{name}'")
            return iter(())
        return self._resumed(self._bucket.open(self._key(name), name, start, end), name)

    def local_file(self, path: str) -> Path | None:
        paths.checked_file(path)
        return None

    def delete(self, path: str) -> None:
        name = paths.checked(path)
        keys = [entry.key for entry in self._bucket.entries(self._folder_key(name))]
        if not name:
            staging = paths.joined(self._prefix, paths.STAGING) + "/"
            keys = [key for key in keys if not key.startswith(staging)]
        else:
            keys.append(self._key(name))
        if keys:
            self._bucket.delete(keys, name)

    def share(self, path: str, twin: str, file: StoredFile) -> bool:  # noqa: ARG002 - part of the contract
        paths.checked_file(path)
        paths.checked_file(twin)
        return False

    def sign(self, method: str, path: str, expires_s: int) -> Signed | None:
        if not 1 <= expires_s <= MAX_SIGNED_S:
            raise InvalidInput(f"Invalid validity of {expires_s} s for a URL: it must be 1 to {MAX_SIGNED_S} s.")
        return self._bucket.sign(method, self._key(paths.checked_file(path)), expires_s)

    def _key(self, name: str) -> str:
        return paths.joined(self._prefix, name)

    def _folder_key(self, path: str) -> str:
        key = self._key(paths.checked(path))
        return f"{key}/" if key else ""

    def _shown(self, key: str) -> str:
        """The path of an object; "" if it is not to be shown."""
        name = key[len(self._prefix) + 1 :] if self._prefix else key
        try:
            return name if paths.checked(name) == name else ""
        except InvalidInput:
            return ""

    def _resumed(self, body: Body, name: str) -> Iterator[bytes]:
        """The bytes of an object, asked for again from where they broke off."""
        begun = at = taken_up_at = body.start
        breaks = 0
        end, etag = body.end, body.etag
        while True:
            try:
                for piece in body.pieces:
                    at += len(piece)
                    yield piece
                if at >= end:
                    return
                _refuse_end(name, at, end)
            except BrokenOff:
                breaks = 1 if at - taken_up_at >= PIECE else breaks + 1
                if breaks > _RESUMES:
                    raise
            taken_up_at = at
            body = self._bucket.open(self._key(name), name, at, end, etag if at > begun else "")
            if at == begun:  # nothing was given out yet, so that it may be another file by now
                end, etag = body.end, body.etag
            elif body.etag != etag:
                body.pieces.close()
                raise Unavailable(f"'{name}' was replaced while it was read: read it again.")


def _files(entries: Iterable[Entry], shown: Callable[[str], str]) -> list[FileInfo]:
    """Objects as files, if they are to be shown; `shown` gives their names."""
    return [FileInfo(name, is_dir=False, file_size=entry.size) for entry in entries if (name := shown(entry.key))]


def _refuse_end(name: str, at: int, end: int) -> NoReturn:
    raise BrokenOff(f"The store ended '{name}' after {at} of {end} bytes: read it again.")


class ObjectSink:
    """See `contract.Sink`."""

    def __init__(self, path: str, upload: Upload) -> None:
        self._path = path
        self._upload = upload
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._digest.update(data)
        self._size += len(data)
        self._upload.write(data)

    def finish(self) -> StoredFile:
        self._upload.finish()
        return StoredFile(self._path, self._size, self._digest.hexdigest())

    def commit(self, twin: str | None = None) -> None:  # noqa: ARG002 - objects do not share their place
        self._upload.commit()

    def discard(self) -> None:
        self._upload.discard()
