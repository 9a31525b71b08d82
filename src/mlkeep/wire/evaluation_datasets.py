"""Messages of `datasets/*`, the evaluation datasets of version 3.0. Tags and records travel as JSON inside a string."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from mlkeep.core import evaluation, limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.evaluation import RecordContent, canonical
from mlkeep.core.names import invalid
from mlkeep.wire.endpoint import AuditTag, Endpoint, Permission
from mlkeep.wire.message import Empty, Int64, Message, Request

USER_TAG = "mlflow.user"
"""The tag of a dataset, or of a record, that says who made or changed it."""

_TRACE_ID = "trace_id"


class DatasetMessage(Message, frozen=True, kw_only=True):
    """`evaluation.EvaluationDataset` in an answer."""

    dataset_id: str
    name: str = ""
    tags: str = ""
    schema: str = ""
    profile: str = ""
    digest: str = ""
    created_time: Int64 | None = None
    last_update_time: Int64 | None = None
    created_by: str = ""
    last_updated_by: str = ""
    experiment_ids: list[str] = []

    @classmethod
    def of(cls, dataset: evaluation.EvaluationDataset, *, with_experiments: bool = False) -> DatasetMessage:
        """Only the answer to a creation names the experiments."""
        return cls(
            dataset_id=dataset.dataset_id,
            name=dataset.name,
            tags=json.dumps(dataset.tags),
            schema=dataset.schema or "",
            profile=dataset.profile or "",
            digest=dataset.digest,
            created_time=dataset.created_time,
            last_update_time=dataset.last_update_time,
            created_by=dataset.created_by or "",
            last_updated_by=dataset.last_updated_by or "",
            experiment_ids=dataset.experiment_ids if with_experiments else [],
        )


class CreateDataset(Request, frozen=True, kw_only=True):
    """`schema` and `profile` are made from the records, whatever is given here."""

    name: str = ""
    experiment_ids: list[str] = []
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    created_by: str = ""
    tags: str = ""
    required: ClassVar[tuple[str, ...]] = ("name",)


class DatasetResponse(Message, frozen=True, kw_only=True):
    dataset: DatasetMessage


class ForDataset(Request, frozen=True, kw_only=True):
    """Base of requests about one dataset."""

    dataset_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("dataset_id",)


class GetDataset(ForDataset, frozen=True, kw_only=True):
    page_token: str = ""


class DeleteDataset(ForDataset, frozen=True, kw_only=True):
    pass


class SearchEvaluationDatasets(Request, frozen=True, kw_only=True):
    experiment_ids: list[str] = []
    filter_string: str = ""
    max_results: Int64 = limits.DEFAULT_DATASETS_PER_PAGE
    order_by: list[str] = []
    page_token: str = ""


class SearchEvaluationDatasetsResponse(Message, frozen=True, kw_only=True):
    datasets: list[DatasetMessage] = []
    next_page_token: str = ""


class SetDatasetTags(ForDataset, frozen=True, kw_only=True):
    tags: str = ""
    required: ClassVar[tuple[str, ...]] = ("dataset_id", "tags")


class DeleteDatasetTag(ForDataset, frozen=True, kw_only=True):
    key: str = ""
    required: ClassVar[tuple[str, ...]] = ("dataset_id", "key")


class PutDatasetRecords(ForDataset, frozen=True, kw_only=True):
    records: str = ""
    updated_by: str = ""
    required: ClassVar[tuple[str, ...]] = ("dataset_id", "records")


class PutDatasetRecordsResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    inserted_count: int
    updated_count: int


class GetDatasetRecords(ForDataset, frozen=True, kw_only=True):
    """0 records asked for are as many as are given to one who does not say."""

    max_results: Int64 = limits.DEFAULT_RECORDS_PER_PAGE
    page_token: str = ""


class DatasetRecordsResponse(Message, frozen=True, kw_only=True):
    records: str
    next_page_token: str = ""


class DeleteDatasetRecords(ForDataset, frozen=True, kw_only=True):
    dataset_record_ids: list[str] = []


class DeleteDatasetRecordsResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    deleted_count: int


class GetDatasetExperiments(ForDataset, frozen=True, kw_only=True):
    pass


class DatasetExperimentsResponse(Message, frozen=True, kw_only=True):
    experiment_ids: list[str] = []


class AddDatasetExperiments(ForDataset, frozen=True, kw_only=True):
    experiment_ids: list[str] = []


class RemoveDatasetExperiments(ForDataset, frozen=True, kw_only=True):
    experiment_ids: list[str] = []


def tags_of(text: str) -> dict[str, str]:
    """The tags in a JSON object; values that are no texts become texts, those that are null are left out.

    Raises:
        InvalidInput: `text` is something else.
    """
    given = _parsed("tags", text) if text else {}
    if not isinstance(given, dict):
        raise invalid("tags", text, "it must be a JSON object of texts, inside a string.")
    return {key: _text(value) for key, value in given.items() if value is not None}


def contents_of(text: str) -> list[RecordContent]:
    """The records in a JSON list. Raises InvalidInput: `text` is something else, or one of them is no record."""
    given = _parsed("records", text)
    if not isinstance(given, list):
        raise invalid("records", text, "it must be a JSON list of records, inside a string.")
    return [_content(record, i) for i, record in enumerate(given)]


def records_text(records: list[evaluation.EvaluationRecord]) -> str:
    """Records as the JSON list that goes into an answer."""
    return json.dumps([_written(record) for record in records])


def _content(record: Any, place: int) -> RecordContent:
    if not isinstance(record, dict):
        raise invalid(f"records[{place}]", record, "it must be an object.")
    parts = {name: record.get(name) for name in ("inputs", "expectations", "tags", "source")}
    for name, value in parts.items():
        if value is not None and not isinstance(value, dict):
            raise invalid(f"records[{place}].{name}", value, "it must be an object.")
    tags, source = parts["tags"] or {}, parts["source"] or {}
    details = source.get("source_data")
    return RecordContent(
        inputs=canonical(parts["inputs"] or {}),
        outputs=_written_or_none(record.get("outputs")),
        expectations=_written_or_none(parts["expectations"]),
        tags=_written_or_none(parts["tags"]),
        source=_written_or_none(parts["source"]),
        source_type=_text(source["source_type"]) if source.get("source_type") else None,
        source_id=_text(details[_TRACE_ID]) if isinstance(details, dict) and details.get(_TRACE_ID) else None,
        user=_text(tags[USER_TAG]) if tags.get(USER_TAG) else None,
    )


def _written(record: evaluation.EvaluationRecord) -> dict[str, Any]:
    content = record.content
    told = {
        "dataset_record_id": record.dataset_record_id,
        "dataset_id": record.dataset_id,
        "inputs": json.loads(content.inputs),
        "expectations": json.loads(content.expectations or "null"),
        "tags": json.loads(content.tags or "{}"),
        "source": json.loads(content.source or "null"),
        "source_id": content.source_id,
        "source_type": content.source_type,
        "created_time": record.created_time,
        "last_update_time": record.last_update_time,
        "created_by": record.created_by,
        "last_updated_by": record.last_updated_by,
        "outputs": json.loads(content.outputs or "{}"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _parsed(field: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise InvalidInput(f"Invalid value for parameter '{field}' supplied: it is not valid JSON: {err}.") from None
    except RecursionError:
        raise InvalidInput(f"Invalid value for parameter '{field}' supplied: it is nested too deeply.") from None


def _written_or_none(value: Any) -> str | None:
    return None if value is None else canonical(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_read, _write = Permission.DATASET_READ, Permission.DATASET_WRITE
_ONE, _RECORDS = "datasets/{dataset_id}", "datasets/{dataset_id}/records"


def _row(
    methods: tuple[str, ...],
    path: str,
    request: type[Request],
    response: type[Message],
    permission: Permission,
    audit: AuditTag | None = None,
) -> Endpoint:
    return Endpoint(methods, path, request, response, permission, audit, version="3.0")


ENDPOINTS = (
    _row(
        ("POST",),
        "datasets/create",
        CreateDataset,
        DatasetResponse,
        Permission.DATASET_CREATE,
        AuditTag.DATASET_CREATED,
    ),
    _row(
        ("POST", "GET"),
        "datasets/search",
        SearchEvaluationDatasets,
        SearchEvaluationDatasetsResponse,
        Permission.DATASET_SEARCH,
    ),
    _row(("GET",), _ONE, GetDataset, DatasetResponse, _read),
    _row(("DELETE",), _ONE, DeleteDataset, Empty, Permission.DATASET_DELETE, AuditTag.DATASET_DELETED),
    _row(("PATCH",), f"{_ONE}/tags", SetDatasetTags, Empty, _write, AuditTag.DATASET_TAG_SET),
    _row(("DELETE",), f"{_ONE}/tags/{{key}}", DeleteDatasetTag, Empty, _write, AuditTag.DATASET_TAG_DELETED),
    _row(("POST",), _RECORDS, PutDatasetRecords, PutDatasetRecordsResponse, _write, AuditTag.DATASET_RECORDS_PUT),
    _row(("GET",), _RECORDS, GetDatasetRecords, DatasetRecordsResponse, _read),
    _row(
        ("DELETE",),
        _RECORDS,
        DeleteDatasetRecords,
        DeleteDatasetRecordsResponse,
        _write,
        AuditTag.DATASET_RECORDS_DELETED,
    ),
    _row(("GET",), f"{_ONE}/experiment-ids", GetDatasetExperiments, DatasetExperimentsResponse, _read),
    _row(
        ("POST",),
        f"{_ONE}/add-experiments",
        AddDatasetExperiments,
        DatasetResponse,
        _write,
        AuditTag.DATASET_EXPERIMENTS_ADDED,
    ),
    _row(
        ("POST",),
        f"{_ONE}/remove-experiments",
        RemoveDatasetExperiments,
        DatasetResponse,
        _write,
        AuditTag.DATASET_EXPERIMENTS_REMOVED,
    ),
)
