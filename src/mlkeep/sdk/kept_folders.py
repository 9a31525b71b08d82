"""Folders of files that are kept by what is in them, and used by any number of processes of this machine at once.

Below a root there is for each digest

- `<digest>/`: the files, read-only; where they are further names of files of the cache, they take no room of their own
- `<digest>.json`: what they are, as they were when the folder was made (`_Record`)
- `<digest>.lock`: locked exclusively by who makes or removes the folder, and shared by all who use it
"""

from __future__ import annotations

import collections
import fcntl
import hashlib
import os
import shutil
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

_TEMPORARY = ".new-"
_ABANDONED_S = 86_400
_ATTEMPTS, _PAUSE_S = 20, 0.01
"""How often, and after which pause, a folder that is not sound is looked at again while others have it."""

Fill = Callable[[Path], Mapping[str, str]]
"""Puts files into an empty folder, and gives the SHA-256 of each by its path."""

_used: dict[Path, int] = {}
"""Folders this process uses, and their locks. It keeps them as long as it lives: models read files late."""

_threads = threading.Lock()


class _File(msgspec.Struct, array_like=True, frozen=True):
    """A file as it was: its path in the folder, size, time of change in nanoseconds, SHA-256."""

    path: str
    size: int
    changed_ns: int
    sha256: str


class _Record(msgspec.Struct, frozen=True):
    """What is in a folder."""

    files: list[_File]


class KeptFolders:
    """Folders below `root`. They, and the files of the `cache`, take no more than `max_bytes` together.

    Of more, those go that were used longest ago and that nobody uses. What a process has once taken, it uses until it ends.
    """

    def __init__(self, root: Path, cache: Path, max_bytes: int) -> None:
        self._root = root
        self._cache = cache
        self._max_bytes = max_bytes

    def take(self, digest: str) -> Path | None:
        """The folder, if it is there and sound: the files that were put there, and no others. Waits for who makes it.

        A file of the same size and time of change is taken for the same; one of another time is read.
        Raises OSError.
        """
        folder = self._root / digest
        if not _lock_of(folder).exists():
            return None
        with _locked(folder, fcntl.LOCK_SH) as lock:
            if not _is_sound(folder):
                return None
            _keep_lock(folder, lock)
        with suppress(OSError):
            os.utime(_record_of(folder))
        return folder

    def made(self, digest: str, fill: Fill) -> Path | None:
        """The folder, made by `fill` if it is not there, or not sound; None if others use one that is not.

        Raises OSError, and what `fill` raises: then there is no folder.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        for attempt in range(_ATTEMPTS):
            if (folder := self.take(digest)) is not None:
                return folder
            with suppress(BlockingIOError):
                return self._make(self._root / digest, fill)
            # Somebody makes it just now, so that the next attempt waits for that; or uses what is there.
            time.sleep(_PAUSE_S * bool(attempt))
        return None

    def _make(self, folder: Path, fill: Fill) -> Path | None:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
            if not _is_sound(folder):
                self._fill(folder, fill)
            _keep_lock(folder, lock)
        self._make_room(sparing=folder)
        # Exchanging the lock for a shared one leaves it for a moment, in which somebody may have made room.
        return folder if _record_of(folder).exists() else None

    def _fill(self, folder: Path, fill: Fill) -> None:
        new = folder.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
        new.mkdir()
        try:
            files = []
            for path, sha256 in sorted(fill(new).items()):
                (new / path).chmod(0o444)
                known = (new / path).stat()
                files.append(_File(path, known.st_size, known.st_mtime_ns, sha256))
            _remove(folder)
            new.rename(folder)
            _write(_record_of(folder), _Record(files))
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def _make_room(self, sparing: Path) -> None:
        """Files that several folders or the cache have take room once, and go with the last that has them."""
        by_age = [record.with_suffix("") for record in sorted(self._root.glob("*.json"), key=_last_used)]
        files = {folder: _sizes(folder.rglob("*")) for folder in by_age}
        cached = _sizes(self._cache.glob("[0-9a-f][0-9a-f]/*"))
        holders = collections.Counter(number for held in (cached, *files.values()) for number in held)
        sizes = collections.ChainMap(cached, *files.values())
        total = sum(sizes[number] for number in holders)
        for folder, held in files.items():
            if total <= self._max_bytes:
                break
            if folder != sparing and any(holders[number] == 1 for number in held) and _removed_if_unused(folder):
                holders.subtract(held.keys())
                total -= sum(size for number, size in held.items() if holders[number] == 0)
        for abandoned in self._root.glob(f"{_TEMPORARY}*"):
            if time.time_ns() - _last_used(abandoned) > _ABANDONED_S * 10**9:
                shutil.rmtree(abandoned, ignore_errors=True)


def _is_sound(folder: Path) -> bool:
    """Under the lock of the folder."""
    try:
        record = msgspec.json.decode(_record_of(folder).read_bytes(), type=_Record)
        now = [_as_it_is(folder, file) for file in record.files]
        if None in now or set(_files_in(folder)) != {file.path for file in record.files}:
            return False
    except (OSError, msgspec.MsgspecError):
        return False
    if now != record.files:
        with suppress(OSError):  # only the next look takes longer
            _write(_record_of(folder), _Record([file for file in now if file is not None]))
    return True


def _as_it_is(folder: Path, file: _File) -> _File | None:
    """The file with its time of change as it is now; None if it is another one. Raises OSError."""
    known = (folder / file.path).lstat()
    if not stat.S_ISREG(known.st_mode) or known.st_size != file.size:
        return None
    if known.st_mtime_ns == file.changed_ns:
        return file
    # The cache, which has the file under another name, notes by its time when it used it last.
    with (folder / file.path).open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
            return None
    return msgspec.structs.replace(file, changed_ns=known.st_mtime_ns)


def _files_in(folder: Path, above: str = "") -> Iterator[str]:
    """The paths of all files but those that Python makes of its own."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield f"{above}{entry.name}"
            elif entry.name != "__pycache__":
                yield from _files_in(folder / entry.name, f"{above}{entry.name}/")


