"""Artifacts in a folder: written under another name, then renamed, so never seen half-written."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlkeep.blobs import paths
from mlkeep.blobs.contract import PIECE, Bundles, PartUploads, Signed
from mlkeep.blobs.folder.fence import Fence, remove_file, remove_stale, temporary_in
from mlkeep.blobs.folder.parts import FolderParts
from mlkeep.blobs.folder.streams import FileSink, Pieces, digest_of, open_twin, pieces_of
from mlkeep.blobs.sinks import filled
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NotFound, Unavailable
from mlkeep.core.manifest import StoredFile


class FolderStore:
    """See `contract.ArtifactStore`. Any number of stores, threads and processes may work in one folder.

    A file on its way lies beside its place under a name that begins with `.artifact.uploading.`. What a killed process
    left of those is removed when its folder is listed after a day.

    Names that `paths.checked` refuses are not listed, nor are links that lead out of the folder; going through such a
    link is an InvalidInput. A link under the very name that is written or deleted is replaced or removed itself.
    """

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        """Artifacts below `root`, a folder that is made when the first file comes.

        With `durable` a file that was kept outlasts a power cut; this costs a wait for the disk for every file.
        """
        self._fence = Fence(root, durable=durable)
        self._at = ""

    @property
    def root(self) -> Path:
        """The folder."""
        return Path(self._fence.place(self._at))

    @property
    def parts(self) -> PartUploads:
        return FolderParts(self._fence, self._at)

    @property
    def bundles(self) -> Bundles | None:
        return None

    def below(self, path: str) -> FolderStore:
        """The store of a folder of this one. The fence of its links, and the place for uploads, stay those of this one."""
        store = object.__new__(FolderStore)
        store._fence, store._at = self._fence, self._name(path)
        return store

    def prepare(self) -> None:
        """Make the folder, and try that files can be made in it. Raises Unavailable."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as err:
            raise Unavailable(
                f"The artifact folder '{self.root}' cannot be written to: {err.strerror}. Choose another, or change its "
                "permissions."
            ) from err

    def tree(self, path: str = "") -> list[FileInfo]:
        files: list[FileInfo] = []
        # each with the links that were followed on the way there: following one again would never end
        todo: list[tuple[str, frozenset[str]]] = [(paths.checked(path), frozenset())]
        while todo:
            folder, followed = todo.pop()
            for info in self._scan(folder):
                if not info.is_dir:
                    files.append(info)
                    continue
                place = self._fence.place(paths.joined(self._at, info.path))
                if not os.path.islink(place):  # noqa: PTH114
                    todo.append((info.path, followed))
                elif (real := os.path.realpath(place)) not in followed:
                    todo.append((info.path, followed | {real}))
        return sorted(files, key=_by_path)

    def _scan(self, folder: str) -> Iterator[FileInfo]:
        full = paths.joined(self._at, folder)
        found = self._fence.look(full)
        if found is None or not stat.S_ISDIR(found.st_mode):
            return
        above = f"{folder}/" if folder else ""
        try:
            with os.scandir(self._fence.place(full)) as entries:
                for entry in entries:
                    if (info := self._info(entry, above)) is not None:
                        yield info
        except FileNotFoundError:
            return
        except OSError as err:
            raise self._fence.in_our_words(err, folder) from err

    def _info(self, entry: os.DirEntry[str], above: str) -> FileInfo | None:
        """An entry of a folder, or None if it is none of those that are shown."""
        name = entry.name
        try:
            if name.startswith(".") and paths.is_reserved(name):
                if name.startswith(paths.UPLOAD_PREFIX):
                    remove_stale(entry.path, entry.stat(follow_symlinks=False))
                return None
            if entry.is_symlink() and self._fence.leads_out(entry.path):
                return None
            if paths.checked(name) != name:
                return None
            if entry.is_dir():
                return FileInfo(above + name, is_dir=True)
            found = entry.stat()
        except (FileNotFoundError, InvalidInput):
            return None
        except OSError as err:
            if err.errno == errno.ELOOP:
                return None
            raise
        return FileInfo(above + name, is_dir=False, file_size=found.st_size) if stat.S_ISREG(found.st_mode) else None

    def list(self, path: str = "") -> list[FileInfo]:
        return sorted(self._scan(paths.checked(path)), key=_by_path)

    def size(self, path: str) -> int | None:
        found = self._fence.look(self._name(path))
        return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else None

    def put(self, path: str, source: Path) -> StoredFile:
        """See the contract. What goes wrong with `source` is raised as the OSError that it is."""
        opened = os.open(source, os.O_RDONLY)
        try:
            return filled(self.sink(path), pieces_of(opened))
        finally:
            os.close(opened)

    def put_bytes(self, path: str, data: bytes) -> StoredFile:
        return filled(self.sink(path, len(data)), (data,))

    def sink(self, path: str, size: int | None = None) -> FileSink:
        name = paths.checked_file(path)
        full = f"{self._at}/{name}" if self._at else name
        self._fence.refuse_folder(full, path)
        if size is not None and size > PIECE:
            self._fence.refuse_without_room(size, path)
        return FileSink(self._fence, full, name, self._name)

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        _, full = self._existing(path)
        try:
            opened = os.open(self._fence.place(full), os.O_RDONLY)
        except OSError as err:
            raise self._fence.in_our_words(err, path) from err
        size = os.fstat(opened).st_size
        return Pieces(opened, path, start, size if end is None else min(end, size))

    def local_file(self, path: str) -> Path | None:
        return Path(self._fence.place(self._existing(path)[1]))

    def _existing(self, path: str) -> tuple[os.stat_result, str]:
        full = paths.joined(self._at, paths.checked_file(path))
        found = self._fence.look(full)
        if found is None:
            raise NotFound(f"No such artifact: '{path}'")
        if stat.S_ISDIR(found.st_mode):
            raise InvalidInput(f"Invalid path: '{path}' is a directory, not a file.")
        if not stat.S_ISREG(found.st_mode):
            raise NotFound(f"No such artifact: '{path}'")
        return found, full

    def delete(self, path: str) -> None:
        """See the contract. A folder vanishes at once, with everything in it."""
        full = self._name(path)
        try:
            self._delete(full)
        except OSError as err:
            raise self._fence.in_our_words(err, path) from err

    def _delete(self, full: str) -> None:
        if not full:
            self._delete_all_in(full)
            return
        above = self._fence.look(full.rpartition("/")[0])
        if above is None or not stat.S_ISDIR(above.st_mode):
            return
        place = self._fence.place(full)
        try:
            remove_file(place)
        except (IsADirectoryError, PermissionError):  # what Linux and other systems say of a folder
            with suppress(FileNotFoundError):
                if not stat.S_ISDIR(os.lstat(place).st_mode):
                    raise
                self._delete_folder(full)

    def _delete_folder(self, full: str) -> None:
        place = self._fence.place(full)
        gone = temporary_in(place.rpartition("/")[0])
        try:
            os.rename(place, gone)  # noqa: PTH104
        except OSError as err:
            if err.errno != errno.EBUSY:
                raise
            self._delete_all_in(full)  # something is mounted there
            return
        try:
            shutil.rmtree(gone)
        except OSError:
            with suppress(OSError):
                os.rename(gone, place)  # noqa: PTH104
            raise

    def _delete_all_in(self, full: str) -> None:
        with suppress(FileNotFoundError):
            for name in os.listdir(self._fence.place(full)):  # noqa: PTH208
                if not paths.is_reserved(name):
                    self._delete(paths.joined(full, name))

    def share(self, path: str, twin: str, file: StoredFile) -> bool:
        full, twin_name = paths.joined(self._at, paths.checked_file(path)), self._name(twin)
        self._fence.refuse_folder(full, path)
        found = open_twin(self._fence, twin_name, file.size)
        if found is None:
            return False
        opened, like = found
        try:
            has_the_bytes = digest_of(opened) == file.sha256
        except OSError as err:
            raise self._fence.in_our_words(err, twin) from err
        finally:
            os.close(opened)
        return has_the_bytes and self._fence.link(twin_name, full, path, like)

    def sign(self, method: str, path: str, expires_s: int) -> Signed | None:  # noqa: ARG002
        self._name(path)
        return None

    def _name(self, path: str) -> str:
        """The name of a path of this store inside the fence."""
        return paths.joined(self._at, paths.checked(path))


def _by_path(info: FileInfo) -> str:
    return info.path
