"""Messages of `experiments/*`."""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core import entities
from mlkeep.core.entities import ViewType
from mlkeep.wire.endpoint import AJAX_ONLY, OWN, AuditTag, Endpoint, Permission
from mlkeep.wire.message import Empty, Int64, KeyValue, KeyValueInput, Message, Request, key_values, mapping


class Experiment(Message, frozen=True, kw_only=True):
    """An experiment in an answer. `artifact_bytes` is ours."""

    experiment_id: str
    name: str
    artifact_location: str = ""
    lifecycle_stage: str = ""
    last_update_time: Int64 | None = None
    creation_time: Int64 | None = None
    tags: list[KeyValue] = []
    workspace: str = ""
    artifact_bytes: Int64 = 0

    @classmethod
    def of(cls, experiment: entities.Experiment) -> Experiment:
        return cls(
            experiment_id=experiment.experiment_id,
            name=experiment.name,
            artifact_location=experiment.artifact_location,
            lifecycle_stage=experiment.lifecycle_stage,
            last_update_time=experiment.last_update_time,
            creation_time=experiment.creation_time,
            tags=key_values(experiment.tags),
            workspace=experiment.workspace,
            artifact_bytes=experiment.artifact_bytes,
        )

    def entity(self) -> entities.Experiment:
        return entities.Experiment(
            experiment_id=self.experiment_id,
            name=self.name,
            artifact_location=self.artifact_location,
            lifecycle_stage=self.lifecycle_stage,
            tags=mapping(self.tags),
            creation_time=self.creation_time,
            last_update_time=self.last_update_time,
            workspace=self.workspace or "default",
            artifact_bytes=self.artifact_bytes,
        )


class CreateExperiment(Request, frozen=True, kw_only=True):
    name: str = ""
    artifact_location: str = ""
    tags: list[KeyValueInput] = []
    required: ClassVar[tuple[str, ...]] = ("name",)


class CreateExperimentResponse(Message, frozen=True, kw_only=True):
    experiment_id: str


class GetExperiment(Request, frozen=True, kw_only=True):
    experiment_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_id",)


class GetExperimentByName(Request, frozen=True, kw_only=True):
    experiment_name: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_name",)


class ExperimentResponse(Message, frozen=True, kw_only=True):
    experiment: Experiment


class CountExperiment(Request, frozen=True, kw_only=True):
    """This is ours."""

    experiment_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_id",)


class RunsCounted(Message, frozen=True, kw_only=True, omit_defaults=False):
    """The number of runs of a status."""

    status: str
    count: Int64


class CountExperimentResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    """`entities.ExperimentCounts`: a status that no run has is left out."""

    active_runs: list[RunsCounted] = []
    deleted_runs: list[RunsCounted] = []
    metric_keys: Int64 = 0
    param_keys: Int64 = 0
    tag_keys: Int64 = 0
    artifact_bytes: Int64 = 0

    @classmethod
    def of(cls, counts: entities.ExperimentCounts) -> CountExperimentResponse:
        active, deleted = (
            [RunsCounted(status=status, count=count) for status, count in runs.items()]
            for runs in (counts.active_runs, counts.deleted_runs)
        )
        return cls(
            active_runs=active,
            deleted_runs=deleted,
            metric_keys=counts.metric_keys,
            param_keys=counts.param_keys,
            tag_keys=counts.tag_keys,
            artifact_bytes=counts.artifact_bytes,
        )

    def entity(self) -> entities.ExperimentCounts:
        return entities.ExperimentCounts(
            active_runs={each.status: each.count for each in self.active_runs},
            deleted_runs={each.status: each.count for each in self.deleted_runs},
            metric_keys=self.metric_keys,
            param_keys=self.param_keys,
            tag_keys=self.tag_keys,
            artifact_bytes=self.artifact_bytes,
        )


class UpdateExperiment(Request, frozen=True, kw_only=True):
    experiment_id: str = ""
    new_name: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_id", "new_name")


class DeleteExperiment(Request, frozen=True, kw_only=True):
    experiment_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_id",)


