"""A summary of a model that was logged."""

from __future__ import annotations

from typing import Any

import msgspec

from mlkeep.core.entities import LoggedModel, Metric
from mlkeep.models.signature import ModelSignature


class ModelInfo(msgspec.Struct, kw_only=True):
    """What `log_model` gives back: `model_uri` loads the model.

    `registered_model_version` is set when the model was registered on the way.
    """

    artifact_path: str | None
    flavors: dict[str, dict[str, Any]]
    model_uri: str
    model_uuid: str
    run_id: str | None
    saved_input_example_info: dict[str, Any] | None
    signature: ModelSignature | None
    utc_time_created: str
    mlflow_version: str | None
    metadata: dict[str, Any] | None = None
    registered_model_version: str | None = None
    model_id: str | None = None
    logged_model: LoggedModel | None = None
    env_vars: list[str] | None = None
    prompts: list[str] | None = None

    @property
    def name(self) -> str | None:
        """The name of the logged model."""
        return self.logged_model.name if self.logged_model else None

    @property
    def creation_timestamp(self) -> int | None:
        """When the logged model was made, in ms since the epoch."""
        return self.logged_model.creation_timestamp if self.logged_model else None

    @property
    def params(self) -> dict[str, str] | None:
        """The parameters of the logged model."""
        return self.logged_model.params if self.logged_model else None

    @property
    def tags(self) -> dict[str, str] | None:
        """The tags of the logged model."""
        return self.logged_model.tags if self.logged_model else None

    @property
    def metrics(self) -> list[Metric] | None:
        """The metrics of the logged model."""
        return self.logged_model.metrics if self.logged_model else None
