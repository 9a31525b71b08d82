"""Use-cases that read metrics: the history of a key."""

from __future__ import annotations

from collections.abc import Callable

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import invalid
from mlkeep.services.call import Call
from mlkeep.storage.series.points import Points
from mlkeep.wire import metrics as wire
from mlkeep.wire.message import Message, Request


def history(call: Call, request: wire.GetMetricHistory) -> wire.MetricHistoryResponse:
    if request.max_results is not None and request.max_results < 1:
        raise invalid("max_results", request.max_results, "it must be at least 1.")
    run = call.tx.runs.find_key(request.run_id)
    if run is None:  # MLflow does not look: a run nobody has logged nothing
        return wire.MetricHistoryResponse()
    page = call.tx.metrics.history(run, request.metric_key, request.max_results, request.page_token or None)
    return wire.MetricHistoryResponse(
        metrics=wire.told(request.metric_key, *_lists(page.points)), next_page_token=page.token or ""
    )


def bulk_history(call: Call, request: wire.GetBulkHistory) -> wire.BulkHistoryResponse:
    _check_runs(request.run_id, "run_id", request.metric_key)
    if request.max_results < 0:
        raise invalid("max_results", request.max_results, "it must not be negative.")
    limit = min(request.max_results, limits.METRIC_HISTORY_PAGE)
    found = call.tx.metrics.bulk_history(request.run_id, request.metric_key, limit)
    return wire.BulkHistoryResponse(
        metrics=[
            message
            for run_id, points in found
            for message in wire.told_of_run(run_id, request.metric_key, *_lists(points))
        ]
    )


def sampled_history(call: Call, request: wire.GetSampledHistory) -> wire.SampledHistoryResponse:
    """Runs in the order they were asked for, one asked for twice twice."""
    _check_runs(request.run_ids, "run_ids", request.metric_key)
    if not 1 <= request.max_results <= limits.MAX_SAMPLED_POINTS:
        raise invalid("max_results", request.max_results, f"it must be between 1 and {limits.MAX_SAMPLED_POINTS}.")
    steps = _steps(request.start_step, request.end_step)
    found = call.tx.metrics.sampled_history(request.run_ids, request.metric_key, steps, request.max_results)
    return wire.SampledHistoryResponse(
        metrics=[
            message
            for run_id in request.run_ids
            if run_id in found
            for message in wire.told_of_run(run_id, request.metric_key, *_lists(found[run_id]))
        ]
    )


def _lists(points: Points) -> tuple[list[int], list[int], list[float]]:
    """Steps, timestamps and values."""
    return points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist()


def _check_runs(run_ids: list[str], field: str, key: str) -> None:
    if not run_ids:
        raise InvalidInput(f"Missing value for required parameter '{field}': name at least one run.")
    if not key:
        raise InvalidInput("Missing value for required parameter 'metric_key'.")
    if len(run_ids) > limits.MAX_RUNS_PER_HISTORY:
        raise InvalidInput(
            f"A request for histories can name at most {limits.MAX_RUNS_PER_HISTORY} runs in '{field}'. Got "
            f"{len(run_ids)}."
        )


def _steps(start: int | None, end: int | None) -> tuple[int, int] | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise InvalidInput("Of start_step and end_step only one is given: give both, or none.")
    if start > end:
        raise invalid("start_step", start, f"it must not be greater than end_step, which is {end}.")
    return start, end


READS = {
    wire.GetMetricHistory: history,
    wire.GetBulkHistory: bulk_history,
    wire.GetSampledHistory: sampled_history,
}
WRITES: dict[type[Request], Callable[[Call, Request], Message]] = {}
