"""What is logged to runs (a point, a batch, a param, a tag): looked at here, and written by the storage together with others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlkeep.core import limits
from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import check_key, invalid
from mlkeep.services import columned
from mlkeep.services.call import Settings
from mlkeep.services.rules import Rules
from mlkeep.services.runs import RUN_NAME_TAG
from mlkeep.storage.contract import Columns, Logged
from mlkeep.storage.series.points import points_of
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.message import KeyValueInput, Request
from mlkeep.wire.metrics import LogMetric, MetricInput
from mlkeep.wire.quick import QUICK, QuickBatch, QuickMetric
from mlkeep.wire.runs import LogBatch, LogParam, SetTag

MANY = 32
"""Points of one series in a batch from which on they are kept as columns."""


def log_metric(_: Settings, request: LogMetric) -> Logged:
    if not isinstance(request, QuickMetric):
        _check_point(request, "")
    check_key(request.key, "key")
    return Logged(run_id=request.run_id, points=(_point(request),))


def log_batch(settings: Settings, request: LogBatch) -> Logged:
    """The whole batch is kept, or nothing of it."""
    _check_sizes(request)
    if not isinstance(request, QuickBatch):
        for i, metric in enumerate(request.metrics):
            _check_point(metric, f"metrics[{i}].")
    points, columns = _sorted_out(request.metrics, _keys(request.metrics))
    params = _params(settings.rules, request.params)
    tags, name = _tags(settings.rules, request.tags)
    return Logged(run_id=request.run_id, points=points, columns=columns, params=params, tags=tags, run_name=name)


def log_columns(settings: Settings, request: LogColumns) -> Logged:
    """As `log_batch`, of as many points as there may be."""
    _check_count("columns", len(request.columns), limits.MAX_COLUMNS_PER_BATCH)
    _check_count("params", len(request.params), limits.MAX_PARAMS_PER_BATCH)
    _check_count("tags", len(request.tags), limits.MAX_TAGS_PER_BATCH)
    columns: list[Columns] = []
    points: list[Metric] = []
    for i, column in enumerate(request.columns):
        given = columned.points_of_column(column, f"columns[{i}]")
        key = check_key(column.key, f"columns[{i}].key")
        is_measurement = bool(column.model_id or column.dataset_name or column.dataset_digest)
        if not is_measurement:
            columns.append(Columns(key, given))
            continue
        _check_count("points of logged models or datasets", len(points) + len(given), limits.MAX_ROWS_PER_COLUMNS)
        points += columned.rows(key, given, column)
    params = _params(settings.rules, request.params)
    tags, name = _tags(settings.rules, request.tags)
    return Logged(run_id=request.run_id, points=points, columns=columns, params=params, tags=tags, run_name=name)


def log_param(settings: Settings, request: LogParam) -> Logged:
    key = check_key(request.key, "key")
    value = settings.rules.cut(request.value, limits.MAX_PARAM_VALUE_LENGTH, "value")
    return Logged(run_id=request.run_id, params={key: value})


def set_tag(settings: Settings, request: SetTag) -> Logged:
    tags, name = _cut(settings.rules, {check_key(request.key, "key"): request.value})
    return Logged(run_id=request.run_id, tags=tags, run_name=name)


def _check_point(given: LogMetric | MetricInput, path: str) -> None:
    if given.value is None or given.timestamp is None:
        raise InvalidInput(f"Missing value for required parameter '{path}value' or '{path}timestamp'.")
    if given.timestamp < 0:
        raise invalid(f"{path}timestamp", given.timestamp, "it must be a non-negative number of milliseconds.")


def _keys(metrics: Sequence[MetricInput]) -> set[str]:
    """Each key is looked at once; only where one is wrong it matters where it stands first."""
    keys = {metric.key for metric in metrics}
    try:
        for key in keys:
            check_key(key, "key")
    except InvalidInput:
        for i, metric in enumerate(metrics):
            check_key(metric.key, f"metrics[{i}].key")
    return keys


def _sorted_out(metrics: Sequence[MetricInput], keys: set[str]) -> tuple[list[Metric], list[Columns]]:
    """Points one by one, and those of which a series has many as columns."""
    if len(metrics) < MANY:
        return [_point(metric) for metric in metrics], []
    plain = [metric for metric in metrics if not (metric.model_id or metric.dataset_name or metric.dataset_digest)]
    points: list[Metric] = []
    if len(plain) < len(metrics):
        points += [
            _point(metric) for metric in metrics if metric.model_id or metric.dataset_name or metric.dataset_digest
        ]
    columns: list[Columns] = []
    for key, of_key in _by_key(plain, keys).items():
        if len(of_key) < MANY:
            points += [_point(metric) for metric in of_key]
        else:
            steps, times = [each.step for each in of_key], [each.timestamp for each in of_key]
            columns.append(Columns(key, points_of(steps, times, [each.value for each in of_key])))
    return points, columns


def _by_key(metrics: list[MetricInput], keys: set[str]) -> dict[str, list[MetricInput]]:
    """In the order in which they came. Most batches that are worth hurrying for have one key."""
    if len(keys) == 1:
        return dict.fromkeys(keys, metrics)
    series: dict[str, list[MetricInput]] = {}
    for metric in metrics:
        series.setdefault(metric.key, []).append(metric)
    return series


def _point(given: LogMetric | MetricInput) -> Metric:
    """A point that was looked at: it has a value and a time."""
    return Metric(
        given.key,
        given.value,  # type: ignore[arg-type]
        given.timestamp,  # type: ignore[arg-type]
        given.step,
        given.model_id or None,
        given.dataset_name or None,
        given.dataset_digest or None,
    )


def _params(rules: Rules, given: Sequence[KeyValueInput]) -> dict[str, str]:
    params: dict[str, str] = {}
    for i, param in enumerate(given):
        key = check_key(param.key, f"params[{i}].key")
        if key in params:
            raise InvalidInput(f"Duplicate parameter keys have been submitted: '{key}'. Send each key once.")
        params[key] = rules.cut(param.value, limits.MAX_PARAM_VALUE_LENGTH, f"params[{i}].value")
    return params


def _tags(rules: Rules, given: Sequence[KeyValueInput]) -> tuple[dict[str, str], str | None]:
    return _cut(rules, {check_key(tag.key, f"tags[{i}].key"): tag.value for i, tag in enumerate(given)})


def _cut(rules: Rules, tags: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """Tags with their values cut if they are long, and the name that one of them gives the run."""
    cut = {key: rules.cut(value, limits.MAX_TAG_VALUE_LENGTH, f"tags[{key}]") for key, value in tags.items()}
    if not cut.get(RUN_NAME_TAG, "named"):
        del cut[RUN_NAME_TAG]
    return cut, cut.get(RUN_NAME_TAG)


def _check_sizes(request: LogBatch) -> None:
    counts = (
        ("metrics", len(request.metrics), limits.MAX_METRICS_PER_BATCH),
        ("params", len(request.params), limits.MAX_PARAMS_PER_BATCH),
        ("tags", len(request.tags), limits.MAX_TAGS_PER_BATCH),
    )
    for name, count, most in counts:
        _check_count(name, count, most)
    total = sum(count for _, count, _ in counts)
    if total > limits.MAX_ENTITIES_PER_BATCH:
        raise InvalidInput(
            f"A batch logging request can contain at most {limits.MAX_ENTITIES_PER_BATCH} metrics, params and tags in "
            f"total. Got {total}."
        )


def _check_count(name: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidInput(f"A batch logging request can contain at most {most} {name}. Got {count}.")


_OF_KIND: dict[type[Request], Callable[[Settings, Any], Logged]] = {
    LogMetric: log_metric,
    LogBatch: log_batch,
    LogParam: log_param,
    SetTag: set_tag,
}
LOGS: dict[type[Request], Callable[[Settings, Any], Logged]] = {
    **_OF_KIND,
    **{QUICK[kind]: case for kind, case in _OF_KIND.items()},
    LogColumns: log_columns,
}
"""By kind of request. Raise InvalidInput."""
