"""Series as charts show them: every point, or what the points in each of a few hundred buckets have in common.

A bucket holds the points whose x lies between a multiple of its width and the next. Widths are powers of two, so buckets
of one chart are parts of the buckets of a coarser one, and points that come later change none but those they fall into.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlkeep.core.limits import MAX_INT64, MIN_INT64
from mlkeep.storage.series.points import Doubles, Int64s, Points

MAX_BUCKETS = 1 << 16
KINDS = ("NaN", "Infinity", "-Infinity")
"""What marks tell of, by the number in `Marks.kinds`."""

_TINY = 2.0**-64
"""What huge values are made smaller by, so that millions of them have a sum."""


class Axis(enum.Enum):
    """What x counts: steps, milliseconds since 1970, or milliseconds since a start."""

    STEP = "step"
    WALL = "wall"
    RELATIVE = "relative"


class Marks(msgspec.Struct, frozen=True):
    """Where values that are not finite fell, by x: `xs`, and `kinds` as places in `KINDS`."""

    xs: Int64s
    kinds: NDArray[np.int8]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of `n` points; columns have one entry for each of `xs`, which rise.

    If `exact`, `xs` are those of all points, and `last` are the points, by (x, step, timestamp, value); `least`, `greatest`,
    `mean` and `count` are empty. There is a mark for each x and kind of value that is not finite.

    Else there is an entry for each bucket with points in it, and `xs` are where they begin, multiples of `width`. `last` is
    the last point by (step, timestamp, value), `count` the number of points. `least`, `greatest` and `mean` are those of
    the `finite` values that are finite, NaN where there are none; a mean is never beyond them. The mark of a kind stands at
    the first x in the bucket that has such a value.

    `reach` is the least and greatest x of the points, None if there are none.
    """

    n: int
    exact: bool
    width: int
    reach: tuple[int, int] | None
    xs: Int64s
    last: Points
    least: Doubles
    greatest: Doubles
    mean: Doubles
    count: Int64s
    finite: Int64s
    marks: Marks


def positions(points: Points, axis: Axis, start_ms: int = 0) -> Int64s:
    """The x of each point; relative ones count from `start_ms`. What lies beyond int64 is put at its end."""
    if axis is Axis.STEP:
        return points.steps
    if axis is Axis.WALL:
        return points.timestamps_ms
    if start_ms > 0:
        return np.maximum(points.timestamps_ms, MIN_INT64 + start_ms) - start_ms
    return np.minimum(points.timestamps_ms, MAX_INT64 + start_ms) - start_ms


