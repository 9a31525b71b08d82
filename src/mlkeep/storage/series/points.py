"""Points of one series as columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Int64s: TypeAlias = NDArray[np.int64]
Doubles: TypeAlias = NDArray[np.float64]


class Points(msgspec.Struct, frozen=True):
    """`steps`, `timestamps_ms` and `values` of n points, each of shape (n,), in no particular order unless said.

    There is one NaN, and -0.0 is 0.0. The arrays are not to be written to.
    """

    steps: Int64s
    timestamps_ms: Int64s
    values: Doubles

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, which: slice | Int64s | NDArray[np.bool_]) -> Points:
        """Some of the points."""
        return Points(self.steps[which], self.timestamps_ms[which], self.values[which])

    def by_time(self) -> Points:
        """The distinct points by (timestamp, step, value), NaN counting as 0, after a real one."""
        return self._ordered(self.timestamps_ms, self.steps)

    def by_step(self) -> Points:
        """The distinct points by (step, timestamp, value), NaN counting as 0, after a real one."""
        return self._ordered(self.steps, self.timestamps_ms)

    def _ordered(self, first: Int64s, second: Int64s) -> Points:
        if _rise(first, second):  # as most series are logged: in order, no two points alike
            return self
        is_nan = np.isnan(self.values)
        ranks = np.where(is_nan, 0.0, self.values)
        order = np.lexsort((is_nan, ranks, second, first))
        found = self[order]
        ranks, is_nan = ranks[order], is_nan[order]
        differs = np.ones(len(found), dtype=bool)
        differs[1:] = (
            (found.steps[1:] != found.steps[:-1])
            | (found.timestamps_ms[1:] != found.timestamps_ms[:-1])
            | (ranks[1:] != ranks[:-1])
            | (is_nan[1:] != is_nan[:-1])
        )
        return found if differs.all() else found[differs]


EMPTY = Points(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


def points_of(steps: object, timestamps_ms: object, values: object) -> Points:
    """Points out of sequences of equal length or arrays. Raises ValueError: their lengths differ."""
    doubles = np.asarray(values, dtype=np.float64) + 0.0  # there is one zero,
    doubles[np.isnan(doubles)] = np.nan  # and one NaN
    made = Points(np.asarray(steps, dtype=np.int64), np.asarray(timestamps_ms, dtype=np.int64), doubles)
    if not len(made.steps) == len(made.timestamps_ms) == len(made.values):
        raise ValueError("steps, timestamps and values differ in length")
    return made


def joined(parts: Iterable[Points]) -> Points:
    """All points of several, one after another."""
    every = [part for part in parts if len(part)]
    if not every:
        return EMPTY
    if len(every) == 1:
        return every[0]
    return Points(
        np.concatenate([part.steps for part in every]),
        np.concatenate([part.timestamps_ms for part in every]),
        np.concatenate([part.values for part in every]),
    )


def _rise(first: Int64s, second: Int64s) -> bool:
    """Whether each point comes after the one before it; those of equal `first` by `second`."""
    later = first[1:] > first[:-1]
    if not later.all():
        later |= (first[1:] == first[:-1]) & (second[1:] > second[:-1])
    return bool(later.all())