def _sizes(files: Iterator[Path]) -> dict[int, int]:
    """The size of each file, by the number it has under all its names."""
    sizes = {}
    with suppress(OSError):
        for file in files:
            with suppress(OSError):
                known = file.lstat()
                if stat.S_ISREG(known.st_mode):
                    sizes[known.st_ino] = known.st_size
    return sizes


def _last_used(record: Path) -> int:
    try:
        return record.stat().st_mtime_ns
    except OSError:
        return 0


def _removed_if_unused(folder: Path) -> bool:
    try:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _remove(folder)
            _lock_of(folder).unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _remove(folder: Path) -> None:
    """Under the lock of the folder."""
    _record_of(folder).unlink(missing_ok=True)
    if folder.exists():
        gone = folder.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _record_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _write(place: Path, content: msgspec.Struct) -> None:
    temporary = place.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    temporary.write_bytes(msgspec.json.encode(content))
    temporary.replace(place)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[int]:
    """Around what is done with a folder: its lock, which is given up unless `_keep_lock` keeps it.

    Raises:
        BlockingIOError: `how` says not to wait, and somebody has it.
    """
    lock = _open_lock(_lock_of(folder), how)
    try:
        yield lock
    finally:
        with _threads:
            is_kept = lock in _used.values()
        if not is_kept:
            os.close(lock)


def _open_lock(path: Path, how: int) -> int:
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(lock, how)
            with suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(lock).st_ino:
                    return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # it was removed, with the folder, before it was locked


def _keep_lock(folder: Path, lock: int) -> None:
    fcntl.flock(lock, fcntl.LOCK_SH)
    with _threads:
        _used.setdefault(folder, lock)
