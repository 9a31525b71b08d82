"""Messages of charts: many series in one answer, each as columns.

As JSON, a double that JSON cannot write is spelled as everywhere, and null stands where there is nothing. As msgpack, each
column but `kind` is one binary value: int64 for `x` and `count`, doubles for the others, little-endian, with NaN where
there is nothing.
"""

from __future__ import annotations

import math
from array import array
from typing import Any, ClassVar

import msgspec

from mlkeep.core import limits
from mlkeep.wire.binary import little_endian
from mlkeep.wire.endpoint import OWN, Endpoint, Permission
from mlkeep.wire.message import Int64, Message, Number, Request

AXES = ("step", "relative", "wall")


class SeriesInput(Request, frozen=True, kw_only=True):
    """One series: a run and a key."""

    run_id: str = ""
    key: str = ""
    required: ClassVar[tuple[str, ...]] = ("run_id", "key")


class GetChart(Request, frozen=True, kw_only=True):
    """What a chart draws: the series named in `series`, and those of each of `run_ids` under each of `keys`.

    `x` is `step`, `wall` (milliseconds since 1970) or `relative` (milliseconds since the start of the run). `from` and `to`
    are the first and the last x that count; left out, that end is open. Series with more than twice `buckets` points there
    are put into buckets.
    """

    series: list[SeriesInput] = []
    run_ids: list[str] = []
    keys: list[str] = []
    x: str = "step"
    begin: Int64 | None = msgspec.field(default=None, name="from")
    end: Int64 | None = msgspec.field(default=None, name="to")
    buckets: Int64 = limits.DEFAULT_CHART_BUCKETS


class ChartMarks(Message, frozen=True, kw_only=True, omit_defaults=False):
    """Where values fell that are not finite, by x; `kind` is "NaN", "Infinity" or "-Infinity"."""

    x: list[int] = []
    kind: list[str] = []


class ChartSeries(Message, frozen=True, kw_only=True, omit_defaults=False):
    """The `n` points of a series that count; columns have one entry for each of `x`, which rise.

    If `exact`, these are the points: `x` and `last` have the x and the value of each, the other columns are empty, and `nan`
    has a mark for each x and kind. Else an entry is a bucket with points in it: it begins at `x` and holds the points before
    `x` plus the width. `last` is the value of the last point by step, then time; `count` the number of points; `min`, `max`
    and `mean` are those of the finite values, null where there are none. `nan` then has at most one mark of a kind a bucket,
    at the first x of that kind.
    """

    run_id: str
    key: str
    n: int
    exact: bool
    x: list[int] = []
    last: list[Number] = []
    min: list[float | None] = []
    max: list[float | None] = []
    mean: list[float | None] = []
    count: list[int] = []
    nan: ChartMarks = ChartMarks()


class ChartResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    """The series in the order they were named. `width` is that of all buckets, a power of two; they begin at its multiples."""

    width: int
    series: list[ChartSeries] = []


def packed(told: ChartResponse) -> bytes:
    """The answer as msgpack."""
    return msgspec.msgpack.encode({"width": told.width, "series": [_packed(series) for series in told.series]})


def _packed(series: ChartSeries) -> dict[str, Any]:
    return {
        "run_id": series.run_id,
        "key": series.key,
        "n": series.n,
        "exact": series.exact,
        "x": _integers(series.x),
        "last": _doubles(series.last),
        "min": _doubles(series.min),
        "max": _doubles(series.max),
        "mean": _doubles(series.mean),
        "count": _integers(series.count),
        "nan": {"x": _integers(series.nan.x), "kind": series.nan.kind},
    }


def _integers(column: list[int]) -> bytes:
    return little_endian(array("q", column))


def _doubles(column: list[Number] | list[float | None]) -> bytes:
    return little_endian(array("d", [math.nan if value is None else float(value) for value in column]))


ENDPOINTS = (
    Endpoint(
        ("POST",), "metrics/chart", GetChart, ChartResponse, Permission.RUN_READ, None, version=OWN, packed=packed
    ),
)
