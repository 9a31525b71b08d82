"""Use-cases of evaluation datasets."""

from __future__ import annotations

import msgspec

from mlkeep.core import limits
from mlkeep.core.evaluation import (
    EvaluationDataset,
    EvaluationRecord,
    RecordContent,
    digest_after,
    merged,
    profile_of,
    schema_after,
)
from mlkeep.core.filters import EVALUATION_DATASETS
from mlkeep.core.ids import new_evaluation_dataset_id, new_evaluation_record_id
from mlkeep.core.names import check_key, check_length
from mlkeep.services.call import Call
from mlkeep.services.paging import checked_limit, search_for
from mlkeep.wire import evaluation_datasets as wire
from mlkeep.wire.endpoint import AuditTag
from mlkeep.wire.message import Empty


def create(call: Call, request: wire.CreateDataset) -> wire.DatasetResponse:
    check_length(request.name, "name", limits.MAX_DATASET_NAME_LENGTH)
    tags = _checked_tags(request.tags)
    experiment_ids = _known_experiments(call, request.experiment_ids)
    user = tags.get(wire.USER_TAG) or request.created_by or None
    dataset_id = new_evaluation_dataset_id()
    dataset = EvaluationDataset(
        dataset_id=dataset_id,
        name=request.name,
        digest=digest_after("", dataset_id, request.name),
        created_time=call.now_ms,
        last_update_time=call.now_ms,
        tags=tags,
        created_by=user,
        last_updated_by=user,
        experiment_ids=experiment_ids,
    )
    call.tx.evaluation_datasets.add(dataset)
    call.record(
        AuditTag.DATASET_CREATED,
        _entity(dataset_id),
        after={"name": request.name, "experiment_ids": experiment_ids, "tags": tags},
    )
    return _response(call, dataset_id, with_experiments=True)


def get(call: Call, request: wire.GetDataset) -> wire.DatasetResponse:
    return _response(call, request.dataset_id)


def delete(call: Call, request: wire.DeleteDataset) -> Empty:
    """Remove a dataset with its records. One that is not there is no fault: the caller may have asked before."""
    if call.tx.evaluation_datasets.delete(request.dataset_id):
        call.record(AuditTag.DATASET_DELETED, _entity(request.dataset_id))
    return Empty()


def search(call: Call, request: wire.SearchEvaluationDatasets) -> wire.SearchEvaluationDatasetsResponse:
    wanted = search_for(
        EVALUATION_DATASETS,
        request.filter_string,
        request.order_by,
        request.max_results,
        limits.MAX_DATASETS_PER_PAGE,
        request.page_token,
    )
    page = call.tx.evaluation_datasets.search(wanted, request.experiment_ids)
    return wire.SearchEvaluationDatasetsResponse(
        datasets=[wire.DatasetMessage.of(dataset) for dataset in page.items], next_page_token=page.token or ""
    )


def set_tags(call: Call, request: wire.SetDatasetTags) -> Empty:
    tags = _checked_tags(request.tags)
    before = call.tx.evaluation_datasets.get(request.dataset_id).tags
    call.tx.evaluation_datasets.put_tags(request.dataset_id, tags)
    call.record(
        AuditTag.DATASET_TAG_SET,
        _entity(request.dataset_id),
        before={key: before[key] for key in tags if key in before},
        after=tags,
    )
    return Empty()


def delete_tag(call: Call, request: wire.DeleteDatasetTag) -> Empty:
    before = call.tx.evaluation_datasets.get(request.dataset_id).tags.get(request.key)
    call.tx.evaluation_datasets.delete_tag(request.dataset_id, request.key)
    if before is not None:
        call.record(AuditTag.DATASET_TAG_DELETED, _entity(request.dataset_id), before={request.key: before})
    return Empty()


def put_records(call: Call, request: wire.PutDatasetRecords) -> wire.PutDatasetRecordsResponse:
    """Add records, and change those whose inputs are there already. Of equal inputs in one request the later wins."""
    given = wire.contents_of(request.records)
    known = call.tx.evaluation_datasets.find_records(
        request.dataset_id, sorted({content.input_hash for content in given})
    )
    changed: dict[str, EvaluationRecord] = {}
    inserted = 0
    for content in given:
        user = content.user or request.updated_by or None
        before = changed.get(content.input_hash) or known.get(content.input_hash)
        inserted += before is None
        changed[content.input_hash] = _record(call, request.dataset_id, before, content, user)
    if changed:
        call.tx.evaluation_datasets.put_records(request.dataset_id, list(changed.values()))
        _describe(call, request.dataset_id, [record.content for record in changed.values()], request.updated_by)
    counts = {"inserted_count": inserted, "updated_count": len(given) - inserted}
    call.record(AuditTag.DATASET_RECORDS_PUT, _entity(request.dataset_id), after=counts)
    return wire.PutDatasetRecordsResponse(**counts)


