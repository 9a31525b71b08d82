"""Points of series: few at a time become rows of the tail, many a segment; the latest of each key is kept beside them.

Equal points are dropped when they are read, which spares the writer an index over every point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select

from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput
from mlkeep.storage.contract import Columns, PointsPage, RunKey
from mlkeep.storage.series.points import EMPTY, Points, joined, points_of
from mlkeep.storage.series.sampling import sampled
from mlkeep.storage.sql.schema import Counted, logged_models, runs
from mlkeep.storage.sql.series.reading import Place, SeriesReader, place_of
from mlkeep.storage.sql.series.rows import stored
from mlkeep.storage.sql.series.segments import Segments
from mlkeep.storage.sql.series.writing import Row, SeriesWriter
from mlkeep.storage.sql.session import Session, chunks
from mlkeep.storage.sql.tokens import place_of as numbers_of
from mlkeep.storage.sql.tokens import refused, token_of


class SqlMetrics:
    """See `contract.MetricStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, run: RunKey, points: Sequence[Metric]) -> None:
        self.add_many([(run, points)])

    def add_many(self, batches: Sequence[tuple[RunKey, Sequence[Metric]]]) -> None:
        numbers = self._session.key_numbers(point.key for _, points in batches for point in points)
        named = {point.model_id for _, points in batches for point in points if point.model_id}
        models = self._models(named) if named else {}
        groups: dict[tuple[RunKey, str], list[Metric]] = {}
        for run, points in batches:
            for point in points:
                groups.setdefault((run, point.key), []).append(point)
            self._session.meet(run.experiment, Counted.METRIC_KEYS, {numbers[point.key] for point in points})
        writer, batch = SeriesWriter(self._session), self._session.series.sealing.batch
        for (run, key), group in groups.items():
            if len(group) < batch:
                writer.add(run, numbers[key], _rows(run, numbers[key], group, models))
                continue
            plain = [point for point in group if not point.model_id]
            if len(plain) < batch:
                writer.add(run, numbers[key], _rows(run, numbers[key], group, models))
            else:
                of_models = [point for point in group if point.model_id]
                writer.add(run, numbers[key], _rows(run, numbers[key], of_models, models), _columns(plain))
        writer.write()

    def add_columns(self, run: RunKey, columns: Sequence[Columns]) -> None:
        numbers = self._session.key_numbers(key for key, _ in columns)
        self._session.meet(run.experiment, Counted.METRIC_KEYS, numbers.values())
        groups: dict[str, list[Points]] = {}
        for key, points in columns:
            groups.setdefault(key, []).append(points)
        writer, batch = SeriesWriter(self._session), self._session.series.sealing.batch
        for key, parts in groups.items():
            points = joined(parts)
            if len(points) >= batch:
                writer.add(run, numbers[key], [], points)
            elif len(points):
                writer.add(run, numbers[key], _rows(run, numbers[key], _metrics(key, points), {}))
        writer.write()

    def seal(self, run: RunKey) -> None:
        Segments(self._session).seal_run(run.run)

    def series(self, run: RunKey, key: str, steps: tuple[int, int] | None = None) -> Points:
        return self.all_series([(run, key)], steps)[0]

    def all_series(self, wanted: Sequence[tuple[RunKey, str]], steps: tuple[int, int] | None = None) -> list[Points]:
        numbers = {key: self._session.key_number(key) for key in dict.fromkeys(key for _, key in wanted)}
        series = [(run.run, number) for run, key in wanted if (number := numbers[key]) is not None]
        found = SeriesReader(self._session).by_step(series, steps)
        return [found.get((run.run, numbers[key] or 0), EMPTY) for run, key in wanted]

    def history(self, run: RunKey, key: str, limit: int | None, token: str | None) -> PointsPage:
        after = _place(token) if token else None
        number = self._session.key_number(key)
        if number is None:
            return PointsPage(EMPTY)
        series, reader = (run.run, number), SeriesReader(self._session)
        if limit is None and after is None:
            return PointsPage(reader.by_time([series]).get(series, EMPTY))
        points, has_more = reader.page(series, after) if limit is None else reader.page(series, after, limit)
        return PointsPage(points, token_of(place_of(points, -1)) if has_more else None)

    def bulk_history(self, run_ids: Sequence[str], key: str, limit: int) -> list[tuple[str, Points]]:
        number = self._session.key_number(key)
        if number is None or limit < 1:
            return []
        ids = self._run_ids(run_ids)
        reader = SeriesReader(self._session)
        sizes = reader.sizes(list(ids), number)
        told: list[tuple[str, Points]] = []
        waiting = list(ids)
        while waiting and limit > 0:
            whole = _within(limit, waiting, sizes)
            if whole:
                read = reader.by_time([(run, number) for run in whole])
                found = [(run, read.get((run, number), EMPTY)[:limit]) for run in whole]
            else:
                whole = waiting[:1]
                found = [(whole[0], reader.page((whole[0], number), None, limit)[0])]
            for run, points in found:
                if len(points) and limit > 0:
                    told.append((ids[run], points[:limit]))
                    limit -= len(points)
            waiting = waiting[len(whole) :]
        return told

    def sampled_history(
        self, run_ids: Sequence[str], key: str, steps: tuple[int, int] | None, limit: int
    ) -> dict[str, Points]:
        number = self._session.key_number(key)
        if number is None:
            return {}
        ids = self._run_ids(run_ids)
        found = SeriesReader(self._session).by_step([(run, number) for run in ids], steps)
        return {ids[run]: points for (run, _), whole in found.items() if len(points := sampled(whole, None, limit))}

    def _run_ids(self, run_ids: Sequence[str]) -> dict[int, str]:
        """Those of the runs that are there, by their numbers, in the order of their ids."""
        columns = runs.c
        found = [
            (run_id, run)
            for part in chunks(list(dict.fromkeys(run_ids)))
            for run_id, run in self._session.execute(select(columns.run_id, columns.id).where(columns.run_id.in_(part)))
        ]
        return {run: run_id for run_id, run in sorted(found)}

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


def _rows(run: RunKey, key: int, points: Iterable[Metric], models: Mapping[str, int]) -> list[Row]:
    return [
        {
            "run_id": run.run,
            "key_id": key,
            "step": point.step,
            "timestamp_ms": point.timestamp,
            "value": stored(point.value),
            "model_id": models[point.model_id] if point.model_id else None,
            "dataset_name": point.dataset_name or None,
            "dataset_digest": point.dataset_digest or None,
        }
        for point in points
    ]


def _metrics(key: str, points: Points) -> list[Metric]:
    columns = points.values.tolist(), points.timestamps_ms.tolist(), points.steps.tolist()
    return [Metric(key, value, timestamp, step) for value, timestamp, step in zip(*columns, strict=True)]


def _columns(points: Sequence[Metric]) -> Points:
    return points_of(
        [point.step for point in points], [point.timestamp for point in points], [point.value for point in points]
    )


def _within(limit: int, runs: Sequence[int], sizes: Mapping[int, int]) -> list[int]:
    """The first of `runs` that together have not more than `limit` points."""
    found: list[int] = []
    for run in runs:
        limit -= sizes.get(run, 0)
        if limit < 0:
            break
        found.append(run)
    return found


def _place(token: str) -> Place:
    match numbers_of(token):
        case [int() as timestamp_ms, int() as step, int() | float() as value, int() as is_nan]:
            return Place(timestamp_ms, step, float(value), is_nan)
        case _:
            raise refused(token)
