"""Messages that carry metrics."""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core import entities, limits
from mlkeep.wire.endpoint import AJAX_ONLY, Endpoint, Permission
from mlkeep.wire.message import Int64, Message, Number, Request, RunRequest, all_spelled, spelled


class MetricMessage(Message, frozen=True, kw_only=True, gc=False):
    """A point in an answer. The fields after `step` are told of logged models only. As `KeyValue`, there may be many."""

    key: str
    value: Number
    timestamp: Int64 | None = None
    step: Int64 | None = None
    dataset_name: str = ""
    dataset_digest: str = ""
    model_id: str = ""
    run_id: str = ""

    @classmethod
    def of(cls, point: entities.Metric) -> MetricMessage:
        return cls(
            key=point.key,
            value=spelled(point.value),
            timestamp=point.timestamp,
            step=point.step,
            dataset_name=point.dataset_name or "",
            dataset_digest=point.dataset_digest or "",
            model_id=point.model_id or "",
            run_id=point.run_id or "",
        )

    def entity(self) -> entities.Metric:
        return entities.Metric(
            key=self.key,
            value=float(self.value),
            timestamp=self.timestamp or 0,
            step=self.step or 0,
            model_id=self.model_id or None,
            dataset_name=self.dataset_name or None,
            dataset_digest=self.dataset_digest or None,
            run_id=self.run_id or None,
        )


class PointMessage(Message, frozen=True, kw_only=True, omit_defaults=False, gc=False):
    """A point in a history. There may be very many of them in one answer."""

    key: str
    value: Number
    timestamp: Int64 = 0
    step: Int64 = 0

    def entity(self) -> entities.Metric:
        return entities.Metric(key=self.key, value=float(self.value), timestamp=self.timestamp, step=self.step)


class PointOfRunMessage(PointMessage, frozen=True, kw_only=True, omit_defaults=False, gc=False):
    """A point in a history of several runs."""

    run_id: str


def told(key: str, steps: list[int], timestamps: list[int], values: list[float]) -> list[PointMessage]:
    """The points of a series, from columns of equal length."""
    return [
        PointMessage(key=key, value=value, timestamp=timestamp, step=step)
        for value, timestamp, step in zip(all_spelled(values), timestamps, steps, strict=True)
    ]


def told_of_run(
    run_id: str, key: str, steps: list[int], timestamps: list[int], values: list[float]
) -> list[PointOfRunMessage]:
    """The points of a run's series, from columns of equal length."""
    return [
        PointOfRunMessage(key=key, value=value, timestamp=timestamp, step=step, run_id=run_id)
        for value, timestamp, step in zip(all_spelled(values), timestamps, steps, strict=True)
    ]


class MetricInput(Request, frozen=True, kw_only=True):
    """A point in a batch. Clients since 3.0 repeat the run's id in it."""

    key: str = ""
    value: float | None = None
    timestamp: Int64 | None = None
    step: Int64 = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""
    run_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("key", "value", "timestamp")


class LogMetric(RunRequest, frozen=True, kw_only=True):
    key: str = ""
    value: float | None = None
    timestamp: Int64 | None = None
    step: Int64 = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""
    required: ClassVar[tuple[str, ...]] = ("run_id", "key", "value", "timestamp")


class GetMetricHistory(RunRequest, frozen=True, kw_only=True):
    """`max_results` absent means the whole history."""

    metric_key: str = ""
    page_token: str = ""
    max_results: Int64 | None = None
    required: ClassVar[tuple[str, ...]] = ("run_id", "metric_key")


class MetricHistoryResponse(Message, frozen=True, kw_only=True):
    metrics: list[PointMessage] = []
    next_page_token: str = ""


class GetBulkHistory(Request, frozen=True, kw_only=True):
    """The history of one key in several runs, for charts. More than the default cannot be had in one answer."""

    run_id: list[str] = []
    metric_key: str = ""
    max_results: Int64 = limits.METRIC_HISTORY_PAGE


class BulkHistoryResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    """MLflow writes this answer without its usual rules: the list is there even when empty."""

    metrics: list[PointOfRunMessage] = []


class GetSampledHistory(Request, frozen=True, kw_only=True):
    """As many points of each run as a chart can show; `max_results` counts for each run."""

    run_ids: list[str] = []
    metric_key: str = ""
    start_step: Int64 | None = None
    end_step: Int64 | None = None
    max_results: Int64 = limits.MAX_SAMPLED_POINTS


class SampledHistoryResponse(Message, frozen=True, kw_only=True):
    metrics: list[PointOfRunMessage] = []


ENDPOINTS = (
    Endpoint(("GET",), "metrics/get-history", GetMetricHistory, MetricHistoryResponse, Permission.RUN_READ, None),
    Endpoint(
        ("GET",),
        "metrics/get-history-bulk",
        GetBulkHistory,
        BulkHistoryResponse,
        Permission.RUN_READ,
        None,
        roots=AJAX_ONLY,
    ),
    # MLflow declares this one for version 2.11 of its API, and serves it under 2.0.
    Endpoint(
        ("GET",),
        "metrics/get-history-bulk-interval",
        GetSampledHistory,
        SampledHistoryResponse,
        Permission.RUN_READ,
        None,
    ),
)
