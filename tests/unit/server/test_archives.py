"""Folders of artifacts as zip files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mlkeep.blobs.contract import PIECE
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.entities import FileInfo
from mlkeep.server.artifacts.archive import zipped


class Claiming(FolderStore):
    """A store of which one file is said to be larger than it is."""

    def tree(self, path: str = "") -> list[FileInfo]:
        return [FileInfo(info.path, is_dir=False, file_size=5 * 1024**3) for info in super().tree(path)]


class Odd(FolderStore):
    """A store that lists names which lead elsewhere, as a bucket may."""

    def read(self, *_: object) -> Iterator[bytes]:  # any file has these bytes
        return iter((b"bytes",))


def opened(pieces: Iterator[bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_a_folder_is_zipped_as_it_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    files = {"top/a.txt": b"one", "top/b/größe 100%.bin": bytes(range(256)) * 9000, "top/empty": b"", "top/.hid": b"h"}
    for path, data in files.items():
        store.put_bytes(path, data)
    pieces = list(zipped(store, store.tree("top"), len("top/")))
    archive = opened(iter(pieces))
    assert archive.testzip() is None
    assert {info.filename: archive.read(info) for info in archive.infolist()} == {
        path.removeprefix("top/"): data for path, data in files.items()
    }
    assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert {info.external_attr >> 16 for info in archive.infolist()} == {0o644}
    assert max(len(piece) for piece in pieces) < 3 * PIECE


def test_nothing_is_an_empty_archive(tmp_path: Path) -> None:
    assert opened(zipped(FolderStore(tmp_path), [], 0)).namelist() == []


def test_a_file_beyond_4_gib_is_announced_as_such(tmp_path: Path) -> None:
    store = Claiming(tmp_path)
    store.put_bytes("a", b"small")
    archive = b"".join(zipped(store, store.tree(), 0))
    version_needed = int.from_bytes(archive[4:6], "little")
    assert version_needed == 45  # what ZIP64 takes
    assert opened(iter((archive,))).read("a") == b"small"


def test_names_that_would_lead_out_are_left_out(tmp_path: Path) -> None:
    names = ["../up", "a/../../up", "/abs", "C:/x", "a\\b", "..\\up", "fine", "a//b", "./a", "file:///x", "a\x00b"]
    files = [FileInfo(name, is_dir=False, file_size=5) for name in names]
    assert opened(zipped(Odd(tmp_path), files, 0)).namelist() == ["fine"]
