"""Points in columns, for servers that take them so (see `wire.columns`)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec

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
    column = array(kind, numbers)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def halves(batch: LogBatch) -> tuple[LogBatch, LogBatch]:
    """A batch in two parts, the first of which has the params and tags."""
    middle = (len(batch.metrics) + 1) // 2
    first = msgspec.structs.replace(batch, metrics=batch.metrics[:middle])
    return first, LogBatch(run_id=batch.run_id, metrics=batch.metrics[middle:])
