"""Artifacts in a folder, through obstore: written under another name, then renamed, so never seen half-written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from mlkeep.blobs import paths
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NotFound, NotOffered, Unavailable
from mlkeep.core.uris import is_local, local_path

PIECE = 1024 * 1024
"""Bytes read or sent at a time."""


class ObjectArtifacts:
    """See `contract.ArtifactStore`. The methods of coroutines are for servers, which stream to and from a network."""

    def __init__(self, root: Path) -> None:
        """Artifacts below `root`, a folder that is made when the first file comes."""
        self._root = root

    def below(self, path: str) -> ObjectArtifacts:
        """The artifacts below a folder of these. Raises InvalidInput: the path is not safe."""
        return ObjectArtifacts(self._root / paths.checked(path))

    def prepare(self) -> None:
        """Make the folder, and try that files can be made in it. Raises Unavailable."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root):
                pass
        except OSError as err:
            raise Unavailable(
                f"The artifact folder '{self._root}' cannot be written to: {err.strerror}. Choose another, or change its "
                "permissions."
            ) from err

    def list(self, path: str = "") -> list[FileInfo]:
        folder = paths.checked(path)
        if not (self._root / folder).is_dir():
            return []
        with _translated(path):
            found = obstore.list_with_delimiter(self._store(), folder or None)
        folders = [FileInfo(name, is_dir=True) for name in found["common_prefixes"]]
        files = [FileInfo(meta["path"], is_dir=False, file_size=meta["size"]) for meta in found["objects"]]
        return sorted(folders + files, key=lambda info: info.path)

    def put(self, path: str, source: Path) -> None:
        with source.open("rb") as file, _translated(path):
            obstore.put(self._store(), self._file(path), file)

    def put_bytes(self, path: str, data: bytes) -> None:
        with _translated(path):
            obstore.put(self._store(), self._file(path), data)

    def read(self, path: str) -> Iterator[bytes]:
        with _translated(path):
            result = obstore.get(self._store(), self._file(path))
        return (bytes(piece) for piece in result.stream(min_chunk_size=PIECE))

    def delete(self, path: str) -> None:
        target = self._root / paths.checked(path)
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        except OSError as err:
            raise Unavailable(f"The artifact '{path}' cannot be deleted: {err.strerror}.") from err

    async def put_stream(self, path: str, pieces: AsyncIterator[bytes]) -> None:
        """Keep a file of which pieces keep coming. If they break off, nothing is kept."""
        with _translated(path):
            await obstore.put_async(self._store(), self._file(path), pieces)

    async def read_stream(self, path: str) -> tuple[int, AsyncIterator[bytes]]:
        """The size of a file in bytes, and its pieces. Raises NotFound."""
        with _translated(path):
            result = await obstore.get_async(self._store(), self._file(path))
        return result.meta["size"], _bytes_of(result.stream(min_chunk_size=PIECE))

    def _store(self) -> LocalStore:
        return LocalStore(self._root, mkdir=True)

    def _file(self, path: str) -> str:
        name = paths.checked_file(path)
        if (self._root / name).is_dir():
            raise InvalidInput(f"Invalid path: '{path}' is a directory, not a file.")
        return name


async def _bytes_of(stream: Any) -> AsyncIterator[bytes]:
    async for piece in stream:
        yield bytes(piece)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Errors of the store, in our words."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"No such artifact: '{path}'") from None
    except (BaseError, OSError) as err:
        raise Unavailable(f"The artifact '{path}' cannot be reached: {_reason(err)}.") from err


def _reason(err: Exception) -> str:
    text = str(err).split("\n", 1)[0]
    return text.rsplit(": ", 1)[-1].rstrip(".")


def local_artifacts(uri: str) -> ObjectArtifacts:
    """The artifacts below a local folder, given as a path or a `file:` URI. Raises NotOffered: another scheme."""
    if not is_local(uri):
        raise NotOffered(
            f"Artifacts at '{uri}' cannot be reached: this version of mlkeep keeps artifacts in local folders."
        )
    return ObjectArtifacts(local_path(uri))
