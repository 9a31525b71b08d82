"""Messages of `runs/*`: the run itself, its params and tags, batches, search."""

from __future__ import annotations

from math import isfinite
from typing import ClassVar

import msgspec

from mlkeep.core import entities, limits
from mlkeep.core.entities import RunStatus, ViewType
from mlkeep.core.found import FoundRun
from mlkeep.core.projection import WHOLE_RUN, RunFields
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.endpoint import AuditTag, Endpoint, Permission
from mlkeep.wire.message import Empty, Int64, KeyValue, KeyValueInput, Message, Request, RunRequest, mapping, spelled
from mlkeep.wire.metrics import LogMetric, MetricInput, MetricMessage


class RunInfo(Message, frozen=True, kw_only=True):
    """`entities.RunInfo` in an answer. `artifact_bytes` is ours."""

    run_uuid: str = ""
    experiment_id: str = ""
    run_name: str = ""
    user_id: str | None = None
    status: str = ""
    start_time: Int64 | None = None
    end_time: Int64 | None = None
    artifact_uri: str = ""
    lifecycle_stage: str = ""
    run_id: str = ""
    artifact_bytes: Int64 = 0

    @classmethod
    def of(cls, info: entities.RunInfo) -> RunInfo:
        return cls(
            run_uuid=info.run_id,
            experiment_id=info.experiment_id,
            run_name=info.run_name,
            user_id=info.user_id,
            status=info.status,
            start_time=info.start_time,
            end_time=info.end_time,
            artifact_uri=info.artifact_uri,
            lifecycle_stage=info.lifecycle_stage,
            run_id=info.run_id,
            artifact_bytes=info.artifact_bytes,
        )

    @classmethod
    def of_id(cls, run_id: str) -> RunInfo:
        """Only which run it is."""
        return cls(run_uuid=run_id, run_id=run_id)

    def entity(self) -> entities.RunInfo:
        return entities.RunInfo(
            run_id=self.run_id or self.run_uuid,
            experiment_id=self.experiment_id,
            run_name=self.run_name,
            user_id=self.user_id or "",
            status=self.status,
            start_time=self.start_time or 0,
            end_time=self.end_time,
            lifecycle_stage=self.lifecycle_stage,
            artifact_uri=self.artifact_uri,
            artifact_bytes=self.artifact_bytes,
        )


class RunDataMessage(Message, frozen=True, kw_only=True):
    metrics: list[MetricMessage] = []
    params: list[KeyValue] = []
    tags: list[KeyValue] = []


class DatasetMessage(Message, frozen=True, kw_only=True):
    """What identifies a dataset is written even when empty, as MLflow does."""

    name: str | None = None
    digest: str | None = None
    source_type: str | None = None
    source: str | None = None
    schema: str = ""
    profile: str = ""


class DatasetInputMessage(Message, frozen=True, kw_only=True):
    tags: list[KeyValue] = []
    dataset: DatasetMessage = DatasetMessage()

    @classmethod
    def of(cls, given: entities.DatasetInput) -> DatasetInputMessage:
        data = given.dataset
        return cls(
            tags=[KeyValue(key=tag.key, value=tag.value) for tag in given.tags],
            dataset=DatasetMessage(
                name=data.name,
                digest=data.digest,
                source_type=data.source_type,
                source=data.source,
                schema=data.schema or "",
                profile=data.profile or "",
            ),
        )

    def entity(self) -> entities.DatasetInput:
        data = self.dataset
        return entities.DatasetInput(
            entities.Dataset(
                data.name or "",
                data.digest or "",
                data.source_type or "",
                data.source or "",
                data.schema or None,
                data.profile or None,
            ),
            [entities.InputTag(tag.key, tag.value) for tag in self.tags],
        )


class ModelInputMessage(Message, frozen=True, kw_only=True):
    model_id: str


class ModelOutputMessage(Message, frozen=True, kw_only=True, omit_defaults=False):
    model_id: str
    step: Int64 = 0


class RunInputsMessage(Message, frozen=True, kw_only=True):
    dataset_inputs: list[DatasetInputMessage] = []
    model_inputs: list[ModelInputMessage] = []


class RunOutputsMessage(Message, frozen=True, kw_only=True):
    model_outputs: list[ModelOutputMessage] = []


