"""Points as columns, held against plain lists."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlkeep.storage.series.points import Points, joined
from tests.unit.storage.series.drawn import distinct, plain, series, spelled


@given(series())
def test_points_by_step_are_the_distinct_ones_in_order(points: Points) -> None:
    assert spelled(plain(points.by_step())) == spelled(distinct(plain(points)))


@given(series())
def test_points_by_time_are_the_distinct_ones_in_order(points: Points) -> None:
    assert spelled(plain(points.by_time())) == spelled(distinct(plain(points), by_time=True))


@given(st.lists(series(10), max_size=4))
def test_parts_of_a_series_are_one_after_another(parts: list[Points]) -> None:
    every = [point for part in parts for point in plain(part)]
    assert spelled(plain(joined(parts))) == spelled(every)
