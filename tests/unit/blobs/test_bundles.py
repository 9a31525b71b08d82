"""Many small files in one body."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkeep.blobs import bundles
from mlkeep.core.errors import Damaged, InvalidInput, Unavailable
from mlkeep.core.manifest import StoredFile
from mlkeep.testing.conformance.unsafe_paths import UNSAFE_PATHS


def record(path: str, data: bytes) -> tuple[StoredFile, bytes]:
    return StoredFile(path, len(data), hashlib.sha256(data).hexdigest()), data


def raw_record(header: object, data: bytes = b"") -> bytes:
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(4, "big") + encoded + data


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size))


RECORDS = [record("a.txt", b"1"), record("sub/empty", b""), record("größe ü.bin", bytes(range(256)) * 100)]
BUNDLE = b"".join(bundles.write(RECORDS))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 1000, len(BUNDLE)])
def test_files_come_out_as_they_went_in_however_the_bundle_is_cut(size: int) -> None:
    assert list(bundles.read(cut(BUNDLE, size))) == RECORDS


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 200))
def test_any_files_come_out_as_they_went_in(contents: list[bytes], size: int) -> None:
    records = [record(f"f{i}", data) for i, data in enumerate(contents)]
    assert list(bundles.read(cut(b"".join(bundles.write(records)), size))) == records


def test_a_bundle_of_nothing_is_its_end() -> None:
    assert list(bundles.write([])) == [bundles.END]
    assert list(bundles.read([bundles.END])) == []


def test_a_file_is_given_as_soon_as_it_is_whole() -> None:
    reader = bundles.Reader()
    first = b"".join(bundles.write(RECORDS[:1]))[:-4]
    assert reader.feed(first[:-1]) == []
    assert reader.feed(first[-1:] + b"\0") == RECORDS[:1]
    assert reader.feed(memoryview(b"\0\0\0")) == []
    assert reader.ended
    reader.close()


@pytest.mark.parametrize("length", range(0, len(BUNDLE) - 1, 997))
def test_a_bundle_that_breaks_off_is_told_from_one_that_ended(length: int) -> None:
    reader = bundles.Reader()
    reader.feed(BUNDLE[:length])
    with pytest.raises(InvalidInput, match="broke off"):
        reader.close()
    with pytest.raises(Unavailable, match="broke off"):
        list(bundles.read([BUNDLE[:length]]))


def test_a_damaged_file_is_named() -> None:
    at = BUNDLE.index(bytes(range(256)))
    flipped = BUNDLE[:at] + b"\x01" + BUNDLE[at + 1 :]
    with pytest.raises(Damaged, match=r"größe ü\.bin"):
        list(bundles.read([flipped]))


@pytest.mark.parametrize("path", [*UNSAFE_PATHS, "", "folder/"], ids=ascii)
def test_names_that_are_not_safe_are_refused(path: str) -> None:
    data = raw_record({"path": path, "size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}, b"x")
    with pytest.raises(InvalidInput, match="Invalid path"):
        list(bundles.read([data, bundles.END]))


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (raw_record({"path": "a", "size": bundles.MAX_FILE_BYTES + 1, "sha256": ""}), "'a'.*16777216"),
        (raw_record({"path": "a", "size": -1, "sha256": ""}), "'a'"),
        (raw_record({"path": "a", "size": "1", "sha256": ""}), "size"),
        (raw_record({"path": "a", "size": 1}), "sha256"),
        (raw_record(["a"]), "header"),
        (b"\0\0\0\x02{}", "path"),
        (b"\0\0\0\x02\xff\xff", "header"),
        (b"\0\x01\0\x01", "65537"),
        (b"\xff\xff\xff\xff", "65536"),
        (bundles.END + b"x", "follow"),
    ],
    ids=ascii,
)
def test_what_is_no_bundle_is_refused(data: bytes, about: str) -> None:
    with pytest.raises(InvalidInput, match=about):
        list(bundles.read([data]))


def test_what_cannot_travel_in_a_bundle_is_not_put_into_one() -> None:
    data = bytes(bundles.MAX_FILE_BYTES + 1)
    with pytest.raises(InvalidInput, match="Send it alone"):
        list(bundles.write([(StoredFile("large", len(data), ""), data)]))
    with pytest.raises(InvalidInput, match="2 bytes"):
        list(bundles.write([(StoredFile("other", 3, ""), b"12")]))
