"""What is known of a stored file."""

from __future__ import annotations

import msgspec

from mlkeep.core.entities import FileInfo


class StoredFile(msgspec.Struct, frozen=True):
    """A file below some root: its path there, its bytes counted and digested. `sha256` is 64 hex digits."""

    path: str
    size: int
    sha256: str

    def info(self) -> FileInfo:
        """The file as a listing shows it."""
        return FileInfo(self.path, is_dir=False, file_size=self.size)