def width_over(begin: int, end: int, buckets: int) -> int:
    """The least width of which `buckets`, at least 2, hold every x from `begin` to `end`."""
    shift = max(0, ((end - begin) // buckets).bit_length() - 1)
    while (end >> shift) - (begin >> shift) >= buckets:
        shift += 1
    return 1 << shift


def chart(points: Points, xs: Int64s, begin: int | None, end: int | None, buckets: int) -> Chart:
    """What to show of the points whose x lies between `begin` and `end`, both ends included; None leaves that end open.

    `points` are distinct and by step. Up to twice as many points as `buckets`, which are 2 to `MAX_BUCKETS`, are shown as
    they are. Else buckets have the least width with which so many cover `begin` to `end`, or the points, at an open end.
    """
    points, xs = _between(points, xs, begin, end)
    reach = (int(xs.min()), int(xs.max())) if len(xs) else None
    width = _common_width([reach], begin, end, buckets)
    if reach is None or len(points) <= 2 * buckets:
        return _exact(points, xs, reach, width)
    return _bucketed(points, xs, reach, width)


def alike(charts: Sequence[Chart], begin: int | None, end: int | None, buckets: int) -> tuple[int, list[Chart]]:
    """One width for charts made with the same arguments, with which `buckets` cover them all, and the charts in that width."""
    width = _common_width([chart.reach for chart in charts], begin, end, buckets)
    return width, [_coarser(chart, width) for chart in charts]


def _common_width(reaches: Sequence[tuple[int, int] | None], begin: int | None, end: int | None, buckets: int) -> int:
    there = [reach for reach in reaches if reach is not None]
    if begin is None:
        begin = min((least for least, _ in there), default=end)
    if end is None:
        end = max((greatest for _, greatest in there), default=begin)
    if begin is None or end is None:
        return 1
    return width_over(begin, max(begin, end), buckets)


def _between(points: Points, xs: Int64s, begin: int | None, end: int | None) -> tuple[Points, Int64s]:
    if begin is None and end is None:
        return points, xs
    lowest, highest = np.int64(MIN_INT64 if begin is None else begin), np.int64(MAX_INT64 if end is None else end)
    if _never_falls(xs):
        there = slice(np.searchsorted(xs, lowest), np.searchsorted(xs, highest, side="right"))
        return points[there], xs[there]
    inside = (xs >= lowest) & (xs <= highest)
    return points[inside], xs[inside]


def _exact(points: Points, xs: Int64s, reach: tuple[int, int] | None, width: int) -> Chart:
    if not _never_falls(xs):
        order = np.argsort(xs, kind="stable")
        points, xs = points[order], xs[order]
    nothing, none = np.empty(0, np.float64), np.empty(0, np.int64)
    return Chart(
        n=len(points),
        exact=True,
        width=width,
        reach=reach,
        xs=xs,
        last=points,
        least=nothing,
        greatest=nothing,
        mean=nothing,
        count=none,
        finite=none,
        marks=_marks_of(xs, xs, points.values),
    )


def _bucketed(points: Points, xs: Int64s, reach: tuple[int, int], width: int) -> Chart:
    shift = width.bit_length() - 1
    first = reach[0] >> shift
    places = (xs >> shift) - first
    order = None
    values = points.values
    if not _never_falls(places):
        # stable, so the points of a bucket stay by step; of 16 bits, which numpy sorts ten times as fast
        order = np.argsort(places.astype(np.uint16), kind="stable")
        places, xs, values = places[order], xs[order], values[order]
    counts = np.bincount(places)
    occupied = np.flatnonzero(counts)
    count = counts[occupied].astype(np.int64)
    ends = np.cumsum(count) - 1
    starts = ends - count + 1
    is_finite = np.isfinite(values)
    if is_finite.all():
        finite, low, high, known = count, values, values, values
    else:
        finite = np.add.reduceat(is_finite, starts, dtype=np.int64)
        low, high, known = (np.where(is_finite, values, instead) for instead in (np.inf, -np.inf, 0.0))
    least, greatest = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    return Chart(
        n=len(points),
        exact=False,
        width=width,
        reach=reach,
        xs=(occupied + first) << shift,
        last=points[ends if order is None else order[ends]],
        least=np.where(finite > 0, least, np.nan),
        greatest=np.where(finite > 0, greatest, np.nan),
        mean=_means(known, starts, finite, least, greatest),
        count=count,
        finite=finite,
        marks=_marks_of(places, xs, values),
    )


def _means(values: Doubles, starts: Int64s, finite: Int64s, least: Doubles, greatest: Doubles) -> Doubles:
    """The sum of each part over its number of finite values; others count as 0 in `values`."""
    some = finite > 0
    of = np.maximum(finite, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.add.reduceat(values, starts) / of
        if not (finite_sums := np.isfinite(means)).all():
            means = np.where(finite_sums, means, np.add.reduceat(values * _TINY, starts) / of / _TINY)
    return np.where(some, np.minimum(np.maximum(means, least), greatest), np.nan)


def _coarser(chart: Chart, width: int) -> Chart:
    """The chart in buckets of a width that is the same or larger."""
    if chart.exact or chart.width == width:
        return msgspec.structs.replace(chart, width=width)
    shift = width.bit_length() - 1
    places = chart.xs >> shift
    starts = _starts(places)
    ends = np.append(starts[1:], len(places)) - 1
    finite = np.add.reduceat(chart.finite, starts)
    least, greatest = np.fmin.reduceat(chart.least, starts), np.fmax.reduceat(chart.greatest, starts)
    # shares rather than sums, which might be infinite
    shares = chart.finite / np.repeat(np.maximum(finite, 1), ends - starts + 1)
    means = np.add.reduceat(np.where(chart.finite > 0, chart.mean * shares, 0.0), starts)
    by_step = np.lexsort((chart.last.timestamps_ms, chart.last.steps, places))
    return Chart(
        n=chart.n,
        exact=False,
        width=width,
        reach=chart.reach,
        xs=places[starts] << shift,
        last=chart.last[by_step[ends]],
        least=least,
        greatest=greatest,
        mean=np.where(finite > 0, np.fmin(np.fmax(means, least), greatest), np.nan),
        count=np.add.reduceat(chart.count, starts),
        finite=finite,
        marks=_marks(chart.marks.xs >> shift, chart.marks),
    )


def _marks_of(places: Int64s, xs: Int64s, values: Doubles) -> Marks:
    odd = np.flatnonzero(~np.isfinite(values))
    values = values[odd]
    kinds = np.where(np.isnan(values), 0, np.where(values > 0, 1, 2)).astype(np.int8)
    return _marks(places[odd], Marks(xs[odd], kinds))


def _marks(places: Int64s, marks: Marks) -> Marks:
    """The first mark of each kind at each of the places, which never fall."""
    found = []
    for kind in range(len(KINDS)):
        of_kind = np.flatnonzero(marks.kinds == kind)
        if len(of_kind):
            xs = np.minimum.reduceat(marks.xs[of_kind], _starts(places[of_kind]))
            found.append(Marks(xs, np.full(len(xs), kind, np.int8)))
    if not found:
        return Marks(np.empty(0, np.int64), np.empty(0, np.int8))
    xs, kinds = np.concatenate([mark.xs for mark in found]), np.concatenate([mark.kinds for mark in found])
    order = np.lexsort((kinds, xs))
    return Marks(xs[order], kinds[order])


def _starts(places: Int64s) -> Int64s:
    """Where each run of equal places begins."""
    return np.flatnonzero(np.append(True, places[1:] != places[:-1]))


def _never_falls(column: Int64s) -> bool:
    return bool((column[1:] >= column[:-1]).all())