class RestoreExperiment(Request, frozen=True, kw_only=True):
    experiment_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_id",)


class SetExperimentTag(Request, frozen=True, kw_only=True):
    experiment_id: str = ""
    key: str = ""
    value: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_id", "key")


class DeleteExperimentTag(Request, frozen=True, kw_only=True):
    experiment_id: str = ""
    key: str = ""
    required: ClassVar[tuple[str, ...]] = ("experiment_id", "key")


class SearchExperiments(Request, frozen=True, kw_only=True):
    """`max_results` has no default: without it the request is refused, as MLflow does."""

    max_results: Int64 = 0
    page_token: str = ""
    filter: str = ""
    order_by: list[str] = []
    view_type: ViewType = ViewType.ACTIVE_ONLY
    count: bool = False


class SearchExperimentsResponse(Message, frozen=True, kw_only=True):
    experiments: list[Experiment] = []
    next_page_token: str = ""
    total_count: Int64 | None = None


class SearchDatasets(Request, frozen=True, kw_only=True):
    experiment_ids: list[str] = []


class DatasetSummaryMessage(Message, frozen=True, kw_only=True):
    """A dataset that runs of an experiment used, and what for."""

    experiment_id: str
    name: str
    digest: str = ""
    context: str = ""

    @classmethod
    def of(cls, summary: entities.DatasetSummary) -> DatasetSummaryMessage:
        return cls(
            experiment_id=summary.experiment_id,
            name=summary.name,
            digest=summary.digest,
            context=summary.context or "",
        )


class SearchDatasetsResponse(Message, frozen=True, kw_only=True):
    dataset_summaries: list[DatasetSummaryMessage] = []


ENDPOINTS = (
    Endpoint(
        ("POST",),
        "experiments/create",
        CreateExperiment,
        CreateExperimentResponse,
        Permission.EXPERIMENT_CREATE,
        AuditTag.EXPERIMENT_CREATED,
    ),
    Endpoint(("GET",), "experiments/get", GetExperiment, ExperimentResponse, Permission.EXPERIMENT_READ, None),
    Endpoint(
        ("GET",),
        "experiments/{experiment_id}/counts",
        CountExperiment,
        CountExperimentResponse,
        Permission.EXPERIMENT_READ,
        None,
        version=OWN,
    ),
    Endpoint(
        ("GET",), "experiments/get-by-name", GetExperimentByName, ExperimentResponse, Permission.EXPERIMENT_READ, None
    ),
    Endpoint(
        ("POST",),
        "experiments/update",
        UpdateExperiment,
        Empty,
        Permission.EXPERIMENT_WRITE,
        AuditTag.EXPERIMENT_UPDATED,
    ),
    Endpoint(
        ("POST",),
        "experiments/delete",
        DeleteExperiment,
        Empty,
        Permission.EXPERIMENT_DELETE,
        AuditTag.EXPERIMENT_DELETED,
    ),
    Endpoint(
        ("POST",),
        "experiments/restore",
        RestoreExperiment,
        Empty,
        Permission.EXPERIMENT_DELETE,
        AuditTag.EXPERIMENT_RESTORED,
    ),
    Endpoint(
        ("POST",),
        "experiments/set-experiment-tag",
        SetExperimentTag,
        Empty,
        Permission.EXPERIMENT_WRITE,
        AuditTag.EXPERIMENT_TAG_SET,
    ),
    Endpoint(
        ("POST",),
        "experiments/delete-experiment-tag",
        DeleteExperimentTag,
        Empty,
        Permission.EXPERIMENT_WRITE,
        AuditTag.EXPERIMENT_TAG_DELETED,
    ),
    Endpoint(
        ("POST", "GET"),
        "experiments/search",
        SearchExperiments,
        SearchExperimentsResponse,
        Permission.EXPERIMENT_SEARCH,
        None,
    ),
    Endpoint(
        ("POST",),
        "experiments/search-datasets",
        SearchDatasets,
        SearchDatasetsResponse,
        Permission.EXPERIMENT_SEARCH,
        None,
        roots=AJAX_ONLY,
    ),
)
