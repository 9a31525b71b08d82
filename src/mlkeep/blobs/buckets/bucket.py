"""What `ObjectStore` needs of a bucket: objects by key, in a flat space."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Protocol

import msgspec

from mlkeep.blobs.contract import Signed
from mlkeep.core.errors import Unavailable


def split_uri(uri: str) -> tuple[str, str, str]:
    """Scheme, authority and path of a URI that names a place in a bucket. Nothing in it is encoded, as MLflow has it."""
    scheme, _, rest = uri.partition(":")
    authority, _, path = rest.removeprefix("//").partition("/")
    return scheme.lower(), authority, path.strip("/")


class Entry(msgspec.Struct, frozen=True):
    """An object: its key and its size in bytes. A key that ends with a slash is a marker, of a folder without files."""

    key: str
    size: int


class Body(msgspec.Struct, frozen=True):
    """The bytes of an object from `start` up to `end`, as they come. `etag` is of these very bytes."""

    start: int
    end: int
    etag: str
    pieces: Generator[bytes, None, None]


class BrokenOff(Unavailable):
    """The bytes of an object stopped coming; they may come when asked for again."""


class Upload(Protocol):
    """Takes the bytes of one object in order; it is there, whole, after `commit`. One thread at a time."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take some bytes, which the caller may change afterwards."""
        ...

    def finish(self) -> None:
        """No more bytes come."""
        ...

    def commit(self) -> None:
        """Make the object."""
        ...

    def discard(self) -> None:
        """Leave no trace."""
        ...


class Bucket(Protocol):
    """Objects by key. Raises as `contract.ArtifactStore`; `path` is the name of an object in messages."""

    def level(self, prefix: str) -> tuple[list[Entry], list[str]]:
        """The objects whose keys begin with a prefix and have no slash after it, and the prefixes up to such a slash."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """All objects whose keys begin with a prefix."""
        ...

    def size(self, key: str, path: str) -> int | None:
        """The size of an object, None if there is none."""
        ...

    def open(self, key: str, path: str, start: int = 0, end: int | None = None, etag: str = "") -> Body:
        """The bytes of an object; only of the object with this etag, if one is given, where the store heeds it.

        A range that begins behind the end has none. The pieces raise BrokenOff when they stop coming.
        """
        ...

    def put(self, key: str, path: str, data: bytes | bytearray) -> None:
        """Make an object of these bytes."""
        ...

    def upload(self, key: str, path: str, size: int | None) -> Upload:
        """Begin to make an object of bytes that come bit by bit, in memory that does not depend on their number."""
        ...

    def delete(self, keys: Iterable[str], path: str) -> None:
        """Remove objects; those that are not there are no error."""
        ...

    def sign(self, method: str, key: str, expires_s: int) -> Signed | None:
        """A URL on which anybody can GET or PUT the object."""
        ...
