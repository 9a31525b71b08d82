"""The use-case of charts: many series at once, as much of each as can be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import invalid
from mlkeep.services.call import Call
from mlkeep.storage.series import buckets
from mlkeep.storage.series.buckets import KINDS, Axis, Chart
from mlkeep.storage.series.points import EMPTY, Doubles
from mlkeep.wire import charts as wire
from mlkeep.wire.message import Message, Number, Request, spelled

_SERIES_AT_ONCE = 64
"""Series read together: their points are in memory at the same time, of all others only what is shown."""


def chart(call: Call, request: wire.GetChart) -> wire.ChartResponse:
    """Runs that nobody has and keys that nobody logged have no points."""
    _check(request)
    wanted = _wanted(request)
    drawn: list[Chart] = []
    for start in range(0, len(wanted), _SERIES_AT_ONCE):
        drawn.extend(_drawn(call, request, wanted[start : start + _SERIES_AT_ONCE]))
    width, alike = buckets.alike(drawn, request.begin, request.end, request.buckets)
    return wire.ChartResponse(
        width=width, series=[_told(*named, shown) for named, shown in zip(wanted, alike, strict=True)]
    )


def _wanted(request: wire.GetChart) -> list[tuple[str, str]]:
    """Run and key of each series, as often and in the order they were named."""
    if bool(request.run_ids) != bool(request.keys):
        missing = "keys" if request.run_ids else "run_ids"
        raise InvalidInput(f"Missing value for required parameter '{missing}': give run_ids and keys, or neither.")
    count = len(request.series) + len(request.run_ids) * len(request.keys)
    if not count:
        raise InvalidInput("Missing value for required parameter 'series': name series, or run_ids and keys.")
    if count > limits.MAX_CHART_SERIES:
        raise InvalidInput(f"A chart can have at most {limits.MAX_CHART_SERIES} series. Got {count}.")
    if request.buckets * count > limits.MAX_CHART_BUCKETS_IN_ALL:
        most = limits.MAX_CHART_BUCKETS_IN_ALL // count
        raise invalid("buckets", request.buckets, f"for {count} series it must be at most {most}.")
    named = [(series.run_id, series.key) for series in request.series]
    return named + [(run_id, key) for run_id in request.run_ids for key in request.keys]


def _check(request: wire.GetChart) -> None:
    if request.x not in wire.AXES:
        raise invalid("x", request.x, f"it must be one of {', '.join(wire.AXES)}.")
    if not limits.MIN_CHART_BUCKETS <= request.buckets <= limits.MAX_CHART_BUCKETS:
        raise invalid(
            "buckets",
            request.buckets,
            f"it must be between {limits.MIN_CHART_BUCKETS} and {limits.MAX_CHART_BUCKETS}.",
        )
    if request.begin is not None and request.end is not None and request.begin > request.end:
        raise invalid("from", request.begin, f"it must not be greater than to, which is {request.end}.")


def _drawn(call: Call, request: wire.GetChart, wanted: list[tuple[str, str]]) -> Iterator[Chart]:
    axis = Axis(request.x)
    started = call.tx.runs.started([run_id for run_id, _ in wanted])
    there = [(started[run_id][0], key) for run_id, key in wanted if run_id in started]
    found = iter(call.tx.metrics.all_series(there, _steps(request, axis)))
    for run_id, _ in wanted:
        points, start_ms = (next(found), started[run_id][1]) if run_id in started else (EMPTY, 0)
        xs = buckets.positions(points, axis, start_ms)
        yield buckets.chart(points, xs, request.begin, request.end, request.buckets)


def _steps(request: wire.GetChart, axis: Axis) -> tuple[int, int] | None:
    """The steps that have to be read, None for all."""
    if axis is not Axis.STEP or (request.begin is None and request.end is None):
        return None
    begin = limits.MIN_INT64 if request.begin is None else request.begin
    return begin, limits.MAX_INT64 if request.end is None else request.end


def _told(run_id: str, key: str, shown: Chart) -> wire.ChartSeries:
    return wire.ChartSeries(
        run_id=run_id,
        key=key,
        n=shown.n,
        exact=shown.exact,
        x=shown.xs.tolist(),
        last=_spelled(shown.last.values),
        min=_finite(shown.least),
        max=_finite(shown.greatest),
        mean=_finite(shown.mean),
        count=shown.count.tolist(),
        nan=wire.ChartMarks(x=shown.marks.xs.tolist(), kind=[KINDS[kind] for kind in shown.marks.kinds.tolist()]),
    )


def _spelled(column: Doubles) -> list[Number]:
    values: list[Number] = column.tolist()
    for place in np.flatnonzero(~np.isfinite(column)):
        values[place] = spelled(float(column[place]))
    return values


def _finite(column: Doubles) -> list[float | None]:
    values: list[float | None] = column.tolist()
    for place in np.flatnonzero(np.isnan(column)):
        values[place] = None
    return values


READS = {wire.GetChart: chart}
WRITES: dict[type[Request], Callable[[Call, Request], Message]] = {}
