"""The things mlkeep keeps, under the names and shapes MLflow gave them.

All are frozen values. Times are milliseconds since the Unix epoch. `dict(entity)` gives the attributes by name.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import msgspec


class Entity(msgspec.Struct, frozen=True):
    """Base of all entities: iterating gives (attribute, value) pairs in the order of the names."""

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(sorted((name, getattr(self, name)) for name in self.__struct_fields__))

    def to_dictionary(self) -> dict[str, Any]:
        """Attributes by name, entities inside as dictionaries."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


class RunStatus(enum.IntEnum):
    """Where a run stands; the numbers are those of the wire."""

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5

    @staticmethod
    def from_string(name: str) -> RunStatus:
        """The status called `name`.

        Raises:
            ValueError: no status has this name.
        """
        try:
            return RunStatus[name]
        except KeyError:
            raise ValueError(
                f"No run status is called {name!r}; there are {', '.join(RunStatus.all_names())}."
            ) from None

    @staticmethod
    def to_string(status: int) -> str:
        """The name of a status given by number."""
        return RunStatus(status).name

    @staticmethod
    def all_names() -> list[str]:
        """The names of all statuses, in the order of their numbers."""
        return [status.name for status in RunStatus]

    @staticmethod
    def is_terminated(status: int | str) -> bool:
        """Whether a run of this status has ended."""
        known = RunStatus[status] if isinstance(status, str) else RunStatus(status)
        return known in {RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}


class LifecycleStage:
    """Whether a thing is there or in the bin."""

    ACTIVE = "active"
    DELETED = "deleted"


class ViewType(enum.IntEnum):
    """Which lifecycle stages a search looks at; the numbers are those of the wire."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    @staticmethod
    def from_string(name: str) -> ViewType:
        """The view called `active_only`, `deleted_only` or `all`.

        Raises:
            ValueError: no view has this name.
        """
        try:
            return ViewType[name.upper()]
        except KeyError:
            raise ValueError(f"No view is called {name!r}; there are active_only, deleted_only and all.") from None

    @staticmethod
    def to_string(view: int) -> str:
        """The lower-case name of a view."""
        return ViewType(view).name.lower()


class SourceType(enum.IntEnum):
    """What kind of program made a run."""

    NOTEBOOK = 1
    JOB = 2
    PROJECT = 3
    LOCAL = 4
    UNKNOWN = 5


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


class Experiment(Entity, frozen=True):
    """A named set of runs."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str = LifecycleStage.ACTIVE
    tags: dict[str, str] = {}
    creation_time: int | None = None
    last_update_time: int | None = None
    workspace: str = "default"


class RunInfo(Entity, frozen=True):
    """What is known of a run apart from what was logged to it. `status` is the name of a `RunStatus`."""

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None = None
    lifecycle_stage: str = LifecycleStage.ACTIVE
    artifact_uri: str = ""


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


class LoggedModelStatus(enum.IntEnum):
    """Whether the files of a logged model have arrived; the numbers are those of the wire."""

    UNSPECIFIED = 0
    PENDING = 1
    READY = 2
    FAILED = 3


class LoggedModel(Entity, frozen=True):
    """A model as it was logged, before and apart from any registration."""

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

    @property
    def model_uri(self) -> str:
        """The URI that loads this model."""
        return f"models:/{self.model_id}"


STAGES = ("None", "Staging", "Production", "Archived")
"""The stages a model version can be in."""


class ModelVersion(Entity, frozen=True):
    """One version of a registered model. `version` counts from "1"; `source` is where its files lie."""

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


class RegisteredModel(Entity, frozen=True):
    """A named line of model versions. `aliases` gives the version each alias points to."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None
    latest_versions: list[ModelVersion] = []
    tags: dict[str, str] = {}
    aliases: dict[str, str] = {}
