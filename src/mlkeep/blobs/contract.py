"""What a place for artifacts promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from mlkeep.core.entities import FileInfo
from mlkeep.core.manifest import StoredFile

PIECE = 1024 * 1024
"""Bytes read, written or hashed at a time."""


class ArtifactStore(Protocol):
    """Files by path below one root. Paths are relative, with `/` between segments, checked by `paths.checked`.

    A file appears whole or not at all. All methods may be called from any thread and wait for what they do.

    All of them raise:
        InvalidInput: the path is not safe, or names a folder where a file is asked for.
        NotFound: there is no such file, or no such bucket.
        Forbidden: the store refuses the credentials, or what was asked with them.
        Unavailable: the store does not answer, or not as it should; the message says what to look at.
        StorageFull: there is no room for what was sent.
    """

    @property
    def parts(self) -> PartUploads | None:
        """Uploads in parts, that go on after a break; None if the store has none."""
        ...

    @property
    def bundles(self) -> Bundles | None:
        """Many small files in one go; None if the store has nothing faster than one by one."""
        ...

    def below(self, path: str) -> ArtifactStore:
        """The store whose root is a folder of this one."""
        ...

    def tree(self, path: str = "") -> list[FileInfo]:
        """All files below a folder, however deep, sorted by path, without the folders."""
        ...

    def list(self, path: str = "") -> list[FileInfo]:
        """What is in a folder, not deeper, sorted by path; paths are relative to the root.

        A folder that does not exist, or a file, has nothing in it.
        """
        ...

    def size(self, path: str) -> int | None:
        """The size of a file in bytes; None if there is no file of this name (a folder is none)."""
        ...

    def put(self, path: str, source: Path) -> StoredFile:
        """Keep a copy of a local file, replacing what was there. Memory use does not depend on its size."""
        ...

    def put_bytes(self, path: str, data: bytes) -> StoredFile:
        """Keep a file of these bytes, replacing what was there."""
        ...

    def sink(self, path: str, size: int | None = None) -> Sink:
        """Where the bytes of a file can be written to as they come; `size` if it is known ahead."""
        ...

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of a file from `start` up to but not including `end`, in pieces of about `PIECE`.

        Raises NotFound before the first piece, and Unavailable if fewer bytes come than there are.
        """
        ...

    def local_file(self, path: str) -> Path | None:
        """Where the file lies in this machine's file system; None if it does not lie there.

        Raises NotFound: it should, but is not there.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove a file, or a folder with everything in it; nothing there is no error."""
        ...

    def share(self, path: str, twin: str, file: StoredFile) -> bool:
        """Make `path` a file that shares its place with the file `twin`, if that has the bytes that `file` tells of.

        False, and nothing changed, if it has not, or if this store cannot share.
        """
        ...

    def sign(self, method: str, path: str, expires_s: int) -> Signed | None:
        """A URL on which anybody can GET or PUT the file for some seconds; None if this store has no such thing."""
        ...


class Sink(Protocol):
    """Takes the bytes of one file or part in order. Nothing shows until `commit`. One thread at a time.

    `finish` is called once, after the last write; then `commit`. `discard` can be called at any time, and again.
    """

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take some bytes. `data` may be used again by the caller when this returns."""
        ...

    def finish(self) -> StoredFile:
        """What was written. Raises Unavailable, StorageFull: it could not be kept."""
        ...

    def commit(self, twin: str | None = None) -> None:
        """Show the file, in place of what was there.

        `twin` is the path of a file that may have the same bytes: if it has, and the store can, they share their place.
        """
        ...

    def discard(self) -> None:
        """Leave no trace, unless it was committed."""
        ...


class PartUpload(msgspec.Struct, frozen=True):
    """An upload that was begun. Its parts are numbered from 1; all but the last have `part_bytes` bytes.

    `have` are the numbers of the parts that arrived. `digests` says that each part must come with its SHA-256.
    `ask_again` says that the store may have the file already, and would know by its SHA-256: see `AskingParts`.
    """

    upload_id: str
    path: str
    size: int
    part_bytes: int
    have: frozenset[int] = frozenset()
    digests: bool = False
    ask_again: bool = False

    @property
    def count(self) -> int:
        """How many parts there are; a file of no bytes has one, of none."""
        return max(1, -(-self.size // self.part_bytes))

    def range_of(self, number: int) -> tuple[int, int]:
        """Where in the file the part begins, and where it ends (not included)."""
        start = (number - 1) * self.part_bytes
        return start, min(start + self.part_bytes, self.size)


class PartUploads(Protocol):
    """Uploads in parts, which may be sent in any order, by several threads, and again. Raises as `ArtifactStore`."""

    def begin(self, path: str, size: int, fingerprint: str, part_bytes: int) -> PartUpload:
        """Begin to upload a file, or go on with what was begun with the same arguments.

        `fingerprint` changes when the file does. The store may choose larger parts than `part_bytes`.
        """
        ...

    def find(self, upload_id: str) -> PartUpload:
        """The upload of this id, as it stands. Raises NotFound: there is none, or it is complete."""
        ...

    def sink(self, upload_id: str, number: int, sha256: str | None = None) -> Sink:
        """Where the bytes of one part can be written to as they come.

        Its `finish` raises Damaged if they are not those of `sha256`, and InvalidInput if they are too few or too many.
        """
        ...

    def complete(self, upload_id: str, sha256: str | None, twin: str | None = None) -> StoredFile:
        """Make the file of all its parts, and show it. `twin` as for `Sink.commit`.

        Raises:
            InvalidInput: parts are missing; the message names the first.
            Damaged: the whole has another SHA-256 than the one given. The upload is given up.
        """
        ...

    def abort(self, upload_id: str) -> None:
        """Give the upload up and free its place; no such upload is no error."""
        ...


@runtime_checkable
class AskingParts(PartUploads, Protocol):
    """Uploads in parts to a store that may have the file already."""

    def begin_known(
        self, path: str, size: int, fingerprint: str, part_bytes: int, sha256: str
    ) -> PartUpload | StoredFile:
        """As `begin`, for a file whose SHA-256 is known. A stored file: there it is, and nothing need be sent."""
        ...


class Bundles(Protocol):
    """Many small files in one go. Raises as `ArtifactStore`."""

    def put_many(self, files: Mapping[str, Path]) -> Sequence[StoredFile]:
        """Keep copies of local files under these paths."""
        ...

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files of these paths with their bytes, in this order."""
        ...


class Signed(msgspec.Struct, frozen=True):
    """A URL that carries its own permission, and the headers that must be sent with it."""

    url: str
    headers: dict[str, str] = {}
