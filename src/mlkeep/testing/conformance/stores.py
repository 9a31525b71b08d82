"""What is promised of a place for artifacts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from mlkeep.blobs.contract import PIECE, ArtifactStore
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.testing.conformance.artifacts import ODD_NAMES
from mlkeep.testing.conformance.unsafe_paths import UNSAFE_PATHS

OpenStore = Callable[[], ArtifactStore]
"""Opens a place for artifacts: another store each time, but the same place within a test, and empty when it begins."""


class StoreSuite:
    """Base of the suites of stores. A subclass, or its module, has a fixture `open_store` that gives an `OpenStore`."""

    @pytest.fixture
    def store(self, open_store: OpenStore) -> ArtifactStore:
        """A store with nothing in it."""
        return open_store()


class StorePromises(StoreSuite):
    """Files by path: keeping, listing, fetching, deleting."""

    @pytest.mark.parametrize("size", [0, 1, 4096, 5 * 1024 * 1024, 5 * 1024 * 1024 + 1], ids=str)
    def test_a_file_is_kept_and_fetched(self, store: ArtifactStore, tmp_path: Path, size: int) -> None:
        data = some_bytes(size)
        (tmp_path / "source").write_bytes(data)
        assert store.put("in/a folder/file.bin", tmp_path / "source") == stored("in/a folder/file.bin", data)
        assert store.put_bytes("bytes.bin", data) == stored("bytes.bin", data)
        assert sunk(store, "sunk.bin", data) == stored("sunk.bin", data)
        for path in ("in/a folder/file.bin", "bytes.bin", "sunk.bin"):
            assert (fetched(store, path), store.size(path)) == (data, size)
        assert (tmp_path / "source").read_bytes() == data

    def test_a_source_that_is_missing_is_the_callers_affair(self, store: ArtifactStore, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="missing"):
            store.put("a", tmp_path / "missing")
        assert store.tree() == []

    def test_keeping_a_file_again_replaces_it(self, store: ArtifactStore) -> None:
        store.put_bytes("a", b"a long text")
        store.put_bytes("a", b"short")
        assert (fetched(store, "a"), store.list()) == (b"short", [a_file("a", 5)])

    @pytest.mark.parametrize("name", [*ODD_NAMES, "a\\b", "NUL", "x" * 200], ids=ascii)
    def test_names_may_be_odd(self, store: ArtifactStore, name: str) -> None:
        for path in (name, f"{name}.d/{name}"):
            data = f"in {path}".encode()
            assert store.put_bytes(path, data) == stored(path, data)
            assert (fetched(store, path), store.size(path)) == (data, len(data))
        assert {info.path for info in store.list()} == {name, f"{name}.d"}
        assert [info.path for info in store.list(f"{name}.d")] == [f"{name}.d/{name}"]
        assert [info.path for info in store.tree()] == sorted([name, f"{name}.d/{name}"])
        store.delete(name)
        assert [info.path for info in store.tree()] == [f"{name}.d/{name}"]

    def test_a_folder_is_listed_one_level_deep_and_a_tree_whole(self, store: ArtifactStore) -> None:
        for path in ("b", "B", "a/x", "a/y/z", "a.txt", "ü", "10", "9", "ab/x"):
            store.put_bytes(path, b"123")
        assert store.list() == [
            a_file("10", 3),
            a_file("9", 3),
            a_file("B", 3),
            a_folder("a"),
            a_file("a.txt", 3),
            a_folder("ab"),
            a_file("b", 3),
            a_file("ü", 3),
        ]
        assert store.list("a") == store.list("a/") == [a_file("a/x", 3), a_folder("a/y")]
        assert store.tree("a") == [a_file("a/x", 3), a_file("a/y/z", 3)]
        assert [info.path for info in store.tree()] == ["10", "9", "B", "a.txt", "a/x", "a/y/z", "ab/x", "b", "ü"]

    def test_a_file_or_nothing_has_nothing_in_it(self, store: ArtifactStore) -> None:
        store.put_bytes("a.txt", b"1")
        for path in ("a.txt", "nothing", "nothing/below", "a.tx"):
            assert (store.list(path), store.tree(path)) == ([], [])

    def test_listings_are_whole_however_much_is_there(self, store: ArtifactStore) -> None:
        names = [f"many/{i:04}" for i in range(1_005)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda name: store.put_bytes(name, b""), names))
        assert store.list("many") == store.tree() == [a_file(name, 0) for name in names]
        store.delete("many")
        assert store.tree() == []

    def test_only_files_have_a_size(self, store: ArtifactStore) -> None:
        store.put_bytes("a/b", b"12")
        assert [store.size(path) for path in ("a/b", "a", "", "a/b/c", "nothing")] == [2, None, None, None, None]

    def test_what_is_not_there_is_not_found(self, store: ArtifactStore) -> None:
        store.put_bytes("a/b", b"12")
        with pytest.raises(NotFound, match="nothing"):
            fetched(store, "nothing")
        with pytest.raises((NotFound, InvalidInput), match="a"):
            fetched(store, "a")
        store.delete("nothing")

    @pytest.mark.parametrize(("start", "end"), [(0, 5), (5, None), (5, 6), (7, 7), (0, PIECE), (PIECE - 1, PIECE + 1), (PIECE, 3 * PIECE), (2 * PIECE + 9, None), (2 * PIECE, 9 * PIECE)])  # fmt: skip
    def test_a_range_of_a_file_is_fetched(self, store: ArtifactStore, start: int, end: int | None) -> None:
        data = some_bytes(2 * PIECE + 10)
        store.put_bytes("a", data)
        assert b"".join(store.read("a", start, end)) == data[start:end]

    def test_a_store_below_is_a_folder_of_the_one_above(self, store: ArtifactStore) -> None:
        store.put_bytes("a/b/c", b"1")
        store.put_bytes("ab/c", b"22")
        below = store.below("a").below("b/")
        assert (below.list(), below.tree(), below.size("c"), fetched(below, "c")) == (
            [a_file("c", 1)], [a_file("c", 1)], 1, b"1",
        )  # fmt: skip
        assert below.put_bytes("d/e", b"333") == stored("d/e", b"333")
        assert store.tree() == [a_file("a/b/c", 1), a_file("a/b/d/e", 3), a_file("ab/c", 2)]
        below.delete("")
        assert store.tree() == [a_file("ab/c", 2)]

    def test_where_a_file_lies_is_told_if_it_lies_here(self, store: ArtifactStore) -> None:
        store.put_bytes("a/b", b"12")
        if (place := store.local_file("a/b")) is not None:
            assert place.read_bytes() == b"12"
            with pytest.raises(NotFound, match="nothing"):
                store.local_file("nothing")

    def test_deleting_takes_a_folder_with_all_below_and_nothing_else(self, store: ArtifactStore) -> None:
        for path in ("a/x", "a/y/z", "a.txt", "ab/x", "b/x"):
            store.put_bytes(path, b"1")
        store.delete("a")
        store.delete("b/x")
        assert store.tree() == [a_file("a.txt", 1), a_file("ab/x", 1)]
        store.delete("ab/")
        store.delete("a.txt")
        store.delete("a.txt")
        assert store.tree() == []
        store.put_bytes("a/x", b"2")
        assert fetched(store, "a/x") == b"2"

    def test_many_may_delete_the_same(self, store: ArtifactStore) -> None:
        for i in range(20):
            store.put_bytes(f"a/{i % 3}/{i}", b"1")
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(store.delete, ["a", "a/1", "a", "a/2/2"]))
        assert store.tree() == []

    @pytest.mark.parametrize("path", UNSAFE_PATHS, ids=ascii)
    def test_a_path_that_is_not_safe_is_refused(self, store: ArtifactStore, tmp_path: Path, path: str) -> None:
        (tmp_path / "source").write_bytes(b"x")
        ways: list[Callable[[], object]] = [
            lambda: store.put(path, tmp_path / "source"),
            lambda: store.put_bytes(path, b"x"),
            lambda: store.sink(path),
            lambda: fetched(store, path),
            lambda: store.local_file(path),
            lambda: store.size(path),
            lambda: store.list(path),
            lambda: store.tree(path),
            lambda: store.delete(path),
            lambda: store.below(path),
            lambda: store.share(path, "a", stored("a", b"")),
            lambda: store.share("a", path, stored("a", b"")),
            lambda: store.sign("GET", path, 60),
            lambda: store.sign("PUT", path, 60),
        ]
        if (parts := store.parts) is not None:
            ways.append(lambda: parts.begin(path, 1, "fingerprint", PIECE))
        for way in ways:
            with pytest.raises(InvalidInput, match="Invalid path"):
                way()
        assert store.tree() == []

    @pytest.mark.parametrize("path", ["", "folder/", "new/"])
    def test_a_path_that_names_no_file_is_refused(self, store: ArtifactStore, path: str) -> None:
        with pytest.raises(InvalidInput, match="Invalid path"):
            store.put_bytes(path, b"x")
        with pytest.raises(InvalidInput, match="Invalid path"):
            store.sink(path)

    def test_a_file_does_not_take_the_place_of_a_folder(self, store: ArtifactStore) -> None:
        store.put_bytes("a/b", b"1")
        with pytest.raises(InvalidInput, match="'a' is a directory"):
            store.put_bytes("a", b"2")
        assert store.tree() == [a_file("a/b", 1)]

    def test_nothing_shows_of_a_file_before_it_is_whole(self, store: ArtifactStore) -> None:
        store.put_bytes("folder/old", b"old")
        for path, before in (("folder/old", b"old"), ("folder/new", None), ("new/folder/new", None)):
            sink = store.sink(path)
            sink.write(some_bytes(PIECE))
            assert sink.finish() == stored(path, some_bytes(PIECE))
            assert store.tree() == [a_file("folder/old", 3)]
            assert store.list("folder") == [a_file("folder/old", 3)]
            assert store.size(path) == (None if before is None else len(before))
            sink.discard()
            sink.discard()
        assert (store.tree(), fetched(store, "folder/old")) == ([a_file("folder/old", 3)], b"old")

    def test_a_file_that_comes_in_pieces_is_the_pieces_in_order(self, store: ArtifactStore) -> None:
        data = some_bytes(3 * PIECE + 5)
        sink, buffer = store.sink("a", len(data)), bytearray(100_000)
        for at in range(0, len(data), len(buffer)):
            piece = data[at : at + len(buffer)]
            buffer[: len(piece)] = piece
            sink.write(memoryview(buffer)[: len(piece)])
        assert sink.finish() == stored("a", data)
        sink.commit()
        sink.discard()
        assert fetched(store, "a") == data

    def test_of_many_who_keep_a_file_at_once_one_is_the_last(self, store: ArtifactStore) -> None:
        versions = [bytes([i]) * (100_000 + i) for i in range(8)]
        store.put_bytes("a/b", versions[0])

        def put_and_fetch(data: bytes) -> bytes:
            store.put_bytes("a/b", data)
            return fetched(store, "a/b")

        with ThreadPoolExecutor(4) as threads:
            seen = list(threads.map(put_and_fetch, versions * 3))
        assert set(seen) <= set(versions)
        assert fetched(store, "a/b") in versions
        assert [info.path for info in store.tree()] == ["a/b"]

    def test_a_file_that_shares_its_place_is_like_any_other(self, store: ArtifactStore) -> None:
        data = some_bytes(PIECE + 1)
        store.put_bytes("first", data)
        store.put_bytes("second", b"something else")
        if store.share("second", "first", stored("first", data)):
            assert store.share("in/a/folder", "second", stored("second", data))
            assert store.share("second", "first", stored("first", data))
            store.put_bytes("first", b"new")
            assert (fetched(store, "second"), fetched(store, "in/a/folder")) == (data, data)
            store.delete("second")
            assert (fetched(store, "in/a/folder"), len(store.tree())) == (data, 2)

    def test_a_file_shares_its_place_only_with_one_of_the_same_bytes(self, store: ArtifactStore) -> None:
        store.put_bytes("first", b"123")
        store.put_bytes("old", b"old")
        for path in ("second", "old"):
            assert not store.share(path, "first", stored("first", b"124"))
            assert not store.share(path, "first", stored("first", b"1234"))
            assert not store.share(path, "nothing", stored("nothing", b"123"))
        assert (store.tree(), fetched(store, "old")) == ([a_file("first", 3), a_file("old", 3)], b"old")

    @pytest.mark.parametrize("twin", ["same", "other", "longer", "nothing", "folder", "new"])
    def test_what_is_kept_is_what_was_sent_whatever_is_said_of_a_twin(self, store: ArtifactStore, twin: str) -> None:
        for path, data in {"same": b"123", "other": b"124", "longer": b"1234", "folder/a": b"123"}.items():
            store.put_bytes(path, data)
        sink = store.sink("new")
        sink.write(b"123")
        assert sink.finish() == stored("new", b"123")
        sink.commit(twin)
        sink.discard()
        assert (fetched(store, "new"), len(store.tree())) == (b"123", 5)

    def test_a_signed_url_carries_its_own_permission(self, store: ArtifactStore) -> None:
        data = some_bytes(100_000)
        path = "folder/größe ü+%20.bin"
        put = store.sign("PUT", path, 60)
        if put is None:
            return
        with urllib3.PoolManager() as http:
            assert http.request("PUT", put.url, body=data, headers=put.headers).status == 200
            assert (fetched(store, path), store.size(path)) == (data, len(data))
            get = store.sign("GET", path, 60)
            assert get is not None
            answer = http.request("GET", get.url, headers=get.headers)
            assert (answer.status, answer.data) == (200, data)
            answer = http.request("GET", get.url, headers={**get.headers, "Range": "bytes=10-19"})
            assert (answer.status, answer.data) == (206, data[10:20])
            refused = http.request("PUT", get.url, body=b"x", headers=get.headers)
            assert refused.status == 403
        assert fetched(store, path) == data

    def test_many_small_files_go_in_one_go(self, store: ArtifactStore, tmp_path: Path) -> None:
        bundles = store.bundles
        if bundles is None:
            return
        contents = {f"many/{i % 3}/ü {i}": some_bytes(i * 37) for i in range(60)}
        for i, data in enumerate(contents.values()):
            (tmp_path / str(i)).write_bytes(data)
        files = {path: tmp_path / str(i) for i, path in enumerate(contents)}
        assert sorted(bundles.put_many(files), key=lambda file: file.path) == sorted(
            (stored(path, data) for path, data in contents.items()), key=lambda file: file.path
        )
        wanted = list(reversed(contents))
        assert list(bundles.read_many(wanted)) == [(path, contents[path]) for path in wanted]
        with pytest.raises(NotFound, match="nothing"):
            list(bundles.read_many([wanted[0], "nothing"]))
        with pytest.raises(InvalidInput, match="Invalid path"):
            bundles.put_many({"../x": tmp_path / "0"})


def some_bytes(size: int) -> bytes:
    """Bytes of which no two pieces are the same, the same for each size."""
    return hashlib.shake_128(b"some bytes").digest(size)


def stored(path: str, data: bytes) -> StoredFile:
    """What is known of a file of these bytes."""
    return StoredFile(path, len(data), hashlib.sha256(data).hexdigest())


def fetched(store: ArtifactStore, path: str) -> bytes:
    """The bytes of a file."""
    return b"".join(store.read(path))


def sunk(store: ArtifactStore, path: str, data: bytes) -> StoredFile:
    """Keep a file by a sink."""
    sink = store.sink(path, len(data))
    try:
        sink.write(data)
        file = sink.finish()
        sink.commit()
    finally:
        sink.discard()
    return file


def a_file(path: str, size: int) -> FileInfo:
    """A file as it is listed."""
    return FileInfo(path, is_dir=False, file_size=size)


def a_folder(path: str) -> FileInfo:
    """A folder as it is listed."""
    return FileInfo(path, is_dir=True)
