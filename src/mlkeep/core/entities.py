"""The things mlkeep keeps, under the names and shapes MLflow gave them.

All are frozen values. Times are milliseconds since the Unix epoch. `dict(entity)` gives the attributes by name.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import msgspec

from mlkeep.core.states import LifecycleStage, LoggedModelStatus, RunStatus, SourceType, ViewType

__all__ = [
    "STAGES",
    "Dataset",
    "DatasetInput",
    "Entity",
    "Experiment",
    "ExperimentCounts",
    "ExperimentTag",
    "FileInfo",
    "InputTag",
    "LifecycleStage",
    "LoggedModel",
    "LoggedModelInput",
    "LoggedModelOutput",
    "LoggedModelParameter",
    "LoggedModelStatus",
    "LoggedModelTag",
    "Metric",
    "ModelVersion",
    "ModelVersionTag",
    "Param",
    "RegisteredModel",
    "RegisteredModelAlias",
    "RegisteredModelTag",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunOutputs",
    "RunStatus",
    "RunTag",
    "SourceType",
    "ViewType",
]


_OURS = frozenset({"artifact_bytes"})
"""Attributes that MLflow does not have."""


class Entity(msgspec.Struct, frozen=True):
    """Base of all entities: iterating gives (attribute, value) pairs in the order of the names.

    Attributes that MLflow does not have are among them only where they say something.
    """

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter([(name, getattr(self, name)) for name in sorted(self._told())])

    def _told(self) -> list[str]:
        return [name for name in self.__struct_fields__ if name not in _OURS or getattr(self, name)]

    def to_dictionary(self) -> dict[str, Any]:
        """Attributes by name, entities inside as dictionaries, in values that JSON knows (and NaN)."""
        return {name: _plain(getattr(self, name)) for name in self._told()}


def _plain(value: Any) -> Any:
    if isinstance(value, Entity):
        return value.to_dictionary()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, str) else value


class Metric(Entity, frozen=True):
    """One point of a series. `value` may be NaN or infinite; `step` is any 64-bit integer."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


class Param(Entity, frozen=True):
    """An input of a run; set once."""

    key: str
    value: str


class RunTag(Entity, frozen=True):
    """A label of a run; may be overwritten."""

    key: str
    value: str


class ExperimentTag(Entity, frozen=True):
    """A label of an experiment."""

    key: str
    value: str


class InputTag(Entity, frozen=True):
    """A label of a dataset's use in a run."""

    key: str
    value: str


class LoggedModelTag(Entity, frozen=True):
    """A label of a logged model."""

    key: str
    value: str


class LoggedModelParameter(Entity, frozen=True):
    """A param of a logged model; set once."""

    key: str
    value: str


class RegisteredModelTag(Entity, frozen=True):
    """A label of a registered model."""

    key: str
    value: str


class ModelVersionTag(Entity, frozen=True):
    """A label of a model version."""

    key: str
    value: str


class RegisteredModelAlias(Entity, frozen=True):
    """A name for one version of a model, which may be moved to another."""

    alias: str
    version: str


class Experiment(Entity, frozen=True):
    """A named set of runs. `artifact_bytes` is the size of all files recorded of its runs and logged models."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str = LifecycleStage.ACTIVE
    tags: dict[str, str] = {}
    creation_time: int | None = None
    last_update_time: int | None = None
    workspace: str = "default"
    artifact_bytes: int = 0


class ExperimentCounts(Entity, frozen=True, kw_only=True):
    """How much there is of an experiment.

    Runs are told by the name of their status; there are none of a status that is left out. Keys are all that something
    was ever logged under.
    """

    active_runs: dict[str, int]
    deleted_runs: dict[str, int]
    metric_keys: int
    param_keys: int
    tag_keys: int
    artifact_bytes: int


class RunInfo(Entity, frozen=True):
    """What is known of a run apart from what was logged to it.

    `status` is the name of a `RunStatus`; `artifact_bytes` the size of all files recorded of it.
    """

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None = None
    lifecycle_stage: str = LifecycleStage.ACTIVE
    artifact_uri: str = ""
    artifact_bytes: int = 0


class RunData(Entity, frozen=True):
    """What was logged to a run: the latest value of each metric, params and tags, by key."""

    metrics: dict[str, float] = {}
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class Dataset(Entity, frozen=True):
    """A dataset as a run saw it; `source`, `schema` and `profile` are JSON texts."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInput(Entity, frozen=True):
    """A dataset used by a run, with tags that say what for."""

    dataset: Dataset
    tags: list[InputTag] = []

    def to_dictionary(self) -> dict[str, Any]:
        """As for all, but `tags` is one dictionary, from keys to values."""
        return {"dataset": self.dataset.to_dictionary(), "tags": {tag.key: tag.value for tag in self.tags}}


class DatasetSummary(Entity, frozen=True):
    """A dataset that runs of an experiment used; `context` says what for, None if nobody said."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class LoggedModelInput(Entity, frozen=True):
    """A model used by a run."""

    model_id: str


class LoggedModelOutput(Entity, frozen=True):
    """A model made by a run, at a step."""

    model_id: str
    step: int = 0


class RunInputs(Entity, frozen=True):
    """What went into a run."""

    dataset_inputs: list[DatasetInput] = []
    model_inputs: list[LoggedModelInput] = []


class RunOutputs(Entity, frozen=True):
    """What came out of a run."""

    model_outputs: list[LoggedModelOutput] = []


class Run(Entity, frozen=True):
    """One execution of training code."""

    info: RunInfo
    data: RunData = RunData()
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()


class FileInfo(Entity, frozen=True):
    """A file or folder among artifacts. `file_size` is in bytes, None for a folder."""

    path: str
    is_dir: bool
    file_size: int | None = None


class LoggedModel(Entity, frozen=True):
    """A model as it was logged, before and apart from any registration.

    `artifact_bytes` is the size of all files recorded of it.
    """

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    model_type: str = ""
    source_run_id: str = ""
    status: LoggedModelStatus = LoggedModelStatus.PENDING
    status_message: str = ""
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: list[Metric] = []
    artifact_bytes: int = 0

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(sorted([*super().__iter__(), ("model_uri", self.model_uri)], key=lambda pair: pair[0]))

    @property
    def model_uri(self) -> str:
        """The URI that loads this model."""
        return f"models:/{self.model_id}"

    def to_dictionary(self) -> dict[str, Any]:
        """As for all, but `status` is its number on the wire."""
        return {**super().to_dictionary(), "status": self.status.number}


STAGES = ("None", "Staging", "Production", "Archived")
"""The stages a model version can be in."""


class ModelVersion(Entity, frozen=True):
    """One version of a registered model. `version` counts from "1"; `source` is where its files lie.

    In what a client fetches, `version` also counts (`version + 1`) and the keys of `tags` know their values; see
    `mlkeep.core.versions`. `artifact_bytes` is the size of all files recorded at its source, None if there are none.
    """

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None
    user_id: str = ""
    current_stage: str = "None"
    source: str = ""
    run_id: str = ""
    status: str = "READY"
    status_message: str = ""
    tags: dict[str, str] = {}
    run_link: str = ""
    aliases: list[str] = []
    model_id: str | None = None
    artifact_bytes: int | None = None


class RegisteredModel(Entity, frozen=True):
    """A named line of model versions. `aliases` gives the version each alias points to."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None
    latest_versions: list[ModelVersion] = []
    tags: dict[str, str] = {}
    aliases: dict[str, str] = {}
