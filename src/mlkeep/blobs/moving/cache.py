"""Downloaded files by their digest, so that what was downloaded once need not be again."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mlkeep.blobs.contract import PIECE
from mlkeep.blobs.moving.landing import appearing, beside
from mlkeep.core.manifest import StoredFile

_KEPT_OF_FULL = 0.9
"""How much of its room a cache that was full keeps, so that it is not full again at the next file."""


class Cache:
    """Files below `root`, named by their SHA-256: up to `max_bytes` of them, the ones used longest ago going first.

    Any number of processes may use one cache. It never raises: what it cannot do it leaves.
    Its files are read-only, and are digested each time they are taken; those that are damaged are dropped.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._unseen = max_bytes  # bytes kept since its size was last looked at; at first nobody knows

    def take(self, file: StoredFile, target: Path, *, link: bool) -> bool:
        """Whether the file was there, and is now at `target`: as one more name of it if `link`, else as a copy."""
        entry = self._entry(file.sha256)
        try:
            if entry.stat().st_size != file.size:
                entry.unlink(missing_ok=True)
                return False
            if not (link and self._linked(entry, file, target)) and not self._copied(entry, file, target):
                return False
            os.utime(entry)
        except OSError:
            return False
        return True

    def keep(self, file: StoredFile, source: Path) -> None:
        """Keep a file whose digest was checked. `source` may become one of its names, and read-only."""
        if not 0 < file.size <= self._max_bytes // 2:
            return
        entry = self._entry(file.sha256)
        with suppress(OSError):
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                source.chmod(0o444)
                os.link(source, entry)
            except FileExistsError:
                return
            except OSError:
                with appearing(entry) as temporary:
                    shutil.copyfile(source, temporary)
                    temporary.chmod(0o444)
            self._make_room(file.size)

    def _entry(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _linked(self, entry: Path, file: StoredFile, target: Path) -> bool:
        with entry.open("rb", buffering=0) as opened:
            if not self._is_sound(entry, file, _digest(opened.read)):
                return False
        try:
            os.link(entry, target)
        except FileExistsError:
            return _replaced_by_link(entry, target)
        except OSError:
            return False
        return True

    def _copied(self, entry: Path, file: StoredFile, target: Path) -> bool:
        with suppress(_Unsound), entry.open("rb", buffering=0) as opened, appearing(target) as temporary:
            with temporary.open("wb", buffering=0) as copy:

                def read(size: int) -> bytes | None:
                    piece = opened.read(size)
                    shown = memoryview(piece or b"")
                    while shown:
                        shown = shown[copy.write(shown) :]
                    return piece

                sound = self._is_sound(entry, file, _digest(read))
            if not sound:
                raise _Unsound
            return True
        return False

    def _is_sound(self, entry: Path, file: StoredFile, sha256: str) -> bool:
        if sha256 == file.sha256:
            return True
        entry.unlink(missing_ok=True)
        return False

    def _make_room(self, kept: int) -> None:
        with self._lock:
            self._unseen += kept
            if self._unseen <= self._max_bytes // 20:
                return
            self._unseen = 0
            entries = sorted(self._entries())
            total = sum(size for _, size, _ in entries)
            if total <= self._max_bytes:
                return
            for _, size, entry in entries:
                if total <= self._max_bytes * _KEPT_OF_FULL:
                    return
                with suppress(OSError):
                    Path(entry).unlink(missing_ok=True)
                    total -= size

    def _entries(self) -> list[tuple[int, int, str]]:
        """Time of last use, size and place of all files."""
        found = []
        for folder in self._root.glob("[0-9a-f][0-9a-f]"):
            with suppress(OSError), os.scandir(folder) as inside:
                for entry in inside:
                    with suppress(OSError):
                        known = entry.stat(follow_symlinks=False)
                        found.append((known.st_mtime_ns, known.st_size, entry.path))
        return found


class _Unsound(Exception):  # noqa: N818 - caught where it is raised
    """A file of the cache is not what its name says."""


def _replaced_by_link(entry: Path, target: Path) -> bool:
    temporary = beside(target)
    try:
        os.link(entry, temporary)
        temporary.replace(target)
    except OSError:
        return False
    finally:
        temporary.unlink(missing_ok=True)  # renaming one name of a file to another of its names leaves both
    return True


def _digest(read: Callable[[int], bytes | None]) -> str:
    digest = hashlib.sha256()
    while piece := read(PIECE):
        digest.update(piece)
    return digest.hexdigest()
