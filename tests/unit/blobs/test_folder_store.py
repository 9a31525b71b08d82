"""What a folder of artifacts does beyond what every store does: links, leftovers, errors of the file system."""

from __future__ import annotations

import errno
import hashlib
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from mlkeep.blobs.folder.fence import Fence
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.errors import Forbidden, InvalidInput, MlkeepException, NotFound, StorageFull, Unavailable
from mlkeep.core.manifest import StoredFile
from mlkeep.testing.conformance.stores import a_file, a_folder, fetched, stored, sunk

A_DAY_S = 24 * 3600


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that is no part of the store, with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_files_lie_under_their_own_names_and_nothing_else_is_there(store: FolderStore, root: Path) -> None:
    store.put_bytes("a/b.txt", b"1")
    sunk(store, "a/c", b"2")
    store.delete("a/c")
    assert everything(root) == {"a", "a/b.txt"}


def test_a_store_is_ready_when_its_folder_can_be_written_to(store: FolderStore, root: Path) -> None:
    store.prepare()
    assert everything(root) == set()
    (root.parent / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="file/below"):
        FolderStore(root.parent / "file/below").prepare()


def test_a_root_that_is_a_link_is_as_good_as_any(store: FolderStore, root: Path) -> None:
    store.put_bytes("a/b", b"1")
    (root / "a/inside").symlink_to(root / "a/b")
    link = root.parent / "link"
    link.symlink_to(root)
    assert FolderStore(link).tree() == [a_file("a/b", 1), a_file("a/inside", 1)]
    assert fetched(FolderStore(link), "a/inside") == b"1"


@pytest.mark.parametrize("spelled", ["absolute", "relative"])
@pytest.mark.parametrize("path", ["link/secret", "link/new", "link/new/new", "in/link/secret", "secret"])
def test_a_link_that_leads_out_is_not_followed(
    store: FolderStore, root: Path, outside: Path, path: str, spelled: str
) -> None:
    store.put_bytes("in/file", b"1")
    for link, up in (("link", ".."), ("in/link", "../..")):
        (root / link).symlink_to(outside if spelled == "absolute" else f"{up}/outside")
    (root / "secret").symlink_to(outside / "secret" if spelled == "absolute" else "../outside/secret")
    ways: list[Callable[[], object]] = [
        lambda: fetched(store, path),
        lambda: store.local_file(path),
        lambda: store.size(path),
        lambda: store.list(path),
        lambda: store.tree(path),
        lambda: store.put_bytes(path, b"x"),
        lambda: store.put(path, root / "in/file"),
        lambda: store.sink(path),
        lambda: store.share(path, "in/file", stored("in/file", b"1")),
        lambda: store.share("in/new", path, stored(path, b"secret")),
        lambda: store.parts.begin(path, 1, "fingerprint", 1),
        lambda: store.below(path).tree(),
        lambda: store.below(path.rpartition("/")[0]).size("secret"),
    ]
    if path != "secret":
        ways.append(lambda: store.delete(path))
    for way in ways:
        with pytest.raises(InvalidInput, match="leads out of the artifact folder"):
            way()
    assert store.tree() == [a_file("in/file", 1)]
    assert store.list() == [a_folder("in")]
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"secret"}


def test_a_link_that_leads_out_is_deleted_without_what_it_leads_to(
    store: FolderStore, root: Path, outside: Path
) -> None:
    store.put_bytes("a/b", b"1")
    for name in ("link", "a/link"):
        (root / name).symlink_to(outside)
    (root / "a/secret").symlink_to(outside / "secret")
    store.delete("link")
    store.delete("a")
    assert everything(root) == set()
    assert everything(outside) == {"secret"}


def test_a_link_inside_is_followed(store: FolderStore, root: Path) -> None:
    store.put_bytes("a/b", b"1")
    (root / "folder").symlink_to("a")
    (root / "file").symlink_to(root / "a/b")
    store.put_bytes("folder/c", b"22")
    assert store.list() == [a_folder("a"), a_file("file", 1), a_folder("folder")]
    assert store.tree("folder") == [a_file("folder/b", 1), a_file("folder/c", 2)]
    assert (fetched(store, "file"), fetched(store, "folder/b"), fetched(store, "a/c")) == (b"1", b"1", b"22")
    store.put_bytes("file", b"of its own")
    assert fetched(store, "a/b") == b"1"


