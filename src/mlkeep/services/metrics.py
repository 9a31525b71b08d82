"""Use-cases of metrics: one point, a batch, the history of a key."""

from __future__ import annotations

from mlkeep.core import limits
from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import check_key, invalid
from mlkeep.services.call import Call
from mlkeep.services.runs import put_tags
from mlkeep.storage.series.points import Points
from mlkeep.wire import metrics as wire
from mlkeep.wire.message import Empty
from mlkeep.wire.metrics import LogMetric, MetricInput
from mlkeep.wire.runs import LogBatch


def log_metric(call: Call, request: LogMetric) -> Empty:
    call.tx.metrics.add(call.tx.runs.active_key(request.run_id), [_point(request, "")])
    return Empty()


def log_batch(call: Call, request: LogBatch) -> Empty:
    """Keep the whole batch or nothing of it."""
    _check_sizes(request)
    points = [_point(metric, f"metrics[{i}].") for i, metric in enumerate(request.metrics)]
    params: dict[str, str] = {}
    for i, param in enumerate(request.params):
        key = check_key(param.key, f"params[{i}].key")
        if key in params:
            raise InvalidInput(f"Duplicate parameter keys have been submitted: '{key}'. Send each key once.")
        params[key] = call.settings.rules.cut(param.value, limits.MAX_PARAM_VALUE_LENGTH, f"params[{i}].value")
    tags = {check_key(tag.key, f"tags[{i}].key"): tag.value for i, tag in enumerate(request.tags)}
    run = call.tx.runs.active_key(request.run_id)
    if params:
        call.tx.params.add(run, params)
    if points:
        call.tx.metrics.add(run, points)
    if tags:
        put_tags(call, run, tags)
    return Empty()


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


def _point(given: LogMetric | MetricInput, path: str) -> Metric:
    if given.value is None or given.timestamp is None:
        raise InvalidInput(f"Missing value for required parameter '{path}value' or '{path}timestamp'.")
    if given.timestamp < 0:
        raise invalid(f"{path}timestamp", given.timestamp, "it must be a non-negative number of milliseconds.")
    return Metric(
        key=check_key(given.key, f"{path}key"),
        value=given.value,
        timestamp=given.timestamp,
        step=given.step,
        model_id=given.model_id or None,
        dataset_name=given.dataset_name or None,
        dataset_digest=given.dataset_digest or None,
    )


def _check_sizes(request: LogBatch) -> None:
    counts = (
        ("metrics", len(request.metrics), limits.MAX_METRICS_PER_BATCH),
        ("params", len(request.params), limits.MAX_PARAMS_PER_BATCH),
        ("tags", len(request.tags), limits.MAX_TAGS_PER_BATCH),
    )
    for name, count, most in counts:
        if count > most:
            raise InvalidInput(f"A batch logging request can contain at most {most} {name}. Got {count}.")
    total = sum(count for _, count, _ in counts)
    if total > limits.MAX_ENTITIES_PER_BATCH:
        raise InvalidInput(
            f"A batch logging request can contain at most {limits.MAX_ENTITIES_PER_BATCH} metrics, params and tags in "
            f"total. Got {total}."
        )


READS = {
    wire.GetMetricHistory: history,
    wire.GetBulkHistory: bulk_history,
    wire.GetSampledHistory: sampled_history,
}
WRITES = {LogMetric: log_metric, LogBatch: log_batch}
