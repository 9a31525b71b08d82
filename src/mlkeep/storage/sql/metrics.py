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
from mlkeep.storage.contract import Columns, Page, RunKey
from mlkeep.storage.series.points import Points, points_of
from mlkeep.storage.series.sampling import between_steps
from mlkeep.storage.sql.dialect import InsertRows
from mlkeep.storage.sql.schema import Counted, keys, latest_metrics, logged_models, metric_tail, runs
from mlkeep.storage.sql.search import among
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


_PUT_LATEST = InsertRows(
    latest_metrics, ["run_id", "key_id", "step", "timestamp_ms", "value", "experiment_id"], _if_later
)


class SqlMetrics:
    """See `contract.MetricStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, run: RunKey, points: Sequence[Metric]) -> None:
        self.add_many([(run, points)])

    def add_many(self, batches: Sequence[tuple[RunKey, Sequence[Metric]]]) -> None:
        numbers = self._session.key_numbers(point.key for _, points in batches for point in points)
        models = self._models({point.model_id for _, points in batches for point in points if point.model_id})
        together: dict[RunKey, list[Metric]] = {}
        for run, points in batches:
            together.setdefault(run, []).extend(points)
            self._session.meet(run.experiment, Counted.METRIC_KEYS, {numbers[point.key] for point in points})
        self._session.insert(
            _ADD_POINTS,
            [
                {
                    "run_id": run.run,
                    "key_id": numbers[point.key],
                    "step": point.step,
                    "timestamp_ms": point.timestamp,
                    "value": _stored(point.value),
                    "model_id": models[point.model_id] if point.model_id else None,
                    "dataset_name": point.dataset_name or None,
                    "dataset_digest": point.dataset_digest or None,
                }
                for run, points in together.items()
                for point in points
            ],
        )
        self._session.insert(
            _PUT_LATEST,
            [
                {
                    "run_id": run.run,
                    "key_id": numbers[point.key],
                    "step": point.step,
                    "timestamp_ms": point.timestamp,
                    "value": _stored(point.value),
                    "experiment_id": run.experiment,
                }
                for run, points in together.items()
                for point in latest_of(points)
            ],
        )

    def add_columns(self, run: RunKey, columns: Sequence[Columns]) -> None:
        every: list[Metric] = []
        for key, points in columns:
            each = zip(points.values.tolist(), points.timestamps_ms.tolist(), points.steps.tolist(), strict=True)
            every += [Metric(key, *point) for point in each]
        self.add(run, every)

    def history(self, run: RunKey, key: str, limit: int | None, token: str | None) -> Page:
        number = self._session.key_number(key)
        if number is None:
            return Page([], None)
        columns = metric_tail.c
        points = (
            select(columns.timestamp_ms, columns.step, columns.value)
            .where(columns.run_id == run.run, columns.key_id == number)
            .distinct()
            .subquery()
        )
        place = (
            points.c.timestamp_ms,
            points.c.step,
            *_by_value(points.c.value),
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

    def series(self, run: RunKey, key: str, steps: tuple[int, int] | None = None) -> Points:
        columns = metric_tail.c
        rows = self._session.execute(
            select(columns.step, columns.timestamp_ms, columns.value).where(
                columns.run_id == run.run, columns.key_id == self._session.key_number(key)
            )
        ).fetchall()
        found = points_of(
            [row.step for row in rows],
            [row.timestamp_ms for row in rows],
            [read_value(row.value) for row in rows],
        ).by_step()
        return found if steps is None else between_steps(found, steps)

    def all_series(self, wanted: Sequence[tuple[RunKey, str]], steps: tuple[int, int] | None = None) -> list[Points]:
        return [self.series(run, key, steps) for run, key in wanted]

    def bulk_history(self, run_ids: Sequence[str], key: str, limit: int) -> list[Metric]:
        columns = self._points_of_runs(run_ids, key).subquery().c
        rows = self._session.execute(
            select(*columns)
            .order_by(columns.run_id, columns.timestamp_ms, columns.step, *_by_value(columns.value))
            .limit(limit)
        )
        return [_point_of(key, row) for row in rows]

    def sampled_history(
        self, run_ids: Sequence[str], key: str, steps: tuple[int, int] | None, limit: int
    ) -> dict[str, list[Metric]]:
        found: dict[str, list[Metric]] = {}
        for row in self._session.execute(_sample(self._points_of_runs(run_ids, key), steps, limit)):
            found.setdefault(row.run_id, []).append(_point_of(key, row))
        return found

    def _points_of_runs(self, run_ids: Sequence[str], key: str) -> sa.Select[Any]:
        """The distinct points of runs under one key, with the id of each one's run; none if the key has no number."""
        columns = metric_tail.c
        return (
            select(runs.c.run_id, columns.step, columns.timestamp_ms, columns.value)
            .join_from(metric_tail, runs, runs.c.id == columns.run_id)
            .where(runs.c.run_id.in_(sorted(set(run_ids))), columns.key_id == self._session.key_number(key))
            .distinct()
        )

    def latest(self, runs: Iterable[int], numbers: Sequence[int] | None = None) -> dict[int, list[Metric]]:
        """The latest points of runs, by run; only of the keys with these `numbers`, if given."""
        found: dict[int, list[Metric]] = {run: [] for run in runs}
        columns = latest_metrics.c
        if numbers is not None and not numbers:
            return found
        wanted = [] if numbers is None else [among(columns.key_id, numbers)]
        for part in chunks(list(found)):
            for run, name, step, timestamp_ms, value in self._session.execute(
                select(columns.run_id, keys.c.name, columns.step, columns.timestamp_ms, columns.value)
                .join_from(latest_metrics, keys, keys.c.id == columns.key_id)
                .where(columns.run_id.in_(part), *wanted)
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


def _by_value(value: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[Any], ...]:
    """What to sort by to have values in order: NaN counts as 0, after a real one."""
    return func.coalesce(value, sa.literal_column("0.0")), sa.case((value.is_(None), 1), else_=0)


def _sample(points: sa.Select[Any], steps: tuple[int, int] | None, limit: int) -> sa.Select[Any]:
    """Of each run's points the first of each of `limit` buckets, and the last of all."""
    every = points.subquery()
    columns = every.c
    order = (columns.step, columns.timestamp_ms, *_by_value(columns.value))
    ranked = select(
        *columns,
        func.row_number().over(partition_by=columns.run_id, order_by=order).label("place"),
        func.count().over(partition_by=columns.run_id).label("points"),
        func.ntile(limit).over(partition_by=columns.run_id, order_by=order).label("bucket"),
    )
    if steps is not None:
        ranked = ranked.where(columns.step.between(*steps))
    placed = ranked.subquery()
    first = func.row_number().over(partition_by=(placed.c.run_id, placed.c.bucket), order_by=placed.c.place)
    chosen = select(*placed.c, first.label("place_in_bucket")).subquery()
    return (
        select(chosen.c.run_id, chosen.c.step, chosen.c.timestamp_ms, chosen.c.value)
        .where(
            sa.or_(
                chosen.c.points <= limit,
                sa.and_(chosen.c.place_in_bucket == 1, chosen.c.bucket < limit),
                chosen.c.place == chosen.c.points,
            )
        )
        .order_by(chosen.c.run_id, chosen.c.place)
    )


def _point_of(key: str, row: Any) -> Metric:
    return Metric(key, read_value(row.value), row.timestamp_ms, row.step, run_id=row.run_id)


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
