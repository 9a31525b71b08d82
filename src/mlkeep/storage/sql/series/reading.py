"""Reading series: the one place that brings segments and tail together."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import sqlalchemy as sa
from sqlalchemy import bindparam, func, select

from mlkeep.core import limits
from mlkeep.storage.series.points import Points, joined
from mlkeep.storage.series.segment import decode
from mlkeep.storage.sql.dialect import Prepared
from mlkeep.storage.sql.schema import metric_segments, metric_tail
from mlkeep.storage.sql.series.rows import Series, by_series, points_of_rows
from mlkeep.storage.sql.session import Session, chunks

Steps: TypeAlias = tuple[int, int] | None
"""The least and the greatest step that is asked for; None for all of them."""


class Place(NamedTuple):
    """Where a point stands in the order of a history."""

    timestamp_ms: int
    step: int
    value: float
    is_nan: int


_IS_IN_SERIES = metric_segments.c.run_id == bindparam("run"), metric_segments.c.key_id == bindparam("key")
_KNOW_SEGMENTS = Prepared(
    select(metric_segments.c.id, metric_segments.c.points, metric_segments.c.min_ms)
    .where(*_IS_IN_SERIES, metric_segments.c.max_ms >= bindparam("after"))
    .order_by(metric_segments.c.min_ms, metric_segments.c.id)
)


class SeriesReader:
    """The points of series, as a transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_step(self, wanted: Sequence[Series], steps: Steps = None) -> dict[Series, Points]:
        """The distinct points of series by (step, timestamp, value), those without any left out.

        With `steps`, segments that have none of them are not decoded.
        """
        return {series: points.by_step() for series, points in self._read(wanted, steps, "min_step").items()}

    def by_time(self, wanted: Sequence[Series]) -> dict[Series, Points]:
        """The distinct points of series by (timestamp, step, value), those without any left out."""
        return {series: points.by_time() for series, points in self._read(wanted, None, "min_ms").items()}

    def page(self, series: Series, after: Place | None, limit: int = limits.MAX_INT64) -> tuple[Points, bool]:
        """The first `limit` distinct points behind a place by (timestamp, step, value), and whether there are more.

        No more segments are decoded than it takes to be sure.
        """
        run, key = series
        begin_ms = limits.MIN_INT64 if after is None else after.timestamp_ms
        known = self._session.all(_KNOW_SEGMENTS, {"run": run, "key": key, "after": begin_ms})
        found = self._first_rows(series, after, limit)
        at = 0
        expected = limit + 1
        while True:
            begin = at
            while at < len(known) and expected > 0:
                expected -= known[at][1]
                at += 1
            decoded = self._decoded([segment for segment, _, _ in known[begin:at]])
            found = _behind(joined([found, *decoded]).by_time(), after)
            if at == len(known):
                return found[:limit], len(found) > limit
            certain = int(np.searchsorted(found.timestamps_ms, known[at][2]))  # those to come are not before that
            if certain > limit:
                return found[:limit], True
            # Where times overlap much, more and more at a time, so that not every segment has all sorted again.
            expected = max(limit + 1 - certain, len(found) // 8)

    def sizes(self, runs: Sequence[int], key: int) -> Counter[int]:
        """How many points series have, by run, equal ones counted each time."""
        sizes: Counter[int] = Counter()
        counts = ((metric_segments, func.sum(metric_segments.c.points)), (metric_tail, func.count()))
        for part in chunks(runs):
            for table, points in counts:
                statement = select(table.c.run_id, points).where(*_among(table, part, [key])).group_by(table.c.run_id)
                sizes.update({run: int(size) for run, size in self._session.execute(statement)})
        return sizes

    def _read(self, wanted: Sequence[Series], steps: Steps, order: str) -> dict[Series, Points]:
        """All points of series, segments in the order of the column `order`, so that most series need no sorting."""
        parts: dict[Series, list[Points]] = {}
        for runs, keys in _grids(wanted):
            for some_runs in chunks(runs):
                for some_keys in chunks(keys):
                    self._read_grid(some_runs, some_keys, steps, order, parts)
        return {series: joined(every) for series, every in parts.items()}

    def _read_grid(
        self, runs: Sequence[int], keys: Sequence[int], steps: Steps, order: str, parts: dict[Series, list[Points]]
    ) -> None:
        segment, tail = metric_segments.c, metric_tail.c
        sealed = select(segment[order], segment.run_id, segment.key_id, segment.data).where(
            *_among(metric_segments, runs, keys)
        )
        rows = select(tail.run_id, tail.key_id, tail.step, tail.timestamp_ms, tail.value).where(
            *_among(metric_tail, runs, keys)
        )
        if steps is not None:
            sealed = sealed.where(segment.max_step >= steps[0], segment.min_step <= steps[1])
            rows = rows.where(tail.step.between(*steps))
        for _, run, key, data in sorted(self._session.rows(sealed), key=itemgetter(0)):
            parts.setdefault((run, key), []).append(_cut(decode(data), steps))
        for series, points in by_series(self._session.rows(rows)).items():
            parts.setdefault(series, []).append(points)

    def _first_rows(self, series: Series, after: Place | None, limit: int) -> Points:
        """The first points of a tail behind a place: one more than `limit`, or all there are."""
        tail = metric_tail.c
        points = (
            select(tail.step, tail.timestamp_ms, tail.value)
            .where(tail.run_id == series[0], tail.key_id == series[1])
            .distinct()
            .subquery()
        )
        value = points.c.value
        place = (
            points.c.timestamp_ms,
            points.c.step,
            func.coalesce(value, sa.literal_column("0.0")),
            sa.case((value.is_(None), 1), else_=0),
        )
        statement = select(points).order_by(*place).limit(min(limit, limits.MAX_INT64 - 1) + 1)
        if after is not None:
            statement = statement.where(sa.tuple_(*place) > sa.tuple_(*after))
        return points_of_rows(self._session.rows(statement))

    def _decoded(self, segments: Sequence[int]) -> list[Points]:
        """The points of segments, in the order they are named."""
        columns = metric_segments.c
        found: dict[int, bytes] = {}
        for part in chunks(segments):
            found.update(
                (number, data)
                for number, data in self._session.execute(select(columns.id, columns.data).where(columns.id.in_(part)))
            )
        return [decode(found[number]) for number in segments]


def _among(table: sa.Table, runs: Sequence[int], keys: Sequence[int]) -> list[sa.ColumnElement[bool]]:
    return [
        column == values[0] if len(values) == 1 else column.in_(values)
        for column, values in ((table.c.run_id, runs), (table.c.key_id, keys))
    ]


def _grids(wanted: Sequence[Series]) -> list[tuple[list[int], list[int]]]:
    """Runs and keys, each of which is wanted with each."""
    runs: dict[int, dict[int, None]] = {}
    for run, key in wanted:
        runs.setdefault(key, {})[run] = None
    keys: dict[tuple[int, ...], list[int]] = {}
    for key, with_it in runs.items():
        keys.setdefault(tuple(sorted(with_it)), []).append(key)
    return [(list(with_them), every) for with_them, every in keys.items()]


def _cut(points: Points, steps: Steps) -> Points:
    if steps is None:
        return points
    least, greatest = steps
    return points[(points.steps >= least) & (points.steps <= greatest)]


def _behind(ordered: Points, place: Place | None) -> Points:
    """Those of points by time that come after a place."""
    if place is None:
        return ordered
    begin = int(np.searchsorted(ordered.timestamps_ms, place.timestamp_ms))
    end = int(np.searchsorted(ordered.timestamps_ms, place.timestamp_ms, side="right"))
    same_time = range(begin, end)
    return ordered[begin + bisect_right(same_time, place, key=lambda at: place_of(ordered, at)) :]


def place_of(points: Points, at: int) -> Place:
    """Where a point stands: NaN counts as 0, after a real one."""
    value = float(points.values[at])
    is_nan = math.isnan(value)
    return Place(int(points.timestamps_ms[at]), int(points.steps[at]), 0.0 if is_nan else value, int(is_nan))