def get_records(call: Call, request: wire.GetDatasetRecords) -> wire.DatasetRecordsResponse:
    limit = checked_limit(request.max_results or limits.DEFAULT_RECORDS_PER_PAGE, limits.MAX_RECORDS_PER_PAGE)
    page = call.tx.evaluation_datasets.records(request.dataset_id, limit, request.page_token or None)
    return wire.DatasetRecordsResponse(records=wire.records_text(page.items), next_page_token=page.token or "")


def delete_records(call: Call, request: wire.DeleteDatasetRecords) -> wire.DeleteDatasetRecordsResponse:
    count = call.tx.evaluation_datasets.delete_records(request.dataset_id, request.dataset_record_ids)
    if count:
        _describe(call, request.dataset_id, [], "", *sorted(request.dataset_record_ids))
        call.record(AuditTag.DATASET_RECORDS_DELETED, _entity(request.dataset_id), before={"deleted_count": count})
    return wire.DeleteDatasetRecordsResponse(deleted_count=count)


def get_experiments(call: Call, request: wire.GetDatasetExperiments) -> wire.DatasetExperimentsResponse:
    return wire.DatasetExperimentsResponse(
        experiment_ids=call.tx.evaluation_datasets.get(request.dataset_id).experiment_ids
    )


def add_experiments(call: Call, request: wire.AddDatasetExperiments) -> wire.DatasetResponse:
    experiment_ids = _known_experiments(call, request.experiment_ids)
    call.tx.evaluation_datasets.link(request.dataset_id, experiment_ids, call.now_ms)
    call.record(
        AuditTag.DATASET_EXPERIMENTS_ADDED, _entity(request.dataset_id), after={"experiment_ids": experiment_ids}
    )
    return _response(call, request.dataset_id)


def remove_experiments(call: Call, request: wire.RemoveDatasetExperiments) -> wire.DatasetResponse:
    call.tx.evaluation_datasets.unlink(request.dataset_id, request.experiment_ids, call.now_ms)
    call.record(
        AuditTag.DATASET_EXPERIMENTS_REMOVED,
        _entity(request.dataset_id),
        before={"experiment_ids": request.experiment_ids},
    )
    return _response(call, request.dataset_id)


def _record(
    call: Call, dataset_id: str, before: EvaluationRecord | None, content: RecordContent, user: str | None
) -> EvaluationRecord:
    """A record as it is after `content` was said of it."""
    if before is None:
        return EvaluationRecord(
            dataset_record_id=new_evaluation_record_id(),
            dataset_id=dataset_id,
            content=content,
            created_time=call.now_ms,
            last_update_time=call.now_ms,
            created_by=user,
            last_updated_by=user,
        )
    return msgspec.structs.replace(
        before,
        content=merged(before.content, content),
        last_update_time=call.now_ms,
        last_updated_by=user or before.last_updated_by,
    )


def _describe(call: Call, dataset_id: str, contents: list[RecordContent], user: str, *gone: str) -> None:
    """Bring digest, schema and profile up to date after records came, changed or went."""
    dataset = call.tx.evaluation_datasets.get(dataset_id)
    changes = [
        f"{content.inputs}{content.outputs}{content.expectations}{content.tags}{content.source}" for content in contents
    ]
    call.tx.evaluation_datasets.describe(
        dataset_id,
        digest=digest_after(dataset.digest, *changes, *gone),
        schema=schema_after(dataset.schema, contents),
        profile=profile_of(call.tx.evaluation_datasets.count_records(dataset_id)),
        user=user or None,
        now_ms=call.now_ms,
    )


def _checked_tags(text: str) -> dict[str, str]:
    return {
        check_key(key, "tags"): check_length(value, f"tags[{key}]", limits.MAX_MODEL_TAG_VALUE_LENGTH)
        for key, value in wire.tags_of(text).items()
    }


def _known_experiments(call: Call, experiment_ids: list[str]) -> list[str]:
    """The experiments, each once. Raises NotFound: one is not there."""
    return [call.tx.experiments.get(experiment_id).experiment_id for experiment_id in dict.fromkeys(experiment_ids)]


def _entity(dataset_id: str) -> str:
    return f"dataset/{dataset_id}"


def _response(call: Call, dataset_id: str, *, with_experiments: bool = False) -> wire.DatasetResponse:
    dataset = call.tx.evaluation_datasets.get(dataset_id)
    return wire.DatasetResponse(dataset=wire.DatasetMessage.of(dataset, with_experiments=with_experiments))


READS = {
    wire.GetDataset: get,
    wire.SearchEvaluationDatasets: search,
    wire.GetDatasetRecords: get_records,
    wire.GetDatasetExperiments: get_experiments,
}
WRITES = {
    wire.CreateDataset: create,
    wire.DeleteDataset: delete,
    wire.SetDatasetTags: set_tags,
    wire.DeleteDatasetTag: delete_tag,
    wire.PutDatasetRecords: put_records,
    wire.DeleteDatasetRecords: delete_records,
    wire.AddDatasetExperiments: add_experiments,
    wire.RemoveDatasetExperiments: remove_experiments,
}
