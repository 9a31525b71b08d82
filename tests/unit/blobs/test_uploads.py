"""Uploading files and folders to a store, whatever the store has to offer."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest

from mlkeep.blobs.contract import PartUpload, PartUploads, Sink
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.blobs.moving.plan import Plan, Retries
from mlkeep.blobs.moving.uploads import upload
from mlkeep.core.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from mlkeep.core.manifest import StoredFile

MIB = 1024 * 1024
AT_ONCE = Retries(most=3, backoff_s=0, jitter_s=0)
IN_PARTS = Plan(parts_from=9 * MIB, retries=AT_ONCE)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def stored(path: str, data: bytes) -> StoredFile:
    return StoredFile(path, len(data), hashlib.sha256(data).hexdigest())


def large(folder: Path, size: int = 20 * MIB + 5) -> tuple[Path, bytes]:
    data = os.urandom(MIB) * (size // MIB) + os.urandom(size % MIB)
    file = folder / "large.bin"
    file.write_bytes(data)
    return file, data


class Parts:
    """Parts of a folder, with faults: `faults` are raised one after another, when a part is sent."""

    def __init__(self, parts: PartUploads) -> None:
        self._parts = parts
        self.faults: list[Exception] = []
        self.completing: list[Exception] = []
        self.sent: list[int] = []
        self.begun: list[frozenset[int]] = []
        self._lock = threading.Lock()

    def begin(self, path: str, size: int, fingerprint: str, part_bytes: int) -> PartUpload:
        begun = self._parts.begin(path, size, fingerprint, part_bytes)
        self.begun.append(begun.have)
        return begun

    def find(self, upload_id: str) -> PartUpload:
        return self._parts.find(upload_id)

    def sink(self, upload_id: str, number: int, sha256: str | None = None) -> Sink:
        with self._lock:
            self.sent.append(number)
            if self.faults:
                raise self.faults.pop(0)
        return self._parts.sink(upload_id, number, sha256)

    def complete(self, upload_id: str, sha256: str | None, twin: str | None = None) -> StoredFile:
        if self.completing:
            raise self.completing.pop(0)
        return self._parts.complete(upload_id, sha256, twin)

    def abort(self, upload_id: str) -> None:
        self._parts.abort(upload_id)


class Faulty(FolderStore):
    """A folder whose parts have faults."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.faulty = Parts(super().parts)

    @property
    def parts(self) -> PartUploads:
        return self.faulty


@pytest.fixture
def faulty(tmp_path: Path) -> Faulty:
    return Faulty(tmp_path / "store")


def test_a_file_goes_to_its_path_and_a_folder_below_it(store: FolderStore, source: Path) -> None:
    (source / "a.txt").write_bytes(b"1")
    (source / "sub" / "deep").mkdir(parents=True)
    (source / "sub" / "deep" / "empty").write_bytes(b"")
    (source / "no files").mkdir()
    assert upload(store, source / "a.txt", "to/b.txt") == [stored("to/b.txt", b"1")]
    assert upload(store, source, "") == [stored("a.txt", b"1"), stored("sub/deep/empty", b"")]
    assert upload(store, source, "x/y") == [stored("x/y/a.txt", b"1"), stored("x/y/sub/deep/empty", b"")]
    assert [info.path for info in store.tree()] == [
        "a.txt",
        "sub/deep/empty",
        "to/b.txt",
        "x/y/a.txt",
        "x/y/sub/deep/empty",
    ]
    with pytest.raises(FileNotFoundError, match="missing"):
        upload(store, source / "missing", "x")


def test_links_are_followed_but_not_in_circles(store: FolderStore, source: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.txt").write_bytes(b"far")
    (source / "near.txt").write_bytes(b"near")
    (source / "file").symlink_to(source / "near.txt")
    (source / "folder").symlink_to(tmp_path / "elsewhere")
    (source / "sub").mkdir()
    (source / "sub" / "up").symlink_to(source)
    assert upload(store, source, "") == [
        stored("file", b"near"),
        stored("folder/far.txt", b"far"),
        stored("near.txt", b"near"),
    ]


def test_what_cannot_be_uploaded_is_found_before_anything_is_sent(store: FolderStore, source: Path) -> None:
    (source / "good.txt").write_bytes(b"1")
    os.mkfifo(source / "pipe")
    (source / "gone").symlink_to(source / "nothing")
    (source / "a#b").write_bytes(b"1")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(source / "socket"))
        with pytest.raises(InvalidInput) as raised:
            upload(store, source, "")
    for told in ("pipe' is a pipe", "gone' is a link to what is not there", "a#b", "socket' is a socket"):
        assert told in raised.value.message
    assert store.tree() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_found_before_anything_is_sent(store: FolderStore, source: Path) -> None:
    (source / "good.txt").write_bytes(b"1")
    (source / "secret").write_bytes(b"1")
    (source / "secret").chmod(0)
    with pytest.raises(InvalidInput, match=r"secret' cannot be read"):
        upload(store, source, "")
    assert store.tree() == []


