"""Points as rows of tables, in which NULL stands for NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from mlkeep.storage.series.points import EMPTY, Points, points_of

Series: TypeAlias = tuple[int, int]
"""The numbers of a run and of a key."""


def stored(value: float) -> float | None:
    """A value as it is stored: there is one NaN, and one 0."""
    return None if math.isnan(value) else value + 0.0


def read_value(value: float | None) -> float:
    """A stored value as a number."""
    return math.nan if value is None else value


def points_of_rows(rows: Sequence[Sequence[Any]]) -> Points:
    """Rows of (step, timestamp, value) as points."""
    return points_of(*zip(*rows, strict=True)) if rows else EMPTY


def by_series(rows: Sequence[Sequence[Any]]) -> dict[Series, Points]:
    """Rows of (run, key, step, timestamp, value) as the points of each series, in the order of the rows."""
    if not rows:
        return {}
    of_runs, of_keys, *columns = zip(*rows, strict=True)
    points, runs, keys = points_of(*columns), np.array(of_runs, np.int64), np.array(of_keys, np.int64)
    order = np.lexsort((keys, runs))
    points, runs, keys = points[order], runs[order], keys[order]
    starts = np.flatnonzero((runs[1:] != runs[:-1]) | (keys[1:] != keys[:-1])) + 1
    return {
        (int(runs[begin]), int(keys[begin])): points[begin:end]
        for begin, end in pairwise([0, *starts.tolist(), len(rows)])
    }