class RunMessage(Message, frozen=True, kw_only=True, omit_defaults=False):
    """A run. Its parts are written even when empty, as MLflow does; `outputs` is left out of a new run.

    A search for some fields leaves out the parts of which it asked for nothing; the id is always in `info`.
    """

    info: RunInfo
    data: RunDataMessage | msgspec.UnsetType = msgspec.UNSET
    inputs: RunInputsMessage | msgspec.UnsetType = msgspec.UNSET
    outputs: RunOutputsMessage | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, run: FoundRun, *, fields: RunFields = WHOLE_RUN, is_new: bool = False) -> RunMessage:
        """What is not among `fields` is empty in `run`."""
        has_data = not (fields.metrics.is_empty and fields.params.is_empty and fields.tags.is_empty)
        return cls(
            info=RunInfo.of(run.info) if fields.info else RunInfo.of_id(run.info.run_id),
            data=_data(run) if has_data else msgspec.UNSET,
            inputs=_inputs(run.inputs) if fields.inputs else msgspec.UNSET,
            outputs=_outputs(run.outputs) if fields.outputs and not is_new else msgspec.UNSET,
        )

    def entity(self) -> entities.Run:
        data, inputs, outputs = self.data or RunDataMessage(), self.inputs or RunInputsMessage(), self.outputs or None
        return entities.Run(
            info=self.info.entity(),
            data=entities.RunData(
                metrics={point.key: float(point.value) for point in data.metrics},
                params=mapping(data.params),
                tags=mapping(data.tags),
            ),
            inputs=entities.RunInputs(
                [given.entity() for given in inputs.dataset_inputs],
                [entities.LoggedModelInput(model.model_id) for model in inputs.model_inputs],
            ),
            outputs=entities.RunOutputs(
                [entities.LoggedModelOutput(out.model_id, out.step) for out in outputs.model_outputs] if outputs else []
            ),
        )


def _data(run: FoundRun) -> RunDataMessage:
    return RunDataMessage(
        metrics=[
            MetricMessage(key=key, value=value if isfinite(value) else spelled(value), timestamp=timestamp, step=step)
            for key, value, timestamp, step in run.metrics
        ],
        params=[KeyValue(key=key, value=value) for key, value in run.params],
        tags=[KeyValue(key=key, value=value) for key, value in run.tags],
    )


def _inputs(inputs: entities.RunInputs) -> RunInputsMessage:
    return RunInputsMessage(
        dataset_inputs=[DatasetInputMessage.of(given) for given in inputs.dataset_inputs],
        model_inputs=[ModelInputMessage(model_id=model.model_id) for model in inputs.model_inputs],
    )


def _outputs(outputs: entities.RunOutputs) -> RunOutputsMessage:
    return RunOutputsMessage(
        model_outputs=[ModelOutputMessage(model_id=out.model_id, step=out.step) for out in outputs.model_outputs]
    )


class CreateRun(Request, frozen=True, kw_only=True):
    """`run_id` is ours: a client may choose the id, and creating the same run again changes nothing."""

    experiment_id: str = ""
    user_id: str = ""
    run_name: str = ""
    start_time: Int64 = 0
    tags: list[KeyValueInput] = []
    run_id: str = ""


class RunResponse(Message, frozen=True, kw_only=True):
    run: RunMessage


class GetRun(RunRequest, frozen=True, kw_only=True):
    pass


class UpdateRun(RunRequest, frozen=True, kw_only=True):
    status: RunStatus | None = None
    end_time: Int64 | None = None
    run_name: str = ""


class UpdateRunResponse(Message, frozen=True, kw_only=True):
    run_info: RunInfo


class DeleteRun(RunRequest, frozen=True, kw_only=True):
    pass


class RestoreRun(RunRequest, frozen=True, kw_only=True):
    pass


class LogParam(RunRequest, frozen=True, kw_only=True):
    key: str = ""
    value: str = ""
    required: ClassVar[tuple[str, ...]] = ("run_id", "key")


class SetTag(RunRequest, frozen=True, kw_only=True):
    key: str = ""
    value: str = ""
    required: ClassVar[tuple[str, ...]] = ("run_id", "key")


