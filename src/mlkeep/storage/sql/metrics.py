"""Points of series: an append-only tail, and the latest point of each key beside it.

Equal points are dropped when they are read, which spares the writer an index over every point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import func, select

from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput
from mlkeep.storage.contract import Page
from mlkeep.storage.sql.dialect import InsertRows
from mlkeep.storage.sql.schema import keys, latest_metrics, logged_models, metric_tail
from mlkeep.storage.sql.session import Session, chunks
from mlkeep.storage.sql.tokens import place_of, refused, token_of

_ADD_POINTS = InsertRows(
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


_PUT_LATEST = InsertRows(latest_metrics, ["run_id", "key_id", "step", "timestamp_ms", "value"], _if_later)


class SqlMetrics:
    """See `contract.MetricStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, run: int, points: Sequence[Metric]) -> None:
        numbers = self._session.key_numbers(point.key for point in points)
        models = self._models({point.model_id for point in points if point.model_id})
        self._session.insert(
            _ADD_POINTS,
            [
                {
                    "run_id": run,
                    "key_id": numbers[point.key],
                    "step": point.step,
                    "timestamp_ms": point.timestamp,
                    "value": _stored(point.value),
                    "model_id": models[point.model_id] if point.model_id else None,
                    "dataset_name": point.dataset_name or None,
                    "dataset_digest": point.dataset_digest or None,
                }
                for point in points
            ],
        )
        self._session.insert(
            _PUT_LATEST,
            [
                {
                    "run_id": run,
                    "key_id": numbers[point.key],
                    "step": point.step,
                    "timestamp_ms": point.timestamp,
                    "value": _stored(point.value),
                }
                for point in latest_of(points)
            ],
        )

    def history(self, run: int, key: str, limit: int | None, token: str | None) -> Page:
        number = self._session.key_number(key)
        if number is None:
            return Page([], None)
        columns = metric_tail.c
        points = (
            select(columns.timestamp_ms, columns.step, columns.value)
            .where(columns.run_id == run, columns.key_id == number)
            .distinct()
            .subquery()
        )
        place = (
            points.c.timestamp_ms,
            points.c.step,
            func.coalesce(points.c.value, sa.literal_column("0.0")),
            sa.case((points.c.value.is_(None), 1), else_=0),
        )
        statement = select(points).order_by(*place)
        if token:
            statement = statement.where(sa.tuple_(*place) > sa.tuple_(*_position(token)))
        if limit is not None:
            statement = statement.limit(limit + 1)
        rows = self._session.execute(statement).fetchall()
        further = limit is not None and len(rows) > limit
        found = [Metric(key, read_value(row.value), row.timestamp_ms, row.step) for row in rows[:limit]]
        return Page(found, _token(found[-1]) if further else None)

    def latest(self, runs: Iterable[int]) -> dict[int, list[Metric]]:
        """The latest points of runs, by run."""
        found: dict[int, list[Metric]] = {run: [] for run in runs}
        columns = latest_metrics.c
        for part in chunks(list(found)):
            for run, name, step, timestamp_ms, value in self._session.execute(
                select(columns.run_id, keys.c.name, columns.step, columns.timestamp_ms, columns.value)
                .join_from(latest_metrics, keys, keys.c.id == columns.key_id)
                .where(columns.run_id.in_(part))
                .order_by(columns.run_id, columns.key_id)
            ):
                found[run].append(Metric(name, read_value(value), timestamp_ms, step))
        return found

    def _models(self, model_ids: set[str]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        for model_id in sorted(model_ids):
            number = self._session.execute(
                select(logged_models.c.id).where(logged_models.c.model_id == model_id)
            ).scalar_one_or_none()
            if number is None:
                raise InvalidInput(f"Invalid value '{model_id}' for parameter 'model_id' supplied: no such model.")
            numbers[model_id] = number
        return numbers


def latest_of(points: Iterable[Metric]) -> list[Metric]:
    """The latest point of each key: the greatest by (step, timestamp, value), NaN counting as 0."""
    latest: dict[str, Metric] = {}
    for point in points:
        known = latest.get(point.key)
        if known is None or _rank(point) > _rank(known):
            latest[point.key] = point
    return list(latest.values())


def _rank(point: Metric) -> tuple[int, int, float]:
    return point.step, point.timestamp, 0.0 if math.isnan(point.value) else point.value


def _stored(value: float) -> float | None:
    return None if math.isnan(value) else value


def read_value(value: float | None) -> float:
    """A stored value as a number: NULL stands for NaN."""
    return math.nan if value is None else value


def _token(last: Metric) -> str:
    is_nan = math.isnan(last.value)
    return token_of([last.timestamp, last.step, 0.0 if is_nan else last.value, int(is_nan)])


def _position(token: str) -> list[Any]:
    place = place_of(token)
    if len(place) != 4 or not all(isinstance(value, (int, float)) for value in place):
        raise refused(token)
    return place
