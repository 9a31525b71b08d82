"""The whole client."""

from __future__ import annotations

from mlkeep.sdk.client.content import ContentClient
from mlkeep.sdk.client.experiments import ExperimentClient
from mlkeep.sdk.client.logged_models import LoggedModelClient
from mlkeep.sdk.client.versions import VersionClient


class MlkeepClient(ExperimentClient, ContentClient, LoggedModelClient, VersionClient):
    """Every operation on experiments, runs, artifacts and models, as in MLflow's `MlflowClient`.

    Without arguments it follows `mlkeep.set_tracking_uri` and `mlkeep.set_registry_uri`. Making one contacts nothing.
    Every method raises `MlkeepException`: NotFound for what is not there, InvalidInput for what cannot be.
    """

    def __repr__(self) -> str:
        return f"MlkeepClient(tracking_uri={self.tracking_uri!r})"
