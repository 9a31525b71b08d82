"""Use-cases of runs: the run itself, its params, tags, inputs and outputs."""

from __future__ import annotations

import json

from mlkeep.core import limits
from mlkeep.core.entities import Dataset, DatasetInput, InputTag, LifecycleStage, LoggedModelOutput, RunStatus
from mlkeep.core.errors import AlreadyExists, BadRequest, InvalidInput, NotFound
from mlkeep.core.filters import RUNS
from mlkeep.core.ids import check_run_id, new_run_id
from mlkeep.core.names import check_length, made_up_name
from mlkeep.core.projection import run_fields
from mlkeep.services import heartbeats
from mlkeep.services.call import Call
from mlkeep.services.locations import below
from mlkeep.services.paging import search_for
from mlkeep.storage.contract import NewRun
from mlkeep.wire import runs as wire
from mlkeep.wire.endpoint import AuditTag
from mlkeep.wire.message import Empty, KeyValueInput

RUN_NAME_TAG = "mlflow.runName"
MODEL_HISTORY_TAG = "mlflow.log-model.history"


def create(call: Call, request: wire.CreateRun) -> wire.RunResponse:
    if not request.experiment_id:
        raise BadRequest("Missing value for required parameter 'experiment_id': a run belongs to an experiment.")
    run_id = check_run_id(request.run_id) if request.run_id else new_run_id()
    tags = {tag.key: tag.value for tag in request.tags}
    if len(tags) < len(request.tags):
        raise BadRequest(f"Duplicate tag keys in 'tags': {_repeated(request.tags)}. Send each key once.")
    name = _run_name(request.run_name, tags)
    experiment = call.tx.experiments.get_active(request.experiment_id)
    try:
        key = call.tx.runs.add(
            NewRun(
                run_id=run_id,
                experiment_id=request.experiment_id,
                name=name,
                user_id=request.user_id,
                start_time=request.start_time,
                artifact_uri=below(experiment.artifact_location, run_id, "artifacts"),
            )
        )
    except AlreadyExists:
        return _created_before(call, run_id, request.experiment_id)
    call.tx.tags.put(key, {**tags, RUN_NAME_TAG: name})
    call.record(AuditTag.RUN_CREATED, f"run/{run_id}", after={"experiment_id": request.experiment_id, "run_name": name})
    return _response(call, run_id, is_new=True)


def get(call: Call, request: wire.GetRun) -> wire.RunResponse:
    return _response(call, request.run_id)


def update(call: Call, request: wire.UpdateRun) -> wire.UpdateRunResponse:
    key = call.tx.runs.active_key(request.run_id)
    status = RunStatus(request.status) if request.status is not None else None
    call.tx.runs.update(
        key,
        status=status.name if status is not None else None,
        end_time=request.end_time,
        name=request.run_name or None,
    )
    if request.run_name:
        call.tx.tags.put(key, {RUN_NAME_TAG: request.run_name})
    if status is not None:
        heartbeats.forget(call, key, request.run_id)
        if RunStatus.is_terminated(status):
            call.tx.metrics.seal(key)
    return wire.UpdateRunResponse(run_info=wire.RunInfo.of(call.tx.runs.get_info(request.run_id)))


def delete(call: Call, request: wire.DeleteRun) -> Empty:
    call.tx.runs.set_lifecycle(request.run_id, LifecycleStage.DELETED, call.now_ms)
    call.record(AuditTag.RUN_DELETED, f"run/{request.run_id}")
    return Empty()


def restore(call: Call, request: wire.RestoreRun) -> Empty:
    call.tx.runs.set_lifecycle(request.run_id, LifecycleStage.ACTIVE, call.now_ms)
    call.record(AuditTag.RUN_RESTORED, f"run/{request.run_id}")
    return Empty()


def delete_tag(call: Call, request: wire.DeleteTag) -> Empty:
    key = call.tx.runs.active_key(request.run_id)
    if not call.tx.tags.delete(key, request.key):
        raise NotFound(f"No tag with name: {request.key} in run with id {request.run_id}")
    return Empty()


def log_inputs(call: Call, request: wire.LogInputs) -> Empty:
    uses = [_dataset_input(use) for use in request.datasets]
    key = call.tx.runs.active_key(request.run_id)
    call.tx.inputs.add(key, uses, [model.model_id for model in request.models])
    return Empty()


def log_outputs(call: Call, request: wire.LogOutputs) -> Empty:
    key = call.tx.runs.active_key(request.run_id)
    call.tx.runs.add_outputs(key, [LoggedModelOutput(made.model_id, made.step) for made in request.models or []])
    return Empty()


