"""Messages of `logged-models/*`, the models that clients since 3.0 log apart from the run's artifacts."""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core import entities, limits
from mlkeep.core.entities import LoggedModelStatus
from mlkeep.core.names import invalid
from mlkeep.wire.endpoint import AuditTag, Endpoint, Permission
from mlkeep.wire.message import Empty, Int64, KeyValue, KeyValueInput, Message, Request, key_values, mapping
from mlkeep.wire.metrics import MetricMessage

_STATUS_NAMES = {
    LoggedModelStatus.UNSPECIFIED: "LOGGED_MODEL_STATUS_UNSPECIFIED",
    LoggedModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    LoggedModelStatus.READY: "LOGGED_MODEL_READY",
    LoggedModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}
_STATUS_OF_NAME = {name: status for status, name in _STATUS_NAMES.items()}


class LoggedModelInfo(Message, frozen=True, kw_only=True):
    """What is known of a logged model, in an answer. `artifact_bytes` is ours."""

    model_id: str
    experiment_id: str = ""
    name: str = ""
    creation_timestamp_ms: Int64 | None = None
    last_updated_timestamp_ms: Int64 | None = None
    artifact_uri: str = ""
    status: str = ""
    creator_id: str = ""
    model_type: str | None = None
    source_run_id: str | None = None
    status_message: str = ""
    tags: list[KeyValue] = []
    artifact_bytes: Int64 = 0


class LoggedModelData(Message, frozen=True, kw_only=True):
    params: list[KeyValue] = []
    metrics: list[MetricMessage] = []


class LoggedModelMessage(Message, frozen=True, kw_only=True, omit_defaults=False):
    info: LoggedModelInfo
    data: LoggedModelData = LoggedModelData()

    @classmethod
    def of(cls, model: entities.LoggedModel) -> LoggedModelMessage:
        return cls(
            info=LoggedModelInfo(
                model_id=model.model_id,
                experiment_id=model.experiment_id,
                name=model.name,
                creation_timestamp_ms=model.creation_timestamp,
                last_updated_timestamp_ms=model.last_updated_timestamp,
                artifact_uri=model.artifact_location,
                status=_STATUS_NAMES[model.status],
                model_type=model.model_type,
                source_run_id=model.source_run_id,
                status_message=model.status_message,
                tags=key_values(model.tags),
                artifact_bytes=model.artifact_bytes,
            ),
            data=LoggedModelData(
                params=key_values(model.params), metrics=[MetricMessage.of(point) for point in model.metrics]
            ),
        )

    def entity(self) -> entities.LoggedModel:
        info = self.info
        return entities.LoggedModel(
            model_id=info.model_id,
            experiment_id=info.experiment_id,
            name=info.name,
            artifact_location=info.artifact_uri,
            creation_timestamp=info.creation_timestamp_ms or 0,
            last_updated_timestamp=info.last_updated_timestamp_ms or 0,
            model_type=info.model_type or "",
            source_run_id=info.source_run_id or "",
            status=_STATUS_OF_NAME.get(info.status, LoggedModelStatus.UNSPECIFIED),
            status_message=info.status_message,
            tags=mapping(info.tags),
            params=mapping(self.data.params),
            metrics=[point.entity() for point in self.data.metrics],
            artifact_bytes=info.artifact_bytes,
        )


class LoggedModelResponse(Message, frozen=True, kw_only=True):
    model: LoggedModelMessage


class CreateLoggedModel(Request, frozen=True, kw_only=True):
    experiment_id: str = ""
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: list[KeyValueInput] = []
    tags: list[KeyValueInput] = []
    required: ClassVar[tuple[str, ...]] = ("experiment_id",)


class ForLoggedModel(Request, frozen=True, kw_only=True):
    """Base of requests about one logged model."""

    model_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("model_id",)


class GetLoggedModel(ForLoggedModel, frozen=True, kw_only=True):
    allow_deleted: bool = False


class FinalizeLoggedModel(ForLoggedModel, frozen=True, kw_only=True):
    """`status` is a name or a number, and stays as it was sent: the protocol ignores a name it does not know."""

    status: str | int = ""
    required: ClassVar[tuple[str, ...]] = ("model_id", "status")

    def known_status(self) -> LoggedModelStatus | None:
        """The status asked for, None if no status has the name. Raises InvalidInput: none has the number."""
        if isinstance(self.status, str):
            return _STATUS_OF_NAME.get(self.status)
        try:
            return LoggedModelStatus.from_number(self.status)
        except IndexError:
            raise invalid("status", self.status, f"it must be one of {', '.join(_STATUS_OF_NAME)}.") from None


class DeleteLoggedModel(ForLoggedModel, frozen=True, kw_only=True):
    pass


class SetLoggedModelTags(ForLoggedModel, frozen=True, kw_only=True):
    tags: list[KeyValueInput] = []


class DeleteLoggedModelTag(ForLoggedModel, frozen=True, kw_only=True):
    key: str = ""
    required: ClassVar[tuple[str, ...]] = ("model_id", "key")


class LogLoggedModelParams(ForLoggedModel, frozen=True, kw_only=True):
    params: list[KeyValueInput] = []


class LoggedModelOrder(Request, frozen=True, kw_only=True):
    field_name: str = ""
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""
    required: ClassVar[tuple[str, ...]] = ("field_name",)


class LoggedModelDataset(Request, frozen=True, kw_only=True):
    """A dataset that the wanted models were measured on; without a digest, any of this name."""

    dataset_name: str = ""
    dataset_digest: str = ""
    required: ClassVar[tuple[str, ...]] = ("dataset_name",)


class SearchLoggedModels(Request, frozen=True, kw_only=True):
    experiment_ids: list[str] = []
    filter: str = ""
    datasets: list[LoggedModelDataset] = []
    max_results: Int64 = limits.DEFAULT_LOGGED_MODELS_PER_PAGE
    order_by: list[LoggedModelOrder] = []
    page_token: str = ""
    count: bool = False


class SearchLoggedModelsResponse(Message, frozen=True, kw_only=True):
    models: list[LoggedModelMessage] = []
    next_page_token: str = ""
    total_count: Int64 | None = None


def status_name(status: LoggedModelStatus) -> str:
    """The name of a status on the wire."""
    return _STATUS_NAMES[status]


_write = Permission.RUN_WRITE

ENDPOINTS = (
    Endpoint(
        ("POST",),
        "logged-models",
        CreateLoggedModel,
        LoggedModelResponse,
        _write,
        AuditTag.LOGGED_MODEL_CREATED,
    ),
    Endpoint(
        ("POST",), "logged-models/search", SearchLoggedModels, SearchLoggedModelsResponse, Permission.RUN_SEARCH, None
    ),
    Endpoint(("GET",), "logged-models/{model_id}", GetLoggedModel, LoggedModelResponse, Permission.RUN_READ, None),
    Endpoint(("PATCH",), "logged-models/{model_id}", FinalizeLoggedModel, LoggedModelResponse, _write, None),
    Endpoint(
        ("DELETE",),
        "logged-models/{model_id}",
        DeleteLoggedModel,
        Empty,
        Permission.RUN_DELETE,
        AuditTag.LOGGED_MODEL_DELETED,
    ),
    Endpoint(("PATCH",), "logged-models/{model_id}/tags", SetLoggedModelTags, Empty, _write, None),
    Endpoint(("DELETE",), "logged-models/{model_id}/tags/{key}", DeleteLoggedModelTag, Empty, _write, None),
    Endpoint(("POST",), "logged-models/{model_id}/params", LogLoggedModelParams, Empty, _write, None),
)