def test_links_in_a_circle_are_not_followed_for_ever(store: FolderStore, root: Path) -> None:
    store.put_bytes("a/b", b"1")
    (root / "a/up").symlink_to("..")
    (root / "self").symlink_to("self")
    (root / "nowhere").symlink_to("gone")
    assert [info.path for info in store.tree()] == ["a/b", "a/up/a/b"]
    assert store.list() == [a_folder("a")]
    for name in ("self", "nowhere"):
        with pytest.raises(NotFound, match=name):
            fetched(store, name)
        assert store.size(name) is None


def test_what_is_on_its_way_is_not_reached_by_a_link(store: FolderStore, root: Path) -> None:
    store.parts.begin("a", 1, "fingerprint", 1)
    (root / "link").symlink_to(".mlkeep-uploads")
    with pytest.raises(InvalidInput, match="leads out"):
        store.list("link")
    assert store.list() == []


def test_what_nobody_can_ask_for_is_not_listed(store: FolderStore, root: Path) -> None:
    store.put_bytes("a", b"1")
    for name in (b"a#b", b"a\nb", b"\xff", b"%2e%2e"):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(b"")
    os.mkfifo(root / "fifo")
    assert store.list() == store.tree() == [a_file("a", 1)]
    with pytest.raises(NotFound, match="fifo"):
        fetched(store, "fifo")
    store.delete("")
    assert everything(root) == set()


@pytest.mark.parametrize("age_s", [A_DAY_S - 60, A_DAY_S + 60])
def test_what_a_killed_process_left_is_removed_after_a_day(store: FolderStore, root: Path, age_s: int) -> None:
    sink = store.sink("a/b")
    sink.write(b"1")
    (left,) = (root / "a").iterdir()
    written_s = left.stat().st_mtime - age_s
    os.utime(left, (written_s, written_s))
    assert store.list("a") == []
    assert left.exists() == (age_s < A_DAY_S)
    sink.discard()


@pytest.mark.parametrize("path", ["file/below", "file/below/that"])
def test_nothing_lies_below_a_file(store: FolderStore, path: str) -> None:
    store.put_bytes("file", b"1")
    for way in (lambda: store.put_bytes(path, b"2"), lambda: store.parts.begin(path, 1, "fingerprint", 1)):
        with pytest.raises(InvalidInput, match=path):
            way()
    with pytest.raises(NotFound, match=path):
        fetched(store, path)
    store.delete(path)
    assert store.tree() == [a_file("file", 1)]


def test_a_name_too_long_is_refused(store: FolderStore) -> None:
    for way in (lambda name: store.put_bytes(name, b""), store.size, lambda name: fetched(store, name)):
        with pytest.raises(InvalidInput, match="too long"):
            way("x" * 300)
    assert store.tree() == []


def test_a_file_that_shrinks_while_it_is_read_is_not_taken_for_whole(store: FolderStore, root: Path) -> None:
    store.put_bytes("a", bytes(3 * 1024 * 1024))
    pieces = store.read("a")
    next(pieces)
    os.truncate(root / "a", 1024 * 1024 + 5)
    with pytest.raises(Unavailable, match="'a' was cut off at 1048581 of 3145728 bytes"):
        list(pieces)


def test_a_file_that_is_replaced_while_it_is_read_is_read_as_it_was(store: FolderStore) -> None:
    old, new = b"1" * (2 * 1024 * 1024), b"2" * (2 * 1024 * 1024)
    store.put_bytes("a", old)
    pieces = store.read("a")
    first = next(pieces)
    store.put_bytes("a", new)
    assert first + b"".join(pieces) == old
    assert fetched(store, "a") == new


def test_a_folder_that_is_deleted_while_a_file_is_written_in_it_is_told(store: FolderStore) -> None:
    sink = store.sink("a/b")
    sink.write(b"1")
    store.delete("a")
    sink.finish()
    with pytest.raises(Unavailable, match="'a/b' was deleted while it was written"):
        sink.commit()
    sink.discard()
    assert store.tree() == []


