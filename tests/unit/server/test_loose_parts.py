"""Parts whose sizes nobody told ahead."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mlkeep.blobs.folder.parts import STALE_S
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.server.artifacts.loose_parts import LooseParts, LooseUpload


def put(parts: LooseParts, upload_id: str, number: int, data: bytes) -> str:
    sink = parts.sink(upload_id, number)
    sink.write(memoryview(data))
    return sink.finish()


def whole(parts: LooseParts, upload_id: str, etags: dict[int, str]) -> bytes:
    return b"".join(bytes(piece) for piece in parts.read(upload_id, etags))


def test_parts_come_in_any_order_to_any_process_and_again(tmp_path: Path) -> None:
    upload_id = LooseParts(tmp_path).begin(LooseUpload("a/b.bin", 3))
    assert LooseParts(tmp_path).find(upload_id) == LooseUpload("a/b.bin", 3)
    etags = {number: put(LooseParts(tmp_path), upload_id, number, data) for number, data in ((3, b"!"), (1, b"one "))}
    put(LooseParts(tmp_path), upload_id, 2, b"wrong")
    etags[2] = put(LooseParts(tmp_path), upload_id, 2, b"two")
    assert etags[3] == f'"{hashlib.sha256(b"!").hexdigest()}"'
    assert whole(LooseParts(tmp_path), upload_id, etags) == b"one two!"


def test_a_part_that_is_sent_again_counts_as_it_was_sent_last(tmp_path: Path) -> None:
    parts = LooseParts(tmp_path)
    upload_id = parts.begin(LooseUpload("a", 1))
    first = put(parts, upload_id, 1, b"first")
    put(parts, upload_id, 1, b"second")
    again = put(parts, upload_id, 1, b"first")
    assert again == first
    assert whole(parts, upload_id, {1: again}) == b"first"


def test_what_is_missing_or_other_than_told_is_named(tmp_path: Path) -> None:
    parts = LooseParts(tmp_path)
    upload_id = parts.begin(LooseUpload("a", 2))
    one = put(parts, upload_id, 1, b"one")
    with pytest.raises(InvalidInput, match="Part 2 of 2 of 'a' has not arrived"):
        parts.read(upload_id, {1: one})
    two = put(parts, upload_id, 2, b"two")
    with pytest.raises(InvalidInput, match="Part 1 of 'a' has the ETag"):
        parts.read(upload_id, {1: two, 2: two})
    with pytest.raises(InvalidInput, match="Part 3 cannot be"):
        parts.read(upload_id, {1: one, 2: two, 3: two})
    for number in (0, 3):
        with pytest.raises(InvalidInput, match="the parts 1 to 2"):
            parts.sink(upload_id, number)


def test_what_is_discarded_leaves_no_trace(tmp_path: Path) -> None:
    parts = LooseParts(tmp_path)
    upload_id = parts.begin(LooseUpload("a", 1))
    sink = parts.sink(upload_id, 1)
    sink.write(b"half")
    sink.discard()
    with pytest.raises(InvalidInput, match="has not arrived"):
        parts.read(upload_id, {})
    parts.remove(upload_id)
    parts.remove(upload_id)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(NotFound, match="no upload"):
        parts.sink(upload_id, 1)


def test_an_upload_that_is_given_up_takes_no_more_parts(tmp_path: Path) -> None:
    parts = LooseParts(tmp_path)
    upload_id = parts.begin(LooseUpload("a", 1))
    sink = parts.sink(upload_id, 1)
    parts.remove(upload_id)
    sink.write(b"late")
    with pytest.raises(NotFound, match="given up"):
        sink.finish()
    sink.discard()


@pytest.mark.parametrize("upload_id", ["", "x", "..", "../a", "0" * 31, "0" * 32, "A" * 32, "0" * 32 + "\n", "a/b"])
def test_ids_that_are_none_lead_nowhere(tmp_path: Path, upload_id: str) -> None:
    parts = LooseParts(tmp_path)
    parts.begin(LooseUpload("a", 1))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotFound):
        parts.find(upload_id)
    parts.remove(upload_id)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_was_left_a_week_ago_goes_when_the_next_begins(tmp_path: Path) -> None:
    parts = LooseParts(tmp_path)
    old, new = parts.begin(LooseUpload("old", 1)), parts.begin(LooseUpload("new", 1))
    folder = next(tmp_path.rglob(f"*{old}"))
    long_ago = folder.stat().st_mtime - STALE_S - 1
    os.utime(folder, (long_ago, long_ago))
    parts.begin(LooseUpload("next", 1))
    assert parts.find(new).path == "new"
    with pytest.raises(NotFound):
        parts.find(old)
