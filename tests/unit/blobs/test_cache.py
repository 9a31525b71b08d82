"""The cache of downloads: what it keeps, what it drops, and that it never fails anybody."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mlkeep.blobs.moving.cache import Cache
from mlkeep.core.manifest import StoredFile


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def kept(cache: Cache, folder: Path, data: bytes) -> StoredFile:
    source = folder / f"source-{data[:8].hex()}-{len(data)}"
    source.write_bytes(data)
    file = StoredFile("x", len(data), hashlib.sha256(data).hexdigest())
    cache.keep(file, source)
    return file


@pytest.mark.parametrize("link", [True, False])
def test_what_is_kept_is_given_out(root: Path, tmp_path: Path, link: bool) -> None:
    cache = Cache(root, 1_000_000)
    file = kept(cache, tmp_path, b"some bytes")
    assert cache.take(file, tmp_path / "taken", link=link)
    assert (tmp_path / "taken").read_bytes() == b"some bytes"
    assert not cache.take(StoredFile("x", 1, "0" * 64), tmp_path / "other", link=link)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("damage", [b"some bytez", b"short"])
def test_a_damaged_file_is_not_given_out_but_dropped(root: Path, tmp_path: Path, damage: bytes, link: bool) -> None:
    cache = Cache(root, 1_000_000)
    file = kept(cache, tmp_path, b"some bytes")
    entry = root / file.sha256[:2] / file.sha256
    entry.chmod(0o644)
    entry.write_bytes(damage)
    assert not cache.take(file, tmp_path / "taken", link=link)
    assert not (tmp_path / "taken").exists()
    assert not entry.exists()


def test_what_was_used_longest_ago_goes_first(root: Path, tmp_path: Path) -> None:
    cache = Cache(root, 1_000)
    files = [kept(cache, tmp_path, bytes([i]) * 300) for i in range(3)]
    for i, file in enumerate(files):
        os.utime(root / file.sha256[:2] / file.sha256, (i, i))
    assert cache.take(files[0], tmp_path / "taken", link=False)
    newest = kept(cache, tmp_path, b"n" * 200)
    left = {path.name for path in root.rglob("*") if path.is_file()}
    assert left == {files[0].sha256, files[2].sha256, newest.sha256}


def test_a_file_that_would_fill_the_cache_is_not_kept(root: Path, tmp_path: Path) -> None:
    assert not Cache(root, 1_000).take(kept(Cache(root, 1_000), tmp_path, b"1" * 501), tmp_path / "taken", link=False)


def test_a_cache_that_cannot_be_written_to_fails_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    cache = Cache(tmp_path / "file" / "cache", 1_000_000)
    file = kept(cache, tmp_path, b"some bytes")
    assert not cache.take(file, tmp_path / "taken", link=True)


def test_a_target_that_cannot_be_linked_gets_a_copy(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", no_links)
    cache = Cache(root, 1_000_000)
    file = kept(cache, tmp_path, b"some bytes")
    assert cache.take(file, tmp_path / "taken", link=True)
    assert (tmp_path / "taken").read_bytes() == b"some bytes"
