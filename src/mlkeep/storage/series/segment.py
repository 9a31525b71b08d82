"""The bytes of a segment: some points of one series, each exactly as it was, in the order they were given.

A segment is a header of 8 bytes and one zstd frame. All numbers are little-endian.

    offset  bytes
    0       1      format number: 1
    1       1      bytes that each step takes: 0, 1, 2, 4 or 8
    2       1      bytes that each timestamp takes: the same choice
    3       1      bytes that each value takes: 4 or 8
    4       4      n, the number of points: at most `MAX_POINTS`
    8              the frame, with the size of its content and a checksum; nothing, if n is 0

The content of the frame:

    32                four int64: the first step, the least difference between a step and the one before it, and both
                      for timestamps; the differences of a single point are 0
    (n - 1) x width   steps: each difference less the least one, unsigned
    (n - 1) x width   timestamps: likewise
    n x width         values in IEEE 754

Each of the three columns lies there by weight: the lowest byte of all its numbers, then the second byte of all, and so
on. Differences and sums are taken modulo 2**64, so any int64 comes back. Columns of steps or timestamps take the fewest
bytes that hold all their differences: none, where all are alike. Values take 4 bytes where each of them is the same
float64, to the bit, after it was a float32.
"""

from __future__ import annotations

import math
import struct
import threading
from typing import Any, TypeAlias

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from mlkeep.core.errors import Damaged
from mlkeep.storage.series.points import EMPTY, Doubles, Int64s, Points

FORMAT = 1
MAX_POINTS = 1 << 20
"""More than anybody seals at once; a damaged count cannot ask for more memory than these take."""

_HEADER = struct.Struct("<BBBBI")
_STARTS = struct.Struct("<qqqq")
_LEVEL = 1  # a faster one (-1) keeps values that repeat in up to half as much room again; 3 finds no more
_UNSIGNED: dict[int, np.dtype[Any]] = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}
_FLOATS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<f{width}") for width in (4, 8)}
_WIDTHS = (0, *_UNSIGNED)

_Bytes: TypeAlias = NDArray[np.uint8]
_Numbers: TypeAlias = NDArray[Any]  # of one of the little-endian types above


class Segment(msgspec.Struct, frozen=True):
    """A row of `metric_segments` without its owner: sealed points, and what a reader may know without unsealing them.

    `min_value` and `max_value` are of the values that are not NaN, None if there are none. `first_value` and
    `last_value` are those of the first and the last point by step; None stands for NaN.
    """

    points: int
    nans: int
    min_step: int
    max_step: int
    min_ms: int
    max_ms: int
    min_value: float | None
    max_value: float | None
    first_value: float | None
    last_value: float | None
    data: bytes


def sealed(points: Points) -> Segment:
    """A segment of the distinct points among `points`, by step. Raises ValueError: none, or more than `MAX_POINTS`."""
    if not len(points):
        raise ValueError("a segment has at least one point")
    points = points.by_step()
    least, greatest = float(np.fmin.reduce(points.values)), float(np.fmax.reduce(points.values))
    return Segment(
        points=len(points),
        nans=int(np.count_nonzero(np.isnan(points.values))),
        min_step=int(points.steps[0]),
        max_step=int(points.steps[-1]),
        min_ms=int(points.timestamps_ms.min()),
        max_ms=int(points.timestamps_ms.max()),
        min_value=_or_none(least),
        max_value=_or_none(greatest),
        first_value=_or_none(float(points.values[0])),
        last_value=_or_none(float(points.values[-1])),
        data=encode(points),
    )


def encode(points: Points) -> bytes:
    """The bytes of points, in their order. Raises ValueError: more than `MAX_POINTS`."""
    n = len(points)
    if n > MAX_POINTS:
        raise ValueError(f"a segment holds at most {MAX_POINTS} points, not {n}")
    if not n:
        return _HEADER.pack(FORMAT, 0, 0, 8, 0)
    least_step, steps = _differences(points.steps)
    least_ms, timestamps = _differences(points.timestamps_ms)
    values = _floats(points.values)
    starts = _STARTS.pack(int(points.steps[0]), least_step, int(points.timestamps_ms[0]), least_ms)
    content = b"".join((starts, _by_weight(steps), _by_weight(timestamps), _by_weight(values)))
    header = _HEADER.pack(FORMAT, _width(steps), _width(timestamps), _width(values), n)
    return header + _tools.compressor.compress(content)


