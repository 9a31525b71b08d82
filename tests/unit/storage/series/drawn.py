"""Series to try things with, and points as plain tuples."""

from __future__ import annotations

import math
from typing import TypeAlias

from hypothesis import strategies as st

from mlkeep.core.limits import MAX_INT64, MIN_INT64
from mlkeep.storage.series.points import Points, points_of

Plain: TypeAlias = tuple[int, int, float]
"""Step, timestamp and value of a point."""

INT64 = st.integers(MIN_INT64, MAX_INT64)
STEPS = st.one_of(st.integers(-3, 9), st.integers(-1_000, 100_000), INT64)
VALUES = st.one_of(
    st.sampled_from([0.0, 1.0, -1.5, math.nan, math.inf, -math.inf, 1.7e308, -1.7e308, 5e-324]),
    st.floats(width=32),
    st.floats(),
)


def series(most: int = 60) -> st.SearchStrategy[Points]:
    """Points of a series as they may come: in any order, some of them twice."""
    points = st.one_of(
        st.lists(st.tuples(STEPS, STEPS, VALUES), max_size=most),
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.0, 1.0, math.nan])), max_size=most),
        st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 400), VALUES), max_size=most),
        st.lists(VALUES, max_size=most).map(lambda values: [(i, 10 * i, value) for i, value in enumerate(values)]),
    )
    return points.map(columns)


def columns(points: list[Plain]) -> Points:
    """Plain points as columns."""
    return points_of(*([point[i] for point in points] for i in range(3)))


def plain(points: Points) -> list[Plain]:
    """Columns as plain points, in their order."""
    return list(
        zip(points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True),
    )


def spelled(points: list[Plain]) -> list[tuple[int, int, str]]:
    """Plain points that can be compared: NaN is not equal to itself."""
    return [(step, timestamp, repr(value)) for step, timestamp, value in points]


def distinct(points: list[Plain], *, by_time: bool = False) -> list[Plain]:
    """The distinct points in order, NaN counting as 0 and after it."""

    def place(point: Plain) -> tuple[int, int, float, bool]:
        step, timestamp, value = point
        is_nan = math.isnan(value)
        first, second = (timestamp, step) if by_time else (step, timestamp)
        return first, second, 0.0 if is_nan else value, is_nan

    return [point for _, point in sorted({place(point): point for point in points}.items())]
