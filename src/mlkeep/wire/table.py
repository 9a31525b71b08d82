"""The table of endpoints: server routes, the remote client and the permission checks are read off it."""

from __future__ import annotations

import re

from mlkeep.wire import (
    artifacts,
    charts,
    evaluation_datasets,
    experiments,
    heartbeats,
    logged_models,
    metrics,
    registry,
    runs,
)
from mlkeep.wire.endpoint import Endpoint
from mlkeep.wire.message import Request

ENDPOINTS: tuple[Endpoint, ...] = (
    *experiments.ENDPOINTS,
    *runs.ENDPOINTS,
    *heartbeats.ENDPOINTS,
    *metrics.ENDPOINTS,
    *charts.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *logged_models.ENDPOINTS,
    *registry.ENDPOINTS,
    *evaluation_datasets.ENDPOINTS,
)

BY_REQUEST: dict[type[Request], Endpoint] = {endpoint.request: endpoint for endpoint in ENDPOINTS}
"""The row of each kind of request; a kind of request belongs to one row."""

NOT_OFFERED = (
    "graphql",
    "mlflow/assessments",
    "mlflow/demo",
    "mlflow/gateway",
    "mlflow/gateway-proxy",
    "mlflow/genai",
    "mlflow/get-online-trace-details",
    "mlflow/get-trace-artifact",
    "mlflow/issues",
    "mlflow/jobs",
    "mlflow/label-schemas",
    "mlflow/prompt-optimization",
    "mlflow/prompts",
    "mlflow/review-queues",
    "mlflow/runs/create-promptlab-run",
    "mlflow/scorer",
    "mlflow/scorers",
    "mlflow/traces",
    "mlflow/ui-telemetry",
    "mlflow/unified-traces",
    "mlflow/webhooks",
    "mlflow/workspaces",
)
"""What MLflow answers and mlkeep does not: how such paths begin, after the root and the version of the API."""

_UNDER_ROOT = re.compile(r"/(?:(?:ajax-)?api/[^/]+/)?(.+)")


def not_offered(path: str) -> str | None:
    """The entry of `NOT_OFFERED` that a path belongs to, if any."""
    found = _UNDER_ROOT.fullmatch(path)
    below = f"{found[1]}/" if found else ""
    return next((start for start in NOT_OFFERED if below.startswith(f"{start}/")), None)
