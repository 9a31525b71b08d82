"""Use-cases of experiments."""

from __future__ import annotations

from mlkeep.core import limits
from mlkeep.core.entities import LifecycleStage
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.filters import EXPERIMENTS
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID
from mlkeep.core.names import check_key, check_length
from mlkeep.services.call import Call
from mlkeep.services.locations import below, checked_location
from mlkeep.services.paging import search_for
from mlkeep.wire import experiments as wire
from mlkeep.wire.endpoint import AuditTag
from mlkeep.wire.message import Empty


def create(call: Call, request: wire.CreateExperiment) -> wire.CreateExperimentResponse:
    check_length(request.name, "name", limits.MAX_EXPERIMENT_NAME_LENGTH)
    tags = {check_key(tag.key, "tags.key"): _tag_value(tag.value) for tag in request.tags}
    location = request.artifact_location and checked_location(request.artifact_location, call.settings.rules)
    experiment_id = call.tx.experiments.add(request.name, location, tags, call.now_ms)
    if not location:
        location = below(call.settings.artifact_root, experiment_id)
        call.tx.experiments.set_artifact_location(experiment_id, location)
    call.record(
        AuditTag.EXPERIMENT_CREATED,
        f"experiment/{experiment_id}",
        after={"name": request.name, "artifact_location": location, "tags": tags},
    )
    return wire.CreateExperimentResponse(experiment_id=experiment_id)


def add_default(call: Call) -> None:
    """Make experiment "0", which clients that never choose one log to."""
    call.tx.experiments.add_default(below(call.settings.artifact_root, DEFAULT_EXPERIMENT_ID), call.now_ms)


def get(call: Call, request: wire.GetExperiment) -> wire.ExperimentResponse:
    experiment = call.tx.experiments.get(request.experiment_id)
    return wire.ExperimentResponse(experiment=wire.Experiment.of(experiment))


def get_by_name(call: Call, request: wire.GetExperimentByName) -> wire.ExperimentResponse:
    experiment = call.tx.experiments.find_by_name(request.experiment_name)
    if experiment is None:
        raise NotFound(f"Could not find experiment with name '{request.experiment_name}'.")
    return wire.ExperimentResponse(experiment=wire.Experiment.of(experiment))


def count(call: Call, request: wire.CountExperiment) -> wire.CountExperimentResponse:
    return wire.CountExperimentResponse.of(call.tx.experiments.counts(request.experiment_id))


def update(call: Call, request: wire.UpdateExperiment) -> Empty:
    check_length(request.new_name, "new_name", limits.MAX_EXPERIMENT_NAME_LENGTH)
    experiment = call.tx.experiments.get_active(request.experiment_id)
    call.tx.experiments.rename(request.experiment_id, request.new_name, call.now_ms)
    call.record(
        AuditTag.EXPERIMENT_UPDATED,
        f"experiment/{request.experiment_id}",
        before={"name": experiment.name},
        after={"name": request.new_name},
    )
    return Empty()


def delete(call: Call, request: wire.DeleteExperiment) -> Empty:
    _move(call, request.experiment_id, LifecycleStage.ACTIVE, LifecycleStage.DELETED)
    call.record(AuditTag.EXPERIMENT_DELETED, f"experiment/{request.experiment_id}")
    return Empty()


def restore(call: Call, request: wire.RestoreExperiment) -> Empty:
    _move(call, request.experiment_id, LifecycleStage.DELETED, LifecycleStage.ACTIVE)
    call.record(AuditTag.EXPERIMENT_RESTORED, f"experiment/{request.experiment_id}")
    return Empty()


def set_tag(call: Call, request: wire.SetExperimentTag) -> Empty:
    check_key(request.key, "key")
    experiment = call.tx.experiments.get_active(request.experiment_id)
    call.tx.experiments.put_tag(request.experiment_id, request.key, _tag_value(request.value))
    before = experiment.tags.get(request.key)
    call.record(
        AuditTag.EXPERIMENT_TAG_SET,
        f"experiment/{request.experiment_id}",
        before=None if before is None else {request.key: before},
        after={request.key: request.value},
    )
    return Empty()


def delete_tag(call: Call, request: wire.DeleteExperimentTag) -> Empty:
    experiment = call.tx.experiments.get_active(request.experiment_id)
    if not call.tx.experiments.delete_tag(request.experiment_id, request.key):
        raise NotFound(f"No tag with name '{request.key}' in experiment with id {request.experiment_id}.")
    call.record(
        AuditTag.EXPERIMENT_TAG_DELETED,
        f"experiment/{request.experiment_id}",
        before={request.key: experiment.tags[request.key]},
    )
    return Empty()


def search(call: Call, request: wire.SearchExperiments) -> wire.SearchExperimentsResponse:
    wanted = search_for(
        EXPERIMENTS,
        request.filter,
        request.order_by,
        request.max_results,
        limits.MAX_EXPERIMENTS_PER_PAGE,
        request.page_token,
        count=request.count,
    )
    page = call.tx.experiments.search(wanted, request.view_type)
    return wire.SearchExperimentsResponse(
        experiments=[wire.Experiment.of(experiment) for experiment in page.items],
        next_page_token=page.token or "",
        total_count=page.total,
    )


def search_datasets(call: Call, request: wire.SearchDatasets) -> wire.SearchDatasetsResponse:
    if not request.experiment_ids:
        raise InvalidInput("Missing value for required parameter 'experiment_ids': name at least one experiment.")
    if len(request.experiment_ids) > limits.MAX_EXPERIMENTS_OF_DATASETS:
        raise InvalidInput(
            f"A search for datasets can name at most {limits.MAX_EXPERIMENTS_OF_DATASETS} experiments in "
            f"'experiment_ids'. Got {len(request.experiment_ids)}."
        )
    found = call.tx.inputs.summaries(request.experiment_ids, limits.MAX_DATASET_SUMMARIES)
    return wire.SearchDatasetsResponse(dataset_summaries=[wire.DatasetSummaryMessage.of(one) for one in found])


def _tag_value(value: str) -> str:
    return check_length(value, "value", limits.MAX_EXPERIMENT_TAG_VALUE_LENGTH)


def _move(call: Call, experiment_id: str, origin: str, to: str) -> None:
    experiment = call.tx.experiments.get(experiment_id)
    if experiment.lifecycle_stage != origin:
        raise NotFound(f"No {origin} experiment has the id '{experiment_id}': it is {experiment.lifecycle_stage}.")
    call.tx.experiments.set_lifecycle(experiment_id, to, call.now_ms)


READS = {
    wire.GetExperiment: get,
    wire.GetExperimentByName: get_by_name,
    wire.CountExperiment: count,
    wire.SearchExperiments: search,
    wire.SearchDatasets: search_datasets,
}
WRITES = {
    wire.CreateExperiment: create,
    wire.UpdateExperiment: update,
    wire.DeleteExperiment: delete,
    wire.RestoreExperiment: restore,
    wire.SetExperimentTag: set_tag,
    wire.DeleteExperimentTag: delete_tag,
}
