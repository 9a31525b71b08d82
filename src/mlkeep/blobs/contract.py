"""What a place for artifacts promises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from mlkeep.core.entities import FileInfo


class ArtifactStore(Protocol):
    """Files by path below one root. Paths are relative, with `/` between segments, checked by `paths.checked`.

    A file appears whole or not at all. All methods may be called from any thread.
    """

    def list(self, path: str = "") -> list[FileInfo]:
        """What is in a folder, not deeper, sorted by path; paths are relative to the root.

        A folder that does not exist, or a file, has nothing in it.
        """
        ...

    def put(self, path: str, source: Path) -> None:
        """Keep a copy of a local file, replacing what was there. Memory use does not depend on its size."""
        ...

    def put_bytes(self, path: str, data: bytes) -> None:
        """Keep a file of these bytes, replacing what was there."""
        ...

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, in pieces. Raises NotFound, before the first piece."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file, or a folder with everything in it; nothing there is no error."""
        ...


def walk(store: ArtifactStore, path: str = "") -> Iterable[FileInfo]:
    """All files below a folder, folders left out."""
    for info in store.list(path):
        if info.is_dir:
            yield from walk(store, info.path)
        else:
            yield info
