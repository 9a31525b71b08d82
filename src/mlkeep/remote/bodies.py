"""Bodies of requests that can be sent again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType

from mlkeep.core.errors import Conflict


class BytesBody:
    """Bytes in memory, which must not change meanwhile."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data)
        self._at = 0

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, size: int, /) -> memoryview:
        """The next bytes, up to `size` of them."""
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, /) -> int:
        """Begin again there."""
        self._at = offset
        return offset


class FileBody:
    """A local file, digested as it is sent. A context manager.

    Its last bytes are not given out if it has changed since it was opened, so that no server takes it for complete.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._file = source.open("rb", buffering=0)
        self._found = os.fstat(self._file.fileno())
        self._at = 0
        self._digest = hashlib.sha256()

    def __enter__(self) -> FileBody:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        return self._found.st_size

    @property
    def sha256(self) -> str:
        """The digest of what was read since the start."""
        return self._digest.hexdigest()

    def digest(self) -> str:
        """The digest of the whole file, which is then at its start again. Raises Conflict: it changed meanwhile."""
        while self.read(1024 * 1024):
            pass
        sha256 = self.sha256
        self.seek(0)
        return sha256

    def read(self, size: int, /) -> bytes:
        """The next bytes, up to `size` of them. Raises Conflict: the file changed."""
        wanted = min(size, self.size - self._at)
        piece = self._file.read(wanted) if wanted else b""
        self._at += len(piece)
        if (len(piece) < wanted and not piece) or (piece and self._at == self.size):
            self._check_unchanged()
        self._digest.update(piece)
        return piece

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, /) -> int:
        """Begin again at the start, which is the only place this can be done."""
        self._file.seek(offset)
        self._at = offset
        self._digest = hashlib.sha256()
        return offset

    def _check_unchanged(self) -> None:
        now, then = os.fstat(self._file.fileno()), self._found
        if (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
            raise Conflict(
                f"The file '{self._source}' changed while it was being uploaded, so it was not kept: upload it again when "
                "nothing writes to it."
            )
