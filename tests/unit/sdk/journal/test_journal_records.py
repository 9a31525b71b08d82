"""Records come back as they were written, and what is damaged takes nothing else with it."""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.records import (
    Asked,
    Damage,
    Known,
    Opened,
    Placed,
    Points,
    Record,
    Refused,
    Sent,
    Unknown,
    encoded,
    scan,
    scan_file,
)

_int64 = st.integers(-(2**63), 2**63 - 1)
_text = st.text(max_size=20)
_place = st.integers(0, 2**40)

OPENED = st.builds(
    Opened,
    format=st.just(records.FORMAT),
    run_id=_text,
    tracking_uri=_text,
    writer=_text,
    host=_text,
    pid=_place,
    at_ms=_place,
)
POINTS = st.builds(
    Points,
    at_ms=_place,
    step=_int64,
    values=st.dictionaries(_text, st.floats(allow_nan=False), max_size=4),
    model_id=_text,
    dataset_name=_text,
    dataset_digest=_text,
)
ASKED = st.builds(
    Asked, name=_text, fields=st.binary(max_size=30).map(lambda data: msgspec.Raw(msgspec.msgpack.encode(data)))
)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    OPENED, POINTS, ASKED, st.builds(Sent, _place, _place), st.builds(Refused, _place, _text), st.builds(Known, _text)
)


def bytes_of(written: list[Record]) -> bytes:
    return b"".join(encoded(record) for record in written)


def told(data: bytes) -> list[Record | Unknown]:
    """The records of a whole file. A raw field is compared by its bytes."""
    return [one.record for one in scan(data) if isinstance(one, Placed)]


def same(left: list[Record | Unknown], right: list[Record]) -> bool:
    return [encoded(record) for record in left] == [encoded(record) for record in right]


def ends_of(written: list[Record]) -> list[int]:
    ends = [0]
    for record in written:
        ends.append(ends[-1] + len(encoded(record)))
    return ends


@given(st.lists(RECORDS, max_size=8))
def test_records_come_back_in_order_with_their_places(written: list[Record]) -> None:
    found = list(scan(bytes_of(written)))
    ends = ends_of(written)
    assert [(one.at, one.end) for one in found] == list(itertools.pairwise(ends))
    assert same(told(bytes_of(written)), written)


@given(st.integers(0, 2**53), _int64, st.dictionaries(_text, st.floats(allow_nan=False), max_size=4))
def test_the_quick_way_writes_what_the_usual_one_reads(at_ms: int, step: int, values: dict[str, float]) -> None:
    assert told(records.points(at_ms, step, values)) == [Points(at_ms, step, values)]


def test_nan_and_infinities_are_kept() -> None:
    (found,) = told(records.points(1, 2, {"a": math.nan, "b": math.inf, "c": -math.inf}))
    assert isinstance(found, Points)
    assert [repr(value) for value in found.values.values()] == ["nan", "inf", "-inf"]


@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_a_file_cut_at_any_byte_has_all_records_before(written: list[Record]) -> None:
    data, ends = bytes_of(written), ends_of(written)
    for length in range(len(data)):
        whole = sum(end <= length for end in ends) - 1
        assert same(told(data[:length]), written[:whole])
        tails = [one for one in scan(data[:length]) if isinstance(one, Damage)]
        assert tails == ([] if length == ends[whole] else [Damage(ends[whole], length, is_tail=True)])


@given(st.lists(RECORDS, min_size=2, max_size=5), st.data())
def test_a_flipped_bit_anywhere_takes_one_record(written: list[Record], data: st.DataObject) -> None:
    sound, ends = bytearray(bytes_of(written)), ends_of(written)
    bit = data.draw(st.integers(0, len(sound) * 8 - 1))
    hit = sum(end <= bit // 8 for end in ends) - 1
    sound[bit // 8] ^= 1 << bit % 8
    assert same(told(bytes(sound)), written[:hit] + written[hit + 1 :])
    damage = [one for one in scan(bytes(sound)) if isinstance(one, Damage)]
    assert damage == [Damage(ends[hit], ends[hit + 1], is_tail=hit == len(written) - 1)]


@given(st.lists(st.one_of(RECORDS, st.binary(min_size=1, max_size=40)), max_size=8))
def test_garbage_between_records_is_named_and_skipped(mixed: list[Record | bytes]) -> None:
    data = b"".join(one if isinstance(one, bytes) else encoded(one) for one in mixed)
    assert same(told(data), [one for one in mixed if not isinstance(one, bytes)])
    garbage = sum(len(one) for one in mixed if isinstance(one, bytes))
    assert sum(one.end - one.at for one in scan(data) if isinstance(one, Damage)) == garbage


@given(st.lists(st.one_of(RECORDS, st.binary(min_size=1, max_size=40)), max_size=8), st.integers(1, 60))
def test_reading_in_pieces_finds_what_reading_at_once_does(mixed: list[Record | bytes], piece: int) -> None:
    data = b"".join(one if isinstance(one, bytes) else encoded(one) for one in mixed)
    fd = os.memfd_create("journal")
    try:
        os.write(fd, data)
        found = list(scan_file(fd, 0, piece))
    finally:
        os.close(fd)
    assert [one for one in found if isinstance(one, Placed)] == [one for one in scan(data) if isinstance(one, Placed)]
    assert [one for one in found if isinstance(one, Damage)] == [one for one in scan(data) if isinstance(one, Damage)]


def test_zeros_in_the_middle_of_many_records_take_only_those_under_them() -> None:
    written: list[Record] = [Points(1, step, {"loss": 0.5}) for step in range(1_000)]
    data, ends = bytearray(bytes_of(written)), ends_of(written)
    data[4_096:8_192] = bytes(4_096)
    lost = [step for step in range(1_000) if ends[step] < 8_192 and ends[step + 1] > 4_096]
    assert same(told(bytes(data)), [record for step, record in enumerate(written) if step not in lost])


def test_records_of_a_newer_version_are_named_and_nothing_else_is_lost() -> None:
    newer = records.framed(msgspec.msgpack.encode([77, "what", {"nobody": "knows"}]))
    longer = records.framed(msgspec.msgpack.encode([1, 5, 7, {"loss": 0.5}, "", "", "", "a field to come"]))
    other = records.framed(msgspec.msgpack.encode([1, "another form of points"]))
    assert told(encoded(Known("a")) + newer + longer + other + encoded(Known("b"))) == [
        Known("a"),
        Unknown(77, newer[records.HEAD_BYTES :]),
        Points(5, 7, {"loss": 0.5}),
        Unknown(1, other[records.HEAD_BYTES :]),
        Known("b"),
    ]
    assert encoded(Unknown(77, newer[records.HEAD_BYTES :])) == newer


@pytest.mark.parametrize("body", [b"", b"\xc0", b"\x90", msgspec.msgpack.encode({"no": "array"})])
def test_a_body_that_is_no_array_with_a_kind_is_damage(body: bytes, tmp_path: Path) -> None:
    data = records.framed(body)
    assert list(scan(data)) == [Damage(0, len(data), is_tail=True)]
