"""Writing series: what goes to the tail, what is sealed, and which point is the latest."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import sqlalchemy as sa
from sqlalchemy import func

from mlkeep.storage.contract import RunKey
from mlkeep.storage.series.points import Points, joined
from mlkeep.storage.sql.dialect import InsertRows
from mlkeep.storage.sql.schema import latest_metrics, metric_tail
from mlkeep.storage.sql.series.rows import Series, points_of_rows, stored
from mlkeep.storage.sql.series.segments import Segments
from mlkeep.storage.sql.session import Session

Row: TypeAlias = dict[str, Any]
"""A row of `metric_tail` or `latest_metrics`."""

_ADD_ROWS = InsertRows(
    metric_tail,
    ["run_id", "key_id", "step", "timestamp_ms", "value", "model_id", "dataset_name", "dataset_digest"],
)


def _if_later(insert: Any) -> Any:
    """Put a point into the place of one that it is later than."""
    new, old = insert.excluded, latest_metrics.c
    return insert.on_conflict_do_update(
        index_elements=["run_id", "key_id"],
        set_={name: new[name] for name in ("step", "timestamp_ms", "value")},
        where=sa.tuple_(new.step, new.timestamp_ms, func.coalesce(new.value, sa.literal_column("0.0")))
        > sa.tuple_(old.step, old.timestamp_ms, func.coalesce(old.value, sa.literal_column("0.0"))),
    )


_PUT_LATEST = InsertRows(
    latest_metrics, ["run_id", "key_id", "step", "timestamp_ms", "value", "experiment_id"], _if_later
)


class SeriesWriter:
    """Gathers points of some series, each given once, and writes all of them with as few statements as can be."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: list[dict[str, Any]] = []
        self._latest: list[dict[str, Any]] = []
        self._sealed: dict[Series, Points] = {}
        self._long: dict[Series, Points] = {}

    def add(self, run: RunKey, key: int, rows: list[Row], points: Points | None = None) -> None:
        """Add points of a series, at least one: few, or of logged models, as rows; many at once as `points`."""
        latest = rows
        if points is not None:
            self._sealed[run.run, key] = points
            latest = [*rows, _latest_of(points)]
        last = latest[0] if len(latest) == 1 else max(latest, key=_rank)
        self._latest.append({**last, "run_id": run.run, "key_id": key, "experiment_id": run.experiment})
        if rows:
            self._add_rows(run.run, key, rows)

    def write(self) -> None:
        """Write what was added."""
        self._session.insert(_ADD_ROWS, self._rows)
        if self._long or self._sealed:
            self._seal()
        self._session.insert(_PUT_LATEST, self._latest)

    def _add_rows(self, run: int, key: int, rows: list[Row]) -> None:
        """Put rows into the tail; those that would make it too long are sealed with it instead."""
        memory = self._session.series
        sealable = [row for row in rows if row["model_id"] is None]
        if sealable:
            length = memory.add_rows(run, key, len(sealable))
            if length >= memory.sealing.tail and len(self._long) < memory.sealing.series_at_once:
                self._long[run, key] = points_of_rows(
                    [(row["step"], row["timestamp_ms"], row["value"]) for row in sealable]
                )
                rows = [row for row in rows if row["model_id"] is not None]
        self._rows += rows

    def _seal(self) -> None:
        segments = Segments(self._session)
        tails = segments.take_tail(list(self._long), self._session.series.sealing.rows_at_once)
        given: dict[Series, list[Points]] = {}
        for source in (tails, self._long, self._sealed):
            for series, points in source.items():
                given.setdefault(series, []).append(points)
        segments.put({series: joined(parts) for series, parts in given.items()})


def _rank(row: Row) -> tuple[int, int, float]:
    """What makes a point later than another: NaN counts as 0. Of equal ones the first stays the latest."""
    return row["step"], row["timestamp_ms"], row["value"] or 0.0


def _latest_of(points: Points) -> Row:
    """The latest of points, of which there is at least one."""
    last = np.flatnonzero(points.steps == points.steps.max())
    if len(last) > 1:
        times = points.timestamps_ms[last]
        last = last[times == times.max()]
    values = points.values[last]
    at = last[np.where(np.isnan(values), 0.0, values).argmax()]
    return {
        "step": int(points.steps[at]),
        "timestamp_ms": int(points.timestamps_ms[at]),
        "value": stored(float(points.values[at])),
    }
