"""Charts, held against plain Python."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlkeep.core.limits import MAX_INT64, MIN_INT64
from mlkeep.storage.series.buckets import KINDS, Axis, Chart, alike, chart, positions, width_over
from mlkeep.storage.series.points import EMPTY, Points, points_of
from tests.unit.storage.series.drawn import INT64, STEPS, Plain, columns, plain, series, spelled

Ends: TypeAlias = tuple[int | None, int | None]

AXES = st.sampled_from(Axis)
ENDS: st.SearchStrategy[Ends] = st.one_of(
    st.tuples(st.none() | STEPS, st.none()),
    st.tuples(st.none(), STEPS),
    st.tuples(STEPS, STEPS).map(lambda ends: (min(ends), max(ends))),
)


def place(point: Plain, axis: Axis, start_ms: int) -> int:
    """The x of a point."""
    x = {Axis.STEP: point[0], Axis.WALL: point[1], Axis.RELATIVE: point[1] - start_ms}[axis]
    return max(MIN_INT64, min(MAX_INT64, x))


def kind_of(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def marks_of(points: list[tuple[int, Plain]], width: int) -> list[tuple[int, str]]:
    """The first mark of a kind in each bucket."""
    first: dict[tuple[int, str], int] = {}
    for x, (_, _, value) in sorted(points, key=lambda placed: placed[0]):
        if not math.isfinite(value):
            first.setdefault((x // width, kind_of(value)), x)
    return sorted(((x, kind) for (_, kind), x in first.items()), key=lambda mark: (mark[0], KINDS.index(mark[1])))


def told_marks(shown: Chart) -> list[tuple[int, str]]:
    return [(x, KINDS[kind]) for x, kind in zip(shown.marks.xs.tolist(), shown.marks.kinds.tolist(), strict=True)]


def holds(shown: Chart, placed: list[tuple[int, Plain]]) -> None:
    """Raises AssertionError: a chart is not that of points with their x."""
    assert shown.n == len(placed)
    assert shown.reach == ((min(placed)[0], max(placed)[0]) if placed else None)
    if shown.exact:
        in_order = sorted(placed, key=lambda one: one[0])
        assert shown.xs.tolist() == [x for x, _ in in_order]
        assert spelled(plain(shown.last)) == spelled([point for _, point in in_order])
        assert [len(column) for column in (shown.least, shown.greatest, shown.mean, shown.count)] == [0] * 4
        assert told_marks(shown) == marks_of(placed, 1)
        return
    buckets: dict[int, list[Plain]] = {}
    for x, point in placed:
        buckets.setdefault(x // shown.width * shown.width, []).append(point)
    assert shown.xs.tolist() == sorted(buckets)
    inside = [buckets[x] for x in sorted(buckets)]
    assert shown.count.tolist() == [len(points) for points in inside]
    assert spelled(plain(shown.last)) == spelled([points[-1] for points in inside])  # `placed` are by step
    finite = [[value for _, _, value in points if math.isfinite(value)] for points in inside]
    assert shown.finite.tolist() == [len(values) for values in finite]
    assert list(map(repr, shown.least.tolist())) == [repr(min(values, default=math.nan)) for values in finite]
    assert list(map(repr, shown.greatest.tolist())) == [repr(max(values, default=math.nan)) for values in finite]
    for mean, values in zip(shown.mean.tolist(), finite, strict=True):
        if not values:
            assert math.isnan(mean)
            continue
        true = float(sum(map(Fraction, values)) / len(values))
        assert min(values) <= mean <= max(values)
        assert abs(mean - true) <= 1e-13 * len(values) * max(map(abs, values))
    assert told_marks(shown) == marks_of(placed, shown.width)


def within(points: Points, axis: Axis, start_ms: int, ends: Ends) -> list[tuple[int, Plain]]:
    placed = [(place(point, axis, start_ms), point) for point in plain(points)]
    lowest, highest = (
        instead if end is None else end for end, instead in zip(ends, (MIN_INT64, MAX_INT64), strict=True)
    )
    return [one for one in placed if lowest <= one[0] <= highest]


@given(series(), AXES, INT64, ENDS, st.integers(2, 40))
@example(columns([(MIN_INT64, 0, 1.7e308), (0, 0, 1.0), (MAX_INT64, 0, 1.7e308)] * 3), Axis.STEP, 0, (None, None), 2)
@example(columns([(i % 7, i, 1.7e308) for i in range(60)]), Axis.STEP, 0, (None, None), 4)
def test_a_chart_tells_of_all_points_in_its_range(
    points: Points, axis: Axis, start_ms: int, ends: Ends, buckets: int
) -> None:
    points = points.by_step()
    shown = chart(points, positions(points, axis, start_ms), *ends, buckets)
    placed = within(points, axis, start_ms, ends)
    holds(shown, placed)
    assert shown.exact == (len(placed) <= 2 * buckets)
    assert shown.exact or len(shown.xs) <= buckets


@given(st.lists(series(), max_size=4), AXES, INT64, ENDS, st.integers(2, 12))
def test_charts_of_several_series_share_their_buckets(
    several: list[Points], axis: Axis, start_ms: int, ends: Ends, buckets: int
) -> None:
    several = [points.by_step() for points in several]
    charts = [chart(points, positions(points, axis, start_ms), *ends, buckets) for points in several]
    width, same = alike(charts, *ends, buckets)
    assert [shown.width for shown in same] == [width] * len(several)
    for points, shown in zip(several, same, strict=True):
        holds(shown, within(points, axis, start_ms, ends))
    reaches = [shown.reach for shown in same if shown.reach]
    begin = min((least for least, _ in reaches), default=0) if ends[0] is None else ends[0]
    end = max((greatest for _, greatest in reaches), default=0) if ends[1] is None else ends[1]
    if reaches:
        assert width == width_over(begin, end, buckets)


@given(st.tuples(INT64, INT64).map(sorted), st.integers(2, 2_000))
def test_a_width_is_the_least_power_of_two_that_does(ends: list[int], buckets: int) -> None:
    begin, end = ends

    def needed(width: int) -> int:
        return end // width - begin // width + 1

    width = width_over(begin, end, buckets)
    assert width.bit_count() == 1
    assert needed(width) <= buckets
    assert width == 1 or needed(width // 2) > buckets


@given(st.integers(0, 2**32))
def test_times_in_any_order_fall_into_their_buckets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([0.5, -2.0, 1e300, math.nan, math.inf, -math.inf], 200, p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05])
    points = points_of(range(200), rng.integers(-500, 500, 200), values)
    holds(chart(points, points.timestamps_ms, None, None, 30), within(points, Axis.WALL, 0, (None, None)))


def test_a_spike_in_a_million_points_survives() -> None:
    values = np.sin(np.arange(1_000_000) / 9e4)
    values[123_456] = 9_000.0
    values[765_432] = math.nan
    points = points_of(np.arange(1_000_000), np.arange(1_000_000), values)
    shown = chart(points, points.steps, None, None, 500)
    assert (shown.width, len(shown.xs), int(shown.count.sum())) == (2_048, 489, 1_000_000)
    assert (float(shown.greatest.max()), told_marks(shown)) == (9_000.0, [(765_432, "NaN")])


@pytest.mark.parametrize("ends", [(None, None), (5, None), (None, 5), (5, 9)])
def test_a_chart_of_nothing_is_exact_and_empty(ends: Ends) -> None:
    holds(chart(EMPTY, EMPTY.steps, *ends, 500), [])


def test_buckets_stay_where_they_are_when_points_come_later() -> None:
    def shown(n: int) -> Chart:
        points = points_of(range(-100, n), range(n + 100), range(n + 100))
        return chart(points, points.steps, None, None, 10)

    early, late = shown(1_000), shown(1_100)
    assert early.width == late.width == 128
    assert early.xs.tolist() == late.xs.tolist()[: len(early.xs)] == [-128, *range(0, 1_000, 128)]
    assert early.mean.tolist()[:-1] == late.mean.tolist()[: len(early.xs) - 1]
