"""Messages that carry metrics."""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core import entities
from mlkeep.wire.endpoint import Endpoint, Permission
from mlkeep.wire.message import Int64, Message, Number, Request, RunRequest, spelled


class MetricMessage(Message, frozen=True, kw_only=True):
    """A point in an answer. The fields after `step` are told of logged models only."""

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
    metrics: list[MetricMessage] = []
    next_page_token: str = ""


ENDPOINTS = (
    Endpoint(("GET",), "metrics/get-history", GetMetricHistory, MetricHistoryResponse, Permission.RUN_READ, None),
)
