"""Bytes on their way to a server, kept here until they are complete: the server must be told how many there are."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mlkeep.core.errors import StorageFull
from mlkeep.core.manifest import StoredFile


class ProxiedSink:
    """See `blobs.contract.Sink`. `put` sends the file that was gathered."""

    def __init__(self, path: str, put: Callable[[Path], StoredFile]) -> None:
        self._path = path
        self._put = put
        self._file = tempfile.NamedTemporaryFile(prefix="mlkeep-upload-", delete=False)  # noqa: SIM115 - open from call to call
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._file.write(data)
        except OSError as err:
            raise StorageFull(
                f"The artifact '{self._path}' could not be gathered in '{self._file.name}': {err.strerror}. Make room there, "
                "or name another folder by TMPDIR."
            ) from err
        self._digest.update(data)
        self._size += len(data)

    def finish(self) -> StoredFile:
        self._file.close()
        return StoredFile(self._path, self._size, self._digest.hexdigest())

    def commit(self, twin: str | None = None) -> None:  # noqa: ARG002 - the server looks for one
        self._put(Path(self._file.name))
        self.discard()

    def discard(self) -> None:
        self._file.close()
        with suppress(OSError):
            Path(self._file.name).unlink(missing_ok=True)
