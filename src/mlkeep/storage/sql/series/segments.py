"""Writing segments: points that come together, tails that have grown, and small segments that are merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam, delete, func, literal_column, select

from mlkeep.storage.series.points import Points, joined
from mlkeep.storage.series.segment import Segment, decode, sealed
from mlkeep.storage.sql.dialect import FindRows, Given, InsertRows, Prepared
from mlkeep.storage.sql.schema import metric_segments, metric_tail
from mlkeep.storage.sql.series.rows import Series, by_series
from mlkeep.storage.sql.session import Session, chunks

_ADD = InsertRows(
    metric_segments,
    ["run_id", "key_id", *Segment.__struct_fields__],
    lambda insert: insert.returning(
        metric_segments.c.run_id, metric_segments.c.key_id, metric_segments.c.id, metric_segments.c.points
    ),
)


_TAKE = FindRows(
    [metric_segments.c.run_id, metric_segments.c.key_id, metric_segments.c.data],
    {"id": metric_segments.c.id, "run": metric_segments.c.run_id},
    metric_segments.c.points < bindparam("whole", type_=sa.Integer),
    removing=metric_segments,
)


def _worth_sealing() -> sa.CompoundSelect[Any]:
    """The keys of a run whose tails are long enough, with the number of rows; those with many small segments, with 0."""
    tail, segment = metric_tail.c, metric_segments.c
    rows = func.count()
    return sa.union_all(
        select(tail.key_id, rows.label("rows"))
        .where(tail.run_id == bindparam("run"))
        .group_by(tail.key_id)
        .having(rows >= bindparam("tail", type_=sa.Integer)),
        select(segment.key_id, literal_column("0"))
        .where(segment.run_id == bindparam("run"), segment.points < bindparam("whole"))
        .group_by(segment.key_id)
        .having(rows >= bindparam("fan", type_=sa.Integer)),
    )


_WORTH_SEALING = Prepared(_worth_sealing())


class Segments:
    """The segments of a transaction. All who write those of a run must touch it: see `contract`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._memory = session.series
        self._sealing = session.series.sealing

    def put(self, given: Mapping[Series, Points]) -> None:
        """Seal points, together with the small segments of their series that are due to be merged."""
        due = [
            segment for (run, key), points in given.items() for segment in self._memory.take_due(run, key, len(points))
        ]
        self._put(given, self._taken(given, due))

    def take_tail(self, series: Sequence[Series], most: int) -> dict[Series, Points]:
        """Remove rows from the tails of series, all that are of no logged model, of each run `most` at the most.

        The points are the caller's to seal.
        """
        columns = metric_tail.c
        taken: dict[Series, Points] = {}
        for run, keys in _by_run(series).items():
            for part in chunks(keys):
                wanted = (
                    select(columns.id)
                    .where(columns.run_id == run, columns.key_id.in_(part), columns.model_id.is_(None))
                    .limit(most)
                )
                rows = self._session.rows(
                    delete(metric_tail)
                    .where(columns.id.in_(wanted))
                    .returning(columns.run_id, columns.key_id, columns.step, columns.timestamp_ms, columns.value)
                )
                taken.update(by_series(rows))
                if len(rows) < most:  # else there may be more, which the next write takes
                    for key in part:
                        self._memory.set_rows(run, key, 0)
        return taken

    def seal_run(self, run: int) -> None:
        """Seal the tails of a run that are long enough, the longest first, and merge what is in many small segments."""
        sealing = self._sealing
        found = self._session.all(
            _WORTH_SEALING, {"run": run, "tail": sealing.tail_at_end, "whole": sealing.whole, "fan": sealing.fan}
        )
        tails: list[Series] = []
        rows = 0
        for key, length in sorted(found, key=lambda each: -each[1]):
            if length and rows < sealing.rows_at_end:
                tails.append((run, key))
                rows += length
        points = self.take_tail(tails, sealing.rows_at_end) if tails else {}
        scattered = [(run, key) for key, length in found if not length]
        if points or scattered:
            self._put(points, self._taken_whole(scattered))
        self._memory.forget(run)

    def _taken(self, given: Iterable[Series], due: Sequence[int]) -> list[tuple[Series, Points]]:
        """Remove segments and give their points. One that was merged or undone meanwhile is not there any more.

        Its number may be another's by now. Of other runs nothing is taken; what else is taken, is sealed again under
        the series it belongs to.
        """
        if not due:
            return []
        wanted: dict[str, Given] = {"id": due, "run": list({run for run, _ in given}), "whole": self._sealing.whole}
        return [((run, key), decode(data)) for run, key, data in self._session.find(_TAKE, wanted)]

    def _taken_whole(self, series: Sequence[Series]) -> list[tuple[Series, Points]]:
        """Remove all small segments of series and give their points."""
        columns = metric_segments.c
        return [
            found
            for run, keys in _by_run(series).items()
            for part in chunks(keys)
            for found in self._delete(
                columns.run_id == run, columns.key_id.in_(part), columns.points < self._sealing.whole
            )
        ]

    def _delete(self, *where: sa.ColumnElement[bool]) -> list[tuple[Series, Points]]:
        columns = metric_segments.c
        statement = delete(metric_segments).where(*where).returning(columns.run_id, columns.key_id, columns.data)
        return [((run, key), decode(data)) for run, key, data in self._session.rows(statement)]

    def _put(self, given: Mapping[Series, Points], merged: Iterable[tuple[Series, Points]]) -> None:
        parts: dict[Series, list[Points]] = {}
        for series, points in merged:
            parts.setdefault(series, []).append(points)
        for series, points in given.items():
            parts.setdefault(series, []).append(points)
        rows = [
            {"run_id": run, "key_id": key, **msgspec.structs.asdict(sealed(piece))}
            for (run, key), every in parts.items()
            for piece in self._pieces(joined(every))
        ]
        for run, key, segment, size in self._session.insert_returning(_ADD, rows):
            self._memory.add_segment(run, key, segment, size)

    def _pieces(self, points: Points) -> list[Points]:
        """Distinct points by time, in pieces of about equal size."""
        ordered = points.by_time()
        pieces, n = self._sealing.pieces(len(ordered)), len(ordered)
        return [ordered[i * n // pieces : (i + 1) * n // pieces] for i in range(pieces)]


def _by_run(series: Iterable[Series]) -> dict[int, list[int]]:
    keys: dict[int, list[int]] = {}
    for run, key in series:
        keys.setdefault(run, []).append(key)
    return keys
