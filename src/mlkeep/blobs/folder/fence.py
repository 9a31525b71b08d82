"""A folder that nothing may leave: what lies where in it, links that lead out, and files that appear whole."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

from mlkeep.blobs import paths
from mlkeep.core.errors import Forbidden, InvalidInput, MlkeepException, NotFound, StorageFull, Unavailable

_STALE_FILE_S = 24 * 3600
"""Seconds without a write after which nobody is taken to be at work any more on a file beside its place."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NOT_A_FILE = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY)
_CANNOT_LINK = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES)
_ATTEMPTS = 5
"""How often a folder is made anew that others remove at the same time."""


class Fence:
    """What may be done below a folder. Names are relative to it, in the form of `paths.checked`; "" is the folder.

    A link that leads out of the folder, or to where uploads are kept, is an InvalidInput wherever it is met on the way.
    """

    def __init__(self, root: Path, *, durable: bool) -> None:
        self.root = str(root.absolute()).rstrip("/")
        self.durable = durable

    def place(self, name: str) -> str:
        """Where a name lies in the file system. It is not looked at."""
        return f"{self.root}/{name}" if name else self.root or "/"

    def look(self, name: str) -> os.stat_result | None:
        """What is there, links inside followed; None if nothing is. Raises InvalidInput: a link leads out."""
        place, found = self.root, None
        try:
            if not name:
                return os.stat(self.place(""))  # noqa: PTH116 - this and what follows is done for every file
            for segment in name.split("/"):
                place = f"{place}/{segment}"
                found = os.lstat(place)
                if stat.S_ISLNK(found.st_mode):
                    self._refuse_leaving(place, name)
                    found = os.stat(place)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            if err.errno == errno.ELOOP:
                return None
            raise self.in_our_words(err, name) from err
        return found

    def has_link(self, name: str) -> bool:
        """Whether any name on the way, or at its end, is a link."""
        segments = name.split("/")
        return any(os.path.islink(self.place("/".join(segments[: i + 1]))) for i in range(len(segments)))  # noqa: PTH114

    def leads_out(self, place: str) -> bool:
        """Whether a link leads out of the folder, or to what is on its way."""
        root, real = os.path.realpath(self.place("")).rstrip("/"), os.path.realpath(place)
        if real != root and not real.startswith(f"{root}/"):
            return True
        return any(paths.is_reserved(segment) for segment in real[len(root) :].split("/"))

    def _refuse_leaving(self, place: str, name: str) -> None:
        if self.leads_out(place):
            raise InvalidInput(f"Invalid path: '{name}' leads out of the artifact folder by a link.")

    def refuse_folder(self, name: str, path: str) -> None:
        """Raises InvalidInput: a folder is there, or a link on the way leads out."""
        found = self.look(name)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise InvalidInput(f"Invalid path: '{path}' is a directory, not a file.")

    def refuse_below_file(self, name: str, path: str) -> None:
        """Raises InvalidInput: a file is where a folder has to be. To know it before anything is written."""
        above, found = name.rpartition("/")[0], None
        while above and (found := self.look(above)) is None:
            above = above.rpartition("/")[0]
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise InvalidInput(f"Invalid path: '{path}' lies below '{above}', which is a file.")

    def open_temporary(self, name: str, path: str) -> tuple[int, str]:
        """A new file beside `name`, which no listing shows, open to be written and read; and where it lies."""
        folder = self.place(name.rpartition("/")[0])
        place = temporary_in(folder)
        for attempt in range(_ATTEMPTS):
            try:
                return os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), place
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    break
                self.make_folder(folder, path)
            except OSError as err:
                raise self.in_our_words(err, path) from err
        raise Unavailable(
            f"The artifact '{path}' cannot be written: its folder is deleted by somebody else. Try again."
        )

    def make_folder(self, folder: str, path: str) -> None:
        """Make a folder, and those above it, for `path`."""
        try:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            while self.durable and len(folder) >= len(self.root):
                folder = folder.rpartition("/")[0]
                sync_folder(folder)
        except FileNotFoundError:
            return  # removed by somebody else: the caller tries again
        except OSError as err:
            raise self.in_our_words(err, path) from err

    def show(self, temporary: str, name: str, path: str) -> None:
        """Give a finished file its name, in place of what was there."""
        target = self.place(name)
        try:
            try:
                os.replace(temporary, target)  # noqa: PTH105
            except OSError as err:
                if err.errno != errno.EXDEV:
                    raise
                self._show_copy(temporary, target)
            if self.durable:
                sync_folder(target.rpartition("/")[0])
        except FileNotFoundError as err:
            raise Unavailable(f"The artifact '{path}' was deleted while it was written. Send it again.") from err
        except OSError as err:
            raise self.in_our_words(err, path) from err

    def _show_copy(self, temporary: str, target: str) -> None:
        """As `os.replace`, where another file system is mounted on the way to the target."""
        copy = temporary_in(target.rpartition("/")[0])
        try:
            shutil.copyfile(temporary, copy)
            if self.durable:
                with open(copy, "rb") as file:  # noqa: PTH123
                    os.fsync(file.fileno())
            os.replace(copy, target)  # noqa: PTH105
            remove_file(temporary)
        finally:
            remove_file(copy)

    def link(self, twin: str, name: str, path: str, like: os.stat_result) -> bool:
        """Make `name` one more name of the file `twin`, if that still is the file `like`. False: it is not possible."""
        with suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(self.place(name)), like):
                return True
        folder = self.place(name.rpartition("/")[0])
        self.make_folder(folder, path)
        temporary = temporary_in(folder)
        try:
            os.link(self.place(twin), temporary, follow_symlinks=False)
        except OSError as err:
            if err.errno in _CANNOT_LINK or isinstance(err, FileNotFoundError):
                return False
            raise self.in_our_words(err, path) from err
        try:
            if not _unchanged(os.lstat(temporary), like):
                return False
            self.show(temporary, name, path)
        finally:
            # also after `show`: renaming one name of a file to another of its names leaves both
            remove_file(temporary)
        return True

    def refuse_without_room(self, size: int, path: str) -> None:
        """Raises StorageFull: a file of `size` bytes more would not fit."""
        free = self.free_bytes()
        if free is not None and free < size:
            raise self._full(path, size, free)

    def free_bytes(self) -> int | None:
        """How much room there is; None if that cannot be told."""
        place = self.place("")
        while True:
            try:
                return shutil.disk_usage(place).free
            except FileNotFoundError:
                place = place.rpartition("/")[0] or "/"
            except OSError:
                return None

    def _full(self, path: str, size: int | None, free: int | None) -> StorageFull:
        of = "" if size is None else f" ({size} bytes)"
        left = "" if free is None else f": {free} bytes are free there"
        return StorageFull(
            f"There is no room for the artifact '{path}'{of} where the artifacts are kept{left}. Delete what is no longer "
            "needed, or make the disk or its quota larger; then send the file again."
        )

    def in_our_words(self, err: OSError, path: str, size: int | None = None) -> MlkeepException:
        """What the operating system said of the artifact `path`, for the caller to raise."""
        if err.errno in _FULL:
            return self._full(path, size, self.free_bytes())
        if err.errno in _REFUSED:
            return Forbidden(
                f"The artifact '{path}' cannot be reached: {err.strerror}. Give the account that mlkeep runs as the right "
                "to read and write where the artifacts are kept."
            )
        if isinstance(err, FileNotFoundError):
            return NotFound(f"No such artifact: '{path}'")
        if err.errno in _NOT_A_FILE:
            return InvalidInput(f"Invalid path: '{path}' is a directory, or lies below a file.")
        if err.errno == errno.ENAMETOOLONG:
            return InvalidInput(
                f"Invalid path: '{path[:100]}…' is too long for the file system of the artifact folder."
            )
        return Unavailable(f"The artifact '{path}' cannot be reached: {err.strerror}. Try again later.")


def remove_file(place: str) -> None:
    """Remove a file or a link; nothing there is no error."""
    with suppress(FileNotFoundError):
        os.unlink(place)  # noqa: PTH108


def temporary_in(folder: str) -> str:
    """A name in a folder that no listing shows, and nobody has."""
    return f"{folder}/{paths.UPLOAD_PREFIX}{os.urandom(8).hex()}"


def remove_stale(
    place: str, found: os.stat_result, *, age_s: float = _STALE_FILE_S, now_s: float | None = None
) -> None:
    """Remove what somebody left behind who was at work there, if that is long ago. Never raises."""
    if found.st_mtime > (time.time() if now_s is None else now_s) - age_s:
        return
    with suppress(OSError):
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(place, ignore_errors=True)
        else:
            remove_file(place)


def sync_folder(place: str) -> None:
    """Have the names in a folder outlast a power cut."""
    folder = os.open(place or "/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unchanged(one: os.stat_result, other: os.stat_result) -> bool:
    return os.path.samestat(one, other) and (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
