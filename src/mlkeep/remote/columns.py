"""Points in columns, for servers that take them so (see `wire.columns`)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mlkeep.core import limits
from mlkeep.wire.binary import column_of, little_endian
from mlkeep.wire.columns import Column, LogColumns
from mlkeep.wire.metrics import MetricInput
from mlkeep.wire.runs import LogBatch

WORTH_IT = 64
"""Points in a batch from which on columns are the quicker way."""

MOST_AT_ONCE = 50_000
"""Points of one request, so that an answer does not take long and a repetition is not much."""


def in_columns(batch: LogBatch) -> bytes | None:
    """The body that says in columns what `batch` says; None if it cannot be said so."""
    series: dict[str, list[MetricInput]] = {}
    for point in batch.metrics:
        if point.model_id or point.dataset_name or point.dataset_digest:
            return None  # nobody has many of these
        series.setdefault(point.key, []).append(point)
    try:
        columns = [
            Column(
                key=key,
                steps=_binary("q", [point.step for point in points]),
                timestamps=_binary("q", [point.timestamp for point in points]),
                values=_binary("d", [point.value for point in points]),
            )
            for key, points in series.items()
        ]
        request = LogColumns(run_id=batch.run_id, columns=columns, params=batch.params, tags=batch.tags)
        return msgspec.msgpack.encode(request)
    except (TypeError, OverflowError, UnicodeEncodeError):
        return None


def _binary(kind: str, numbers: Sequence[Any]) -> bytes:
    """Numbers of 64 bits, the least significant byte first."""
    return little_endian(array(kind, numbers))


def halves(batch: LogBatch) -> tuple[LogBatch, LogBatch]:
    """A batch in two parts, the first of which has the params and tags."""
    middle = (len(batch.metrics) + 1) // 2
    first = msgspec.structs.replace(batch, metrics=batch.metrics[:middle])
    return first, LogBatch(run_id=batch.run_id, metrics=batch.metrics[middle:])


def halves_of(request: LogColumns) -> tuple[LogColumns, LogColumns] | None:
    """Columns in two parts, the first of which has the params and tags; None if there is one point at the most."""
    columns, middle = request.columns, len(request.columns) // 2
    first, second = columns[:middle], columns[middle:]
    if len(columns) == 1:
        whole = columns[0]
        middle = len(_numbers("d", whole.values)) // 2
        if not middle:
            return None
        first = [_cut(whole, slice(middle))]
        second = [_cut(whole, slice(middle, None))]
    if not second:
        return None
    return msgspec.structs.replace(request, columns=first), LogColumns(run_id=request.run_id, columns=second)


def _cut(column: Column, rows: slice) -> Column:
    return msgspec.structs.replace(
        column,
        steps=_binary("q", _numbers("q", column.steps)[rows]),
        timestamps=_binary("q", _numbers("q", column.timestamps)[rows]),
        values=_binary("d", _numbers("d", column.values)[rows]),
    )


def as_batches(request: LogColumns) -> Iterator[LogBatch]:
    """The same in batches of the protocol, whose columns are binary. The first ones have the params and tags."""
    params, tags = request.params, request.tags
    points = [point for column in request.columns for point in _points(column)]
    while points or params or tags:
        some_params, params = params[: limits.MAX_PARAMS_PER_BATCH], params[limits.MAX_PARAMS_PER_BATCH :]
        some_tags, tags = tags[: limits.MAX_TAGS_PER_BATCH], tags[limits.MAX_TAGS_PER_BATCH :]
        room = limits.MAX_ENTITIES_PER_BATCH - len(some_params) - len(some_tags)
        some_points, points = points[:room], points[room:]
        yield LogBatch(run_id=request.run_id, metrics=some_points, params=some_params, tags=some_tags)


def _points(column: Column) -> Iterator[MetricInput]:
    numbers = (_numbers("q", column.steps), _numbers("q", column.timestamps), _numbers("d", column.values))
    for step, at_ms, value in zip(*numbers, strict=True):
        yield MetricInput(
            key=column.key,
            value=value,
            timestamp=at_ms,
            step=step,
            model_id=column.model_id,
            dataset_name=column.dataset_name,
            dataset_digest=column.dataset_digest,
        )


def _numbers(kind: str, given: Sequence[Any] | bytes) -> Sequence[Any]:
    return column_of(kind, given) if isinstance(given, bytes) else given