class DeleteTag(RunRequest, frozen=True, kw_only=True):
    key: str = ""
    required: ClassVar[tuple[str, ...]] = ("run_id", "key")


class LogBatch(RunRequest, frozen=True, kw_only=True):
    metrics: list[MetricInput] = []
    params: list[KeyValueInput] = []
    tags: list[KeyValueInput] = []


class DatasetFields(Request, frozen=True, kw_only=True):
    name: str = ""
    digest: str = ""
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    required: ClassVar[tuple[str, ...]] = ("name",)


class DatasetUse(Request, frozen=True, kw_only=True):
    tags: list[KeyValueInput] = []
    dataset: DatasetFields | None = None
    required: ClassVar[tuple[str, ...]] = ("dataset",)


class ModelUse(Request, frozen=True, kw_only=True):
    model_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("model_id",)


class LogInputs(RunRequest, frozen=True, kw_only=True):
    datasets: list[DatasetUse] = []
    models: list[ModelUse] = []


class ModelMade(Request, frozen=True, kw_only=True):
    model_id: str = ""
    step: Int64 = 0
    required: ClassVar[tuple[str, ...]] = ("model_id",)


class LogOutputs(RunRequest, frozen=True, kw_only=True):
    """The list may be empty, but it must be there."""

    models: list[ModelMade] | None = None
    required: ClassVar[tuple[str, ...]] = ("run_id", "models")


class LogModelRecord(RunRequest, frozen=True, kw_only=True):
    """What clients before 3.0 send after logging a model: its MLmodel as JSON text."""

    model_json: str = ""
    required: ClassVar[tuple[str, ...]] = ("run_id", "model_json")


class SearchRuns(Request, frozen=True, kw_only=True):
    """The last three are ours; without them the answer is MLflow's.

    `fields` names the parts of the runs to tell, such as info, params or metrics.loss; all if empty. `count` asks for the
    number of all runs that match, and allows a `max_results` of 0. `all_experiments` stands for the ids of all active
    experiments.
    """

    experiment_ids: list[str] = []
    filter: str = ""
    run_view_type: ViewType = ViewType.ACTIVE_ONLY
    max_results: Int64 = limits.DEFAULT_RUNS_PER_PAGE
    order_by: list[str] = []
    page_token: str = ""
    fields: list[str] = []
    count: bool = False
    all_experiments: bool = False


class SearchRunsResponse(Message, frozen=True, kw_only=True):
    """`total_count` is told to those who ask for it."""

    runs: list[RunMessage] = []
    next_page_token: str = ""
    total_count: Int64 | None = None


_write = Permission.RUN_WRITE

ENDPOINTS = (
    Endpoint(("POST",), "runs/create", CreateRun, RunResponse, _write, AuditTag.RUN_CREATED),
    Endpoint(("GET",), "runs/get", GetRun, RunResponse, Permission.RUN_READ, None),
    Endpoint(("POST",), "runs/update", UpdateRun, UpdateRunResponse, _write, None),
    Endpoint(("POST",), "runs/delete", DeleteRun, Empty, Permission.RUN_DELETE, AuditTag.RUN_DELETED),
    Endpoint(("POST",), "runs/restore", RestoreRun, Empty, Permission.RUN_DELETE, AuditTag.RUN_RESTORED),
    Endpoint(("POST",), "runs/log-metric", LogMetric, Empty, _write, None),
    Endpoint(("POST",), "runs/log-parameter", LogParam, Empty, _write, None),
    Endpoint(("POST",), "runs/set-tag", SetTag, Empty, _write, None),
    Endpoint(("POST",), "runs/delete-tag", DeleteTag, Empty, _write, None),
    Endpoint(("POST",), "runs/log-batch", LogBatch, Empty, _write, None, columns=LogColumns),
    Endpoint(("POST",), "runs/log-inputs", LogInputs, Empty, _write, None),
    Endpoint(("POST",), "runs/outputs", LogOutputs, Empty, _write, None),
    Endpoint(("POST",), "runs/log-model", LogModelRecord, Empty, _write, None),
    Endpoint(("POST",), "runs/search", SearchRuns, SearchRunsResponse, Permission.RUN_SEARCH, None),
)
