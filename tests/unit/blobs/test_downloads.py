"""Downloading files and folders: whole, checked, and nowhere but where they belong."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.blobs.moving.cache import Cache
from mlkeep.blobs.moving.downloads import NOTHING, download_files, wanted_files
from mlkeep.blobs.moving.plan import Plan, Retries
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import Damaged, InvalidInput, NotFound, Unavailable
from mlkeep.core.manifest import StoredFile

MIB = 1024 * 1024
AT_ONCE = Retries(most=2, backoff_s=0, jitter_s=0)
IN_RANGES = Plan(ranges_from=3 * MIB, range_bytes=MIB, retries=AT_ONCE)


def download(
    store: ArtifactStore,
    path: str,
    target: Path,
    *,
    expected: Mapping[str, StoredFile] = NOTHING,
    cache: Cache | None = None,
    shared: bool = False,
    plan: Plan | None = None,
) -> Path:
    """Download a file or folder into `target`, under its own name. Where it is now."""
    plan = plan or Plan()
    wanted = wanted_files(store, path, expected, verify=plan.verify)
    download_files(store, wanted, target, expected=expected, cache=cache, shared=shared, plan=plan)
    return target / path.rpartition("/")[2]


class Store(FolderStore):
    """A folder that breaks off, lies in its listings, and counts what is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.breaks = 0
        self.reads: list[tuple[str, int, int | None]] = []
        self.listing: list[FileInfo] | None = None
        self._lock = threading.Lock()

    def tree(self, path: str = "") -> list[FileInfo]:
        return super().tree(path) if self.listing is None else self.listing

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        pieces = super().read(path, start, end)
        with self._lock:
            self.reads.append((path, start, end))
            broken = self.breaks > 0
            self.breaks -= broken
        return self._broken(pieces) if broken else pieces

    def _broken(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        piece = next(pieces)
        yield piece[: len(piece) // 2]
        raise Unavailable("the connection was closed")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def known(*files: StoredFile) -> dict[str, StoredFile]:
    return {file.path: file for file in files}


def test_a_file_lands_under_its_name_and_a_folder_under_its_own(store: Store, target: Path) -> None:
    for path in ("a.txt", "model/MLmodel", "model/data/empty"):
        store.put_bytes(path, b"" if path.endswith("empty") else path.encode())
    assert download(store, "a.txt", target) == target / "a.txt"
    assert download(store, "model", target) == target / "model"
    assert download(store, "model/data", target) == target / "data"
    assert download(store, "", target / "all") == target / "all"
    assert files_below(target) == {
        "a.txt": b"a.txt",
        "model/MLmodel": b"model/MLmodel",
        "model/data/empty": b"",
        "data/empty": b"",
        "all/a.txt": b"a.txt",
        "all/model/MLmodel": b"model/MLmodel",
        "all/model/data/empty": b"",
    }
    with pytest.raises(NotFound, match="nothing"):
        download(store, "nothing", target)


@pytest.mark.parametrize("size", [3 * MIB, 5 * MIB + 1, 8 * MIB - 1])
def test_a_large_file_comes_in_ranges_and_each_goes_on_where_it_broke(store: Store, target: Path, size: int) -> None:
    data = os.urandom(size)
    file = store.put_bytes("large.bin", data)
    store.breaks = 3
    download(store, "large.bin", target, expected=known(file), plan=IN_RANGES)
    assert files_below(target) == {"large.bin": data}
    assert sum(end - start for _, start, end in store.reads if end) > size  # what was missing came again, nothing else
    assert {start for _, start, _ in store.reads} >= set(range(0, size, MIB))


def test_a_stream_that_breaks_off_goes_on_where_it_broke(store: Store, target: Path) -> None:
    data = os.urandom(MIB)
    store.put_bytes("a.bin", data)
    store.breaks = 5  # more than there are retries, but each time something came
    download(store, "a.bin", target, plan=Plan(retries=AT_ONCE))
    assert files_below(target) == {"a.bin": data}
    starts = [start for _, start, _ in store.reads]
    assert starts == sorted(set(starts))


@pytest.mark.parametrize("size", [10, 3 * MIB + 7])
def test_a_flipped_byte_is_told_by_name_and_nothing_is_left(store: Store, target: Path, size: int) -> None:
    data = os.urandom(size)
    file = store.put_bytes("model/weights.bin", data)
    damaged = data[:-1] + bytes([data[-1] ^ 1])
    (store.root / "model" / "weights.bin").write_bytes(damaged)
    with pytest.raises(Damaged) as raised:
        download(store, "model", target, expected=known(file), plan=IN_RANGES)
    for told in ("'model/weights.bin'", file.sha256, hashlib.sha256(damaged).hexdigest(), "mlkeep artifacts verify"):
        assert told in raised.value.message
    assert files_below(target) == {}
    unchecked = Plan(ranges_from=3 * MIB, range_bytes=MIB, verify=False)
    download(store, "model", target, expected=known(file), plan=unchecked)
    assert files_below(target) == {"model/weights.bin": damaged}


@pytest.mark.parametrize("left", [MIB, MIB + 1, 0])
def test_a_file_that_was_cut_off_is_told_by_name(store: Store, target: Path, left: int) -> None:
    file = store.put_bytes("large.bin", os.urandom(6 * MIB))
    os.truncate(store.root / "large.bin", left)
    with pytest.raises(Damaged, match=r"large\.bin"):
        download(store, "large.bin", target, expected=known(file), plan=IN_RANGES)
    assert files_below(target) == {}


def test_a_folder_of_which_something_is_lost_is_not_taken_for_complete(store: Store, target: Path) -> None:
    kept, lost = store.put_bytes("model/MLmodel", b"1"), store.put_bytes("model/weights.bin", b"2")
    store.delete("model/weights.bin")
    with pytest.raises(Damaged, match=r"'model/weights.bin' was kept there, and is gone"):
        download(store, "model", target, expected=known(kept, lost))
    assert not target.exists()
    download(store, "model", target, expected=known(kept, lost), plan=Plan(verify=False))
    assert files_below(target) == {"model/MLmodel": b"1"}


UNSAFE = [
    "../x",
    "a/../../x",
    "/etc/x",
    "a//b",
    "./a",
    "a/",
    "",
    "C:/x",
    "..\\x",
    "%2e%2e/x",
    "a\0b",
    "a\nb",
    "a/.artifact.uploading.x",
]


@pytest.mark.parametrize("name", UNSAFE, ids=ascii)
def test_a_listing_with_an_unsafe_name_is_refused_before_anything_is_written(
    store: Store, target: Path, name: str
) -> None:
    store.listing = [FileInfo("good.txt", is_dir=False, file_size=1), FileInfo(name, is_dir=False, file_size=1)]
    store.put_bytes("good.txt", b"1")
    with pytest.raises(InvalidInput, match="path"):
        download(store, "", target / "in" / "here")
    assert files_below(target.parent) == {"store/good.txt": b"1"}


def test_a_listing_of_what_was_not_asked_for_is_refused(store: Store, target: Path) -> None:
    store.listing = [FileInfo("../../other/x", is_dir=False, file_size=1)]
    with pytest.raises(InvalidInput, match="path"):
        download(store, "model", target)


def test_a_link_that_leads_out_of_the_target_is_not_followed(store: Store, target: Path, tmp_path: Path) -> None:
    store.put_bytes("model/sub/a.txt", b"1")
    outside = tmp_path / "outside"
    outside.mkdir()
    (target / "model").mkdir(parents=True)
    (target / "model" / "sub").symlink_to(outside)
    with pytest.raises(InvalidInput, match="leads out of it"):
        download(store, "model", target)
    assert files_below(outside) == {}
    (target / "model" / "sub").unlink()
    (target / "model" / "sub").mkdir()
    (outside / "a.txt").write_bytes(b"outside")
    (target / "model" / "sub" / "a.txt").symlink_to(outside / "a.txt")
    download(store, "model", target)
    assert (files_below(outside), files_below(target)) == ({"a.txt": b"outside"}, {"model/sub/a.txt": b"1"})


def test_a_store_that_does_not_answer_fails_the_download_and_nothing_is_left(store: Store, target: Path) -> None:
    store.put_bytes("a.bin", b"")
    store.read = unavailable  # type: ignore[method-assign]  # the fault
    with pytest.raises(Unavailable, match="no answer"):
        download(store, "a.bin", target, plan=Plan(retries=AT_ONCE))
    assert files_below(target) == {}


def unavailable(path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    raise Unavailable("no answer")


def test_what_was_downloaded_once_comes_from_the_cache(store: Store, target: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 100 * MIB)
    data = os.urandom(4 * MIB)
    expected = known(store.put_bytes("m/a.bin", data), store.put_bytes("m/b.txt", b"b"))
    store.put_bytes("m/c.txt", b"not recorded")
    for folder in ("first", "second"):
        download(store, "m", target / folder, expected=expected, cache=cache, shared=True, plan=IN_RANGES)
    assert [path for path, _, _ in store.reads].count("m/c.txt") == 2
    assert [path for path, _, _ in store.reads].count("m/b.txt") == 1
    one, other = (target / folder / "m" / "a.bin" for folder in ("first", "second"))
    assert one.samefile(other)
    assert one.stat().st_mode & 0o777 == 0o444
    store.delete("m/a.bin")
    download(store, "m/a.bin", target, expected=expected, cache=cache)  # a copy of the caller's own
    mine = target / "a.bin"
    assert (mine.read_bytes(), mine.samefile(one)) == (data, False)
    with mine.open("ab") as file:
        file.write(b"more")
    assert one.read_bytes() == data
