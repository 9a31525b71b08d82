"""Points in the columns of a request: looked at all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlkeep.core.entities import Metric
from mlkeep.core.names import invalid
from mlkeep.storage.series.points import Points, points_of
from mlkeep.wire.columns import Column

_NUMBER_BYTES = 8


def points_of_column(column: Column, path: str) -> Points:
    """The points of a column, which `path` names in errors.

    Raises:
        InvalidInput: the lengths differ, a time is negative, or something binary is no whole number of numbers.
    """
    values = _numbers(column.values, "<f8", f"{path}.values")
    steps = _numbers(column.steps, "<i8", f"{path}.steps")
    times = _numbers(column.timestamps, "<i8", f"{path}.timestamps")
    for name, given in (("steps", steps), ("timestamps", times)):
        if len(given) != len(values):
            raise invalid(
                f"{path}.{name}",
                f"{len(given)} {name} but {len(values)} values",
                "every point has one of each: send columns of the same length.",
            )
    if len(times) and times.min() < 0:
        first = int(np.argmax(times < 0))
        raise invalid(
            f"{path}.timestamps[{first}]", int(times[first]), "it must be a non-negative number of milliseconds."
        )
    return points_of(steps, times, values)


def rows(key: str, points: Points, column: Column) -> list[Metric]:
    """Points one by one."""
    model, name, digest = column.model_id or None, column.dataset_name or None, column.dataset_digest or None
    each = zip(points.values.tolist(), points.timestamps_ms.tolist(), points.steps.tolist(), strict=True)
    return [Metric(key, value, time, step, model, name, digest) for value, time, step in each]


def _numbers(given: Sequence[float] | bytes, kind: str, path: str) -> NDArray[Any]:
    if not isinstance(given, bytes):
        return np.array(given, dtype=kind)
    if len(given) % _NUMBER_BYTES:
        raise invalid(path, f"{len(given)} bytes", "binary columns have 8 bytes for each point.")
    return np.frombuffer(given, dtype=kind)
