"""The table of endpoints: server routes, the remote client and the permission checks are read off it."""

from __future__ import annotations

from mlkeep.wire import artifacts, experiments, logged_models, metrics, registry, runs
from mlkeep.wire.endpoint import Endpoint
from mlkeep.wire.message import Request

ENDPOINTS: tuple[Endpoint, ...] = (
    *experiments.ENDPOINTS,
    *runs.ENDPOINTS,
    *metrics.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *logged_models.ENDPOINTS,
    *registry.ENDPOINTS,
)

BY_REQUEST: dict[type[Request], Endpoint] = {endpoint.request: endpoint for endpoint in ENDPOINTS}
"""The row of each kind of request; a kind of request belongs to one row."""

NOT_OFFERED = (
    "traces",
    "assessments",
    "scorers",
    "prompts",
    "gateway",
    "label-schemas",
    "review-queues",
    "workspaces",
    "jobs",
)
"""First parts of paths that MLflow answers and mlkeep does not mean to."""