def log_model_record(call: Call, request: wire.LogModelRecord) -> Empty:
    record = _model_record(request.model_json)
    key = call.tx.runs.active_key(request.run_id)
    history = json.loads(call.tx.tags.find(key, MODEL_HISTORY_TAG) or "[]")
    call.tx.tags.put(key, {MODEL_HISTORY_TAG: json.dumps([*history, record])})
    return Empty()


def search(call: Call, request: wire.SearchRuns) -> wire.SearchRunsResponse:
    wanted = search_for(
        RUNS,
        request.filter,
        request.order_by,
        request.max_results,
        limits.MAX_RUNS_PER_PAGE,
        request.page_token,
        count=request.count,
    )
    fields = run_fields(request.fields)
    if request.all_experiments and request.experiment_ids:
        raise InvalidInput(
            "Both 'experiment_ids' and 'all_experiments' were given: name the experiments, or search all of them."
        )
    experiments = None if request.all_experiments else request.experiment_ids
    page = call.tx.runs.search(wanted, experiments, request.run_view_type, fields)
    return wire.SearchRunsResponse(
        runs=[wire.RunMessage.of(found, fields=fields) for found in page.items],
        next_page_token=page.token or "",
        total_count=page.total,
    )


def _response(call: Call, run_id: str, *, is_new: bool = False) -> wire.RunResponse:
    found = call.tx.runs.get(run_id)
    return wire.RunResponse(run=wire.RunMessage.of(found, is_new=is_new))


def _created_before(call: Call, run_id: str, experiment_id: str) -> wire.RunResponse:
    """The answer to a repeated creation: the run as it is, if it is where it was asked for."""
    info = call.tx.runs.get_info(run_id)
    if info.experiment_id != experiment_id:
        raise AlreadyExists(f"Run '{run_id}' already exists, in experiment {info.experiment_id}.")
    return _response(call, run_id)


def _run_name(asked: str, tags: dict[str, str]) -> str:
    tagged = tags.get(RUN_NAME_TAG, "")
    if asked and tagged and asked != tagged:
        raise InvalidInput(
            f"Both 'run_name' ('{asked}') and the tag '{RUN_NAME_TAG}' ('{tagged}') name the run, and differ: give one."
        )
    return asked or tagged or made_up_name()


def _repeated(tags: list[KeyValueInput]) -> str:
    keys = [tag.key for tag in tags]
    return ", ".join(sorted({f"'{key}'" for key in keys if keys.count(key) > 1}))


def _dataset_input(use: wire.DatasetUse) -> DatasetInput:
    given = use.dataset or wire.DatasetFields()
    dataset = Dataset(
        name=check_length(given.name, "dataset.name", limits.MAX_DATASET_NAME_LENGTH),
        digest=check_length(given.digest, "dataset.digest", limits.MAX_DATASET_DIGEST_LENGTH),
        source_type=given.source_type,
        source=check_length(given.source, "dataset.source", limits.MAX_DATASET_SOURCE_LENGTH),
        schema=check_length(given.schema, "dataset.schema", limits.MAX_DATASET_SCHEMA_LENGTH) or None,
        profile=check_length(given.profile, "dataset.profile", limits.MAX_DATASET_PROFILE_LENGTH) or None,
    )
    tags = [
        InputTag(
            check_length(tag.key, "tags.key", limits.MAX_INPUT_TAG_KEY_LENGTH),
            check_length(tag.value, "tags.value", limits.MAX_INPUT_TAG_VALUE_LENGTH),
        )
        for tag in use.tags
    ]
    return DatasetInput(dataset, tags)


def _model_record(text: str) -> dict[str, object]:
    try:
        record = json.loads(text)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise InvalidInput("Invalid value for parameter 'model_json' supplied: it must be the JSON of an MLmodel file.")
    needed = ("artifact_path", "flavors", "utc_time_created", "run_id")
    if missing := [name for name in needed if name not in record]:
        raise InvalidInput(f"Invalid value for parameter 'model_json' supplied: it lacks {', '.join(missing)}.")
    return record


READS = {wire.GetRun: get, wire.SearchRuns: search}
WRITES = {
    wire.CreateRun: create,
    wire.UpdateRun: update,
    wire.DeleteRun: delete,
    wire.RestoreRun: restore,
    wire.DeleteTag: delete_tag,
    wire.LogInputs: log_inputs,
    wire.LogOutputs: log_outputs,
    wire.LogModelRecord: log_model_record,
}