def test_a_large_file_goes_in_parts_each_of_which_is_tried_again(faulty: Faulty, source: Path) -> None:
    file, data = large(source)
    faulty.faulty.faults = [Unavailable("503"), Damaged("a bit flipped"), Unavailable("503")]
    assert upload(faulty, file, "large.bin", plan=IN_PARTS) == [stored("large.bin", data)]
    assert sorted(set(faulty.faulty.sent)) == [1, 2, 3]
    assert len(faulty.faulty.sent) == 6


def test_an_upload_that_broke_off_goes_on_where_it_was(faulty: Faulty, source: Path) -> None:
    file, data = large(source)
    faulty.faulty.faults = [NotFound("no such thing")] * 2
    with pytest.raises(NotFound):  # given up, begun again, given up
        upload(faulty, file, "large.bin", plan=Plan(parts_from=9 * MIB, at_once=1, retries=AT_ONCE))
    faulty.faulty.faults = []
    begun = faulty.faulty.begin("large.bin", len(data), _fingerprint(file), 8 * MIB)
    sink = faulty.faulty.sink(begun.upload_id, 2)
    sink.write(data[8 * MIB : 16 * MIB])
    sink.finish()
    sink.commit()
    faulty.faulty.sent.clear()
    assert upload(faulty, file, "large.bin", plan=IN_PARTS) == [stored("large.bin", data)]
    assert sorted(faulty.faulty.sent) == [1, 3]
    assert b"".join(faulty.read("large.bin")) == data


def _fingerprint(file: Path) -> str:
    found = file.stat()
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def test_what_arrived_damaged_is_sent_once_more_as_a_whole(faulty: Faulty, source: Path) -> None:
    file, data = large(source)
    faulty.faulty.completing = [Damaged("it did not arrive as it was sent")]
    assert upload(faulty, file, "large.bin", plan=Plan(parts_from=9 * MIB, retries=Retries(0))) == [
        stored("large.bin", data)
    ]
    faulty.faulty.completing = [Damaged("once"), Damaged("twice")]
    with pytest.raises(Damaged, match="twice"):
        upload(faulty, file, "again.bin", plan=Plan(parts_from=9 * MIB, retries=Retries(0)))


def test_a_file_that_changes_while_it_is_sent_is_not_kept(faulty: Faulty, source: Path) -> None:
    file, _ = large(source)
    first = faulty.faulty.sink

    def growing(upload_id: str, number: int, sha256: str | None = None) -> Sink:
        with file.open("ab") as written:
            written.write(b"more")
        return first(upload_id, number, sha256)

    faulty.faulty.sink = growing  # type: ignore[method-assign]  # the fault
    with pytest.raises(Conflict, match=r"large.bin' changed while it was being uploaded"):
        upload(faulty, file, "large.bin", plan=IN_PARTS)
    assert faulty.tree() == []


def test_a_store_that_fails_for_good_fails_the_upload(faulty: Faulty, source: Path) -> None:
    file, _ = large(source)
    faulty.faulty.faults = [Unavailable("gone")] * 100
    with pytest.raises(Unavailable, match="gone"):
        upload(faulty, file, "large.bin", plan=IN_PARTS)
    assert faulty.tree() == []


class Told:
    """Progress that is remembered."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.bytes = self.files = 0
        self._lock = threading.Lock()

    def begin(self, files: int, size: int) -> None:
        self.begun.append((files, size))

    def moved(self, size: int) -> None:
        with self._lock:
            self.bytes += size

    def done(self, files: int = 1) -> None:
        with self._lock:
            self.files += files


def test_progress_adds_up(faulty: Faulty, source: Path) -> None:
    _, data = large(source)
    for i in range(20):
        (source / f"{i}.txt").write_bytes(b"12345")
    (source / "middle").write_bytes(bytes(3 * MIB))
    faulty.faulty.completing = [Damaged("sent twice")]
    told = Told()
    upload(faulty, source, "", progress=told, plan=IN_PARTS)
    size = len(data) + 3 * MIB + 100
    assert (told.begun, told.bytes, told.files) == ([(22, size)], size, 22)
