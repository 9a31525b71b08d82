"""Samples, held against MLflow's rule in plain Python."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mlkeep.storage.series.points import EMPTY, Points
from mlkeep.storage.series.sampling import sampled
from tests.unit.storage.series.drawn import STEPS, Plain, plain, series, spelled


def chosen(points: list[Plain], steps: tuple[int, int] | None, limit: int) -> list[Plain]:
    """The first of each of `limit` parts but the last, which are dealt as SQL's NTILE does, and the last of all."""
    if steps is not None:
        points = [point for point in points if steps[0] <= point[0] <= steps[1]]
    if len(points) <= limit:
        return points
    parts: list[list[Plain]] = []
    left = list(points)
    for parts_left in range(limit, 0, -1):
        size = -(-len(left) // parts_left)
        parts.append(left[:size])
        left = left[size:]
    return [part[0] for part in parts[:-1]] + [points[-1]]


@given(
    series(), st.one_of(st.none(), st.tuples(STEPS, STEPS).map(lambda ends: (min(ends), max(ends)))), st.integers(1, 70)
)
@example(EMPTY, None, 1)
def test_a_sample_is_what_the_rule_says(points: Points, steps: tuple[int, int] | None, limit: int) -> None:
    points = points.by_step()
    assert spelled(plain(sampled(points, steps, limit))) == spelled(chosen(plain(points), steps, limit))