def decode(data: bytes | memoryview) -> Points:
    """The points whose bytes these are, in their order.

    Raises:
        Damaged: they are not the bytes of a segment, or of a format that this version does not know.
    """
    if len(data) < _HEADER.size:
        raise _damaged(f"it has {len(data)} bytes, fewer than its header")
    number, step_width, ms_width, value_width, n = _HEADER.unpack_from(data)
    if number != FORMAT:
        raise _damaged(f"its format has the number {number}, and this version of mlkeep reads {FORMAT}")
    if step_width not in _WIDTHS or ms_width not in _WIDTHS or value_width not in _FLOATS or n > MAX_POINTS:
        raise _damaged("its header says what none can say")
    if not n:
        if len(data) > _HEADER.size:
            raise _damaged("its header and its content differ in length")
        return EMPTY
    size = _STARTS.size + (n - 1) * (step_width + ms_width) + n * value_width
    content = _unpacked(memoryview(data)[_HEADER.size :], size)
    first_step, least_step, first_ms, least_ms = _STARTS.unpack_from(content.data)
    at_times = _STARTS.size + (n - 1) * step_width
    at_values = at_times + (n - 1) * ms_width
    return Points(
        _sums(first_step, least_step, content[_STARTS.size : at_times], step_width, n),
        _sums(first_ms, least_ms, content[at_times:at_values], ms_width, n),
        _side_by_side(content[at_values:], value_width).view(_FLOATS[value_width]).astype(np.float64, copy=False),
    )


def _differences(column: Int64s) -> tuple[int, _Numbers | None]:
    """The least difference, and what each is above it in as few bytes as hold all; None where all are alike."""
    if len(column) == 1:
        return 0, None
    differences = column[1:] - column[:-1]
    least = differences.min()
    greatest = int(differences.max()) - int(least)
    if not greatest:
        return int(least), None
    width = next(width for width in _UNSIGNED if greatest < 1 << 8 * width)
    return int(least), (differences - least).astype(_UNSIGNED[width])


def _sums(first: int, least: int, bytes_: _Bytes, width: int, n: int) -> Int64s:
    column = np.empty(n, np.int64)
    column[0] = first
    if width:
        column[1:] = _side_by_side(bytes_, width).view(_UNSIGNED[width]).astype(np.int64, copy=False)
        column[1:] += np.int64(least)
    else:
        column[1:] = least
    return np.cumsum(column, out=column)


def _floats(values: Doubles) -> _Numbers:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        short = values.astype(_FLOATS[4])
        same = np.array_equal(short.astype(np.float64).view(np.int64), values.view(np.int64))
    return short if same else values.astype(_FLOATS[8], copy=False)


def _width(column: _Numbers | None) -> int:
    return 0 if column is None else column.itemsize


def _by_weight(column: _Numbers | None) -> bytes:
    if column is None:
        return b""
    return column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes()


def _side_by_side(bytes_: _Bytes, width: int) -> _Bytes:
    """What `_by_weight` took apart, put together: the bytes of one number after another."""
    return np.ascontiguousarray(bytes_.reshape(width, -1).T).ravel()


def _unpacked(frame: memoryview, size: int) -> _Bytes:
    try:
        # a frame that announces something else is not unpacked at all: it could ask for any amount of memory
        if zstandard.get_frame_parameters(frame).content_size != size:
            raise _damaged("its header and its content differ in length")
        content = _tools.decompressor.decompress(frame, read_across_frames=False, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise _damaged("its content cannot be unpacked") from error
    if len(content) != size:
        raise _damaged("its header and its content differ in length")
    return np.frombuffer(content, np.uint8)


def _damaged(why: str) -> Damaged:
    return Damaged(f"A segment of a metric's history cannot be read: {why}. Restore the database from a backup.")


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


class _Tools(threading.local):
    """What packs and unpacks: dear to make, and each good for one thread at a time."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True)
        self.decompressor = zstandard.ZstdDecompressor()


_tools = _Tools()
