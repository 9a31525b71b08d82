"""Segments: the bytes that points are kept in."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from mlkeep.core.errors import Damaged
from mlkeep.core.limits import MAX_INT64, MIN_INT64
from mlkeep.storage.series.points import EMPTY, Points, points_of
from mlkeep.storage.series.segment import MAX_POINTS, Segment, decode, encode, sealed
from tests.unit.storage.series.drawn import columns, distinct, plain, series, spelled

THREE = columns([(1, 100, 0.5), (2, 110, 0.25), (3, 125, math.nan)])


@given(series())
@example(EMPTY)
@example(columns([(MIN_INT64, MAX_INT64, math.nan)]))
@example(columns([(MIN_INT64, MAX_INT64, 0.1), (MAX_INT64, MIN_INT64, 0.1), (MIN_INT64, 0, 0.1), (0, -1, 0.1)]))
def test_points_come_back_as_they_were_in_the_order_they_had(points: Points) -> None:
    found = decode(encode(points))
    assert spelled(plain(found)) == spelled(plain(points))
    assert [column.dtype for column in (found.steps, found.timestamps_ms, found.values)] == ["i8", "i8", "f8"]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_values_come_back_to_the_bit(bits: list[int]) -> None:
    values = np.array(bits, np.uint64).view(np.float64)
    same = np.zeros(len(values), np.int64)
    assert decode(encode(Points(same, same, values))).values.view(np.uint64).tolist() == bits


def test_thousands_of_points_come_back() -> None:
    rng = np.random.default_rng(5)
    points = points_of(rng.permutation(70_000), rng.integers(0, 2**41, 70_000), rng.normal(size=70_000))
    assert plain(decode(memoryview(encode(points)))) == plain(points)


def test_a_segment_of_a_regular_series_holds_little_but_its_values() -> None:
    steps = np.arange(4_096)
    points = points_of(steps, 1_700_000_000_000 + 100 * steps, np.random.default_rng(1).normal(size=4_096))
    assert len(encode(points)) < 8 * 4_096
    short = points_of(points.steps, points.timestamps_ms, points.values.astype(np.float32))
    assert len(encode(short)) < 4 * 4_096


def test_the_bytes_are_those_the_format_promises() -> None:
    header, frame = encode(THREE)[:8], encode(THREE)[8:]
    assert header == bytes([1, 0, 1, 4]) + (3).to_bytes(4, "little")
    numbers = b"".join(number.to_bytes(8, "little", signed=True) for number in (1, 1, 100, 10))
    values = np.array([0.5, 0.25, math.nan], "<f4").tobytes()
    by_weight = b"".join(values[weight::4] for weight in range(4))
    assert zstandard.ZstdDecompressor().decompress(frame) == numbers + bytes([0, 5]) + by_weight


def test_a_segment_of_the_first_format_is_read_forever() -> None:
    kept = bytes.fromhex("010001040300000028b52ffd242ec50000780100010064000a00050080c03f3e7f05500200238f3104fd6ce843")
    assert spelled(plain(decode(kept))) == spelled(plain(THREE))


@given(series().filter(len))
def test_what_stands_beside_the_data_is_what_the_data_says(points: Points) -> None:
    segment = sealed(points)
    found = distinct(plain(points))
    real = [value for _, _, value in found if not math.isnan(value)]
    first, last = (None if math.isnan(value) else value for value in (found[0][2], found[-1][2]))
    assert segment == Segment(
        points=len(found),
        nans=len(found) - len(real),
        min_step=min(step for step, _, _ in found),
        max_step=max(step for step, _, _ in found),
        min_ms=min(timestamp for _, timestamp, _ in found),
        max_ms=max(timestamp for _, timestamp, _ in found),
        min_value=min(real, default=None),
        max_value=max(real, default=None),
        first_value=first,
        last_value=last,
        data=segment.data,
    )
    assert spelled(plain(decode(segment.data))) == spelled(found)


def test_a_segment_has_points_but_not_too_many() -> None:
    with pytest.raises(ValueError, match="at least one"):
        sealed(EMPTY)
    column = np.arange(MAX_POINTS + 1)
    with pytest.raises(ValueError, match="at most 1048576"):
        sealed(points_of(column, column, column))


@given(series(), st.data())
def test_bytes_that_were_cut_off_are_damaged(points: Points, data: st.DataObject) -> None:
    kept = encode(points)
    with pytest.raises(Damaged, match="segment"):
        decode(kept[: data.draw(st.integers(0, len(kept) - 1))])


@given(series().filter(len), st.data())
def test_changed_bytes_are_damaged_or_tell_of_as_many_points(points: Points, data: st.DataObject) -> None:
    kept = bytearray(encode(points))
    kept[data.draw(st.integers(0, len(kept) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = decode(bytes(kept))
    except Damaged:
        return
    assert len(found) == len(points)


@given(st.binary(max_size=100))
def test_any_other_bytes_are_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode(b"\x01" + data)


def test_a_byte_of_the_values_that_changed_is_noticed() -> None:
    kept = bytearray(encode(points_of(range(64), range(64), np.random.default_rng(2).normal(size=64))))
    kept[-100] ^= 1
    with pytest.raises(Damaged, match="cannot be unpacked"):
        decode(bytes(kept))


def test_a_format_of_a_later_version_is_named() -> None:
    with pytest.raises(Damaged, match=r"format has the number 2, and this version of mlkeep reads 1"):
        decode(b"\x02" + encode(THREE)[1:])


def test_a_frame_that_asks_for_much_memory_gets_none() -> None:
    large = zstandard.ZstdCompressor().compress(bytes(200_000_000))
    with pytest.raises(Damaged, match="differ in length"):
        decode(encode(THREE)[:8] + large)


def test_threads_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(7)
    every = [points_of(rng.integers(0, 99, 999), rng.integers(0, 99, 999), rng.normal(size=999)) for _ in range(4)]
    wrong: list[Points] = []

    def work(points: Points) -> None:
        for _ in range(50):
            if plain(decode(encode(points))) != plain(points):
                wrong.append(points)

    threads = [threading.Thread(target=work, args=(points,)) for points in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