@pytest.mark.parametrize(
    ("number", "kind", "about"),
    [
        (errno.ENOSPC, StorageFull, r"'a' \(5 bytes\).*: \d+ bytes are free there. Delete"),
        (errno.EDQUOT, StorageFull, "quota"),
        (errno.EFBIG, StorageFull, "'a'"),
        (errno.EACCES, Forbidden, "Permission denied. Give the account"),
        (errno.EROFS, Forbidden, "Read-only file system"),
        (errno.ENOENT, NotFound, "No such artifact: 'a'"),
        (errno.EISDIR, InvalidInput, "is a directory"),
        (errno.ENOTDIR, InvalidInput, "below a file"),
        (errno.ENAMETOOLONG, InvalidInput, "too long"),
        (errno.EIO, Unavailable, "Input/output error"),
        (errno.ESTALE, Unavailable, "'a'"),
    ],
)
def test_what_the_system_says_is_said_in_our_words(
    root: Path, number: int, kind: type[MlkeepException], about: str
) -> None:
    said = Fence(root, durable=False).in_our_words(OSError(number, os.strerror(number)), "a", 5)
    assert type(said) is kind
    with pytest.raises(kind, match=about):
        raise said


def test_a_full_disk_is_told_and_leaves_nothing(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put_bytes("a", b"old")
    write = os.write

    def full(opened: int, data: bytes) -> int:
        if len(data) < 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(opened, data[:5])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull, match=r"'a' \(12 bytes\)"):
        store.put_bytes("a", b"0123456789ab")
    monkeypatch.undo()
    assert (fetched(store, "a"), everything(root)) == (b"old", {"a"})


def test_what_cannot_fit_is_refused_before_it_is_sent(store: FolderStore) -> None:
    for way in (lambda: store.sink("a", 1 << 60), lambda: store.parts.begin("a", 1 << 60, "fingerprint", 1 << 30)):
        with pytest.raises(StorageFull, match=r"'a' \(1152921504606846976 bytes\).*: \d+ bytes are free"):
            way()


def test_a_file_shares_its_place_with_its_twin(store: FolderStore, root: Path) -> None:
    store.put_bytes("1/a", b"123")
    assert store.share("2/a", "1/a", stored("1/a", b"123"))
    sink = store.sink("2/b")
    sink.write(b"123")
    sink.finish()
    sink.commit("1/a")
    assert {(root / path).stat().st_ino for path in ("1/a", "2/a", "2/b")} == {(root / "1/a").stat().st_ino}
    assert everything(root) == {"1", "1/a", "2", "2/a", "2/b"}


def test_a_file_shares_no_place_with_what_a_link_leads_to(store: FolderStore, root: Path) -> None:
    store.put_bytes("in/a", b"123")
    (root / "link").symlink_to("in/a")
    (root / "folder").symlink_to("in")
    for twin in ("link", "folder/a"):
        assert not store.share("new", twin, stored(twin, b"123"))
        sink = store.sink("own")
        sink.write(b"123")
        sink.finish()
        sink.commit(twin)
        assert (root / "own").stat().st_nlink == 1
    (root / "new").symlink_to("in/a")
    assert store.share("new", "in/a", stored("in/a", b"123"))
    assert not (root / "new").is_symlink()


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK, errno.EPERM])
def test_where_links_are_not_possible_each_file_has_its_own_place(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    store.put_bytes("a", b"123")
    monkeypatch.setattr(os, "link", refuse)
    assert not store.share("b", "a", stored("a", b"123"))
    sink = store.sink("c")
    sink.write(b"123")
    sink.finish()
    sink.commit("a")
    assert (store.tree(), everything(root)) == ([a_file("a", 3), a_file("c", 3)], {"a", "c"})


def test_uploads_reach_folders_on_other_file_systems(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def elsewhere(old: str, new: str) -> None:
        if ("/.mlkeep-uploads/" in old) != ("/.mlkeep-uploads/" in new):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(old, new)

    monkeypatch.setattr(os, "replace", elsewhere)
    upload = store.parts.begin("in/a", 3, "fingerprint", 3)
    sink = store.parts.sink(upload.upload_id, 1)
    sink.write(b"123")
    sink.finish()
    sink.commit()
    sink.discard()
    assert store.parts.complete(upload.upload_id, hashlib.sha256(b"123").hexdigest()) == stored("in/a", b"123")
    assert (fetched(store, "in/a"), everything(root / "in")) == (b"123", {"a"})


def test_large_files_need_little_memory(store: FolderStore, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(20 * 1024 * 1024)
    tracemalloc.start()
    try:
        kept = store.put("a", tmp_path / "large")
        assert sum(len(piece) for piece in store.read("a")) == kept.size == 20 * 1024 * 1024
        assert store.share("b", "a", StoredFile("a", kept.size, kept.sha256))
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
