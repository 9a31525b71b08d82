"""Messages of `registered-models/*` and `model-versions/*`."""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core import entities, limits
from mlkeep.core.versions import VersionNumber, tags_of_both_habits
from mlkeep.wire.endpoint import AuditTag, Endpoint, Permission
from mlkeep.wire.message import Empty, Int64, KeyValue, KeyValueInput, Message, Request, key_values, mapping


class ModelVersion(Message, frozen=True, kw_only=True):
    """`entities.ModelVersion` in an answer; versions are strings on the wire. `artifact_bytes` is ours."""

    name: str = ""
    version: str = ""
    creation_timestamp: Int64 | None = None
    last_updated_timestamp: Int64 | None = None
    user_id: str = ""
    current_stage: str = ""
    description: str | None = None
    source: str = ""
    run_id: str | None = None
    status: str = ""
    status_message: str = ""
    tags: list[KeyValue] = []
    run_link: str | None = None
    aliases: list[str] = []
    model_id: str = ""
    artifact_bytes: Int64 | None = None

    @classmethod
    def of(cls, version: entities.ModelVersion) -> ModelVersion:
        return cls(
            name=version.name,
            version=version.version,
            creation_timestamp=version.creation_timestamp,
            last_updated_timestamp=version.last_updated_timestamp,
            user_id=version.user_id,
            current_stage=version.current_stage,
            description=version.description,
            source=version.source,
            run_id=version.run_id,
            status=version.status,
            status_message=version.status_message,
            tags=key_values(version.tags),
            run_link=version.run_link,
            aliases=version.aliases,
            model_id=version.model_id or "",
            artifact_bytes=version.artifact_bytes or None,
        )

    def entity(self) -> entities.ModelVersion:
        return entities.ModelVersion(
            name=self.name,
            version=VersionNumber(self.version),
            creation_timestamp=self.creation_timestamp or 0,
            last_updated_timestamp=self.last_updated_timestamp or 0,
            description=self.description,
            user_id=self.user_id,
            current_stage=self.current_stage,
            source=self.source,
            run_id=self.run_id or "",
            status=self.status,
            status_message=self.status_message,
            tags=tags_of_both_habits(mapping(self.tags)),
            run_link=self.run_link or "",
            aliases=self.aliases,
            model_id=self.model_id or None,
            artifact_bytes=self.artifact_bytes,
        )


class Alias(Message, frozen=True, kw_only=True):
    alias: str
    version: str


class RegisteredModel(Message, frozen=True, kw_only=True):
    """`entities.RegisteredModel` in an answer."""

    name: str
    creation_timestamp: Int64 | None = None
    last_updated_timestamp: Int64 | None = None
    description: str | None = None
    latest_versions: list[ModelVersion] = []
    tags: list[KeyValue] = []
    aliases: list[Alias] = []

    @classmethod
    def of(cls, model: entities.RegisteredModel) -> RegisteredModel:
        return cls(
            name=model.name,
            creation_timestamp=model.creation_timestamp,
            last_updated_timestamp=model.last_updated_timestamp,
            description=model.description,
            latest_versions=[ModelVersion.of(version) for version in model.latest_versions],
            tags=key_values(model.tags),
            aliases=[Alias(alias=alias, version=version) for alias, version in model.aliases.items()],
        )

    def entity(self) -> entities.RegisteredModel:
        return entities.RegisteredModel(
            name=self.name,
            creation_timestamp=self.creation_timestamp or 0,
            last_updated_timestamp=self.last_updated_timestamp or 0,
            description=self.description,
            latest_versions=[version.entity() for version in self.latest_versions],
            tags=tags_of_both_habits(mapping(self.tags)),
            aliases={alias.alias: VersionNumber(alias.version) for alias in self.aliases},
        )


class ModelRequest(Request, frozen=True, kw_only=True):
    """Base of requests about one registered model."""

    name: str = ""
    required: ClassVar[tuple[str, ...]] = ("name",)


class VersionRequest(ModelRequest, frozen=True, kw_only=True):
    """Base of requests about one model version."""

    version: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "version")


class CreateRegisteredModel(ModelRequest, frozen=True, kw_only=True):
    tags: list[KeyValueInput] = []
    description: str | None = None


class RegisteredModelResponse(Message, frozen=True, kw_only=True):
    registered_model: RegisteredModel


class GetRegisteredModel(ModelRequest, frozen=True, kw_only=True):
    pass


class RenameRegisteredModel(ModelRequest, frozen=True, kw_only=True):
    new_name: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "new_name")


class UpdateRegisteredModel(ModelRequest, frozen=True, kw_only=True):
    """A description left out clears the description."""

    description: str | None = None


class DeleteRegisteredModel(ModelRequest, frozen=True, kw_only=True):
    pass


class SearchRegisteredModels(Request, frozen=True, kw_only=True):
    filter: str = ""
    max_results: Int64 = limits.DEFAULT_MODELS_PER_PAGE
    order_by: list[str] = []
    page_token: str = ""
    count: bool = False


class SearchRegisteredModelsResponse(Message, frozen=True, kw_only=True):
    registered_models: list[RegisteredModel] = []
    next_page_token: str = ""
    total_count: Int64 | None = None


class GetLatestVersions(ModelRequest, frozen=True, kw_only=True):
    stages: list[str] = []


class ModelVersionsResponse(Message, frozen=True, kw_only=True):
    model_versions: list[ModelVersion] = []


class SetRegisteredModelTag(ModelRequest, frozen=True, kw_only=True):
    key: str = ""
    value: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "key")


class DeleteRegisteredModelTag(ModelRequest, frozen=True, kw_only=True):
    key: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "key")


class SetAlias(VersionRequest, frozen=True, kw_only=True):
    alias: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "alias", "version")


class DeleteAlias(ModelRequest, frozen=True, kw_only=True):
    alias: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "alias")


class GetVersionByAlias(ModelRequest, frozen=True, kw_only=True):
    alias: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "alias")


class CreateModelVersion(ModelRequest, frozen=True, kw_only=True):
    source: str = ""
    run_id: str = ""
    tags: list[KeyValueInput] = []
    run_link: str = ""
    description: str = ""
    model_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "source")


class ModelVersionResponse(Message, frozen=True, kw_only=True):
    model_version: ModelVersion


class GetModelVersion(VersionRequest, frozen=True, kw_only=True):
    pass


class UpdateModelVersion(VersionRequest, frozen=True, kw_only=True):
    """A description left out clears the description."""

    description: str | None = None


class TransitionStage(VersionRequest, frozen=True, kw_only=True):
    stage: str = ""
    archive_existing_versions: bool = False
    required: ClassVar[tuple[str, ...]] = ("name", "version", "stage")


class DeleteModelVersion(VersionRequest, frozen=True, kw_only=True):
    pass


class SearchModelVersions(Request, frozen=True, kw_only=True):
    filter: str = ""
    max_results: Int64 = limits.MAX_VERSIONS_PER_PAGE
    order_by: list[str] = []
    page_token: str = ""
    count: bool = False


class SearchModelVersionsResponse(Message, frozen=True, kw_only=True):
    model_versions: list[ModelVersion] = []
    next_page_token: str = ""
    total_count: Int64 | None = None


class GetDownloadUri(VersionRequest, frozen=True, kw_only=True):
    pass


class DownloadUriResponse(Message, frozen=True, kw_only=True):
    artifact_uri: str


class SetVersionTag(VersionRequest, frozen=True, kw_only=True):
    key: str = ""
    value: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "version", "key")


class DeleteVersionTag(VersionRequest, frozen=True, kw_only=True):
    key: str = ""
    required: ClassVar[tuple[str, ...]] = ("name", "version", "key")


_POST, _GET, _PATCH, _DELETE = ("POST",), ("GET",), ("PATCH",), ("DELETE",)
_read, _write, _delete = Permission.MODEL_READ, Permission.MODEL_WRITE, Permission.MODEL_DELETE
_Model, _Version = RegisteredModelResponse, ModelVersionResponse

ENDPOINTS = (
    Endpoint(
        _POST,
        "registered-models/create",
        CreateRegisteredModel,
        _Model,
        Permission.MODEL_CREATE,
        AuditTag.MODEL_CREATED,
    ),
    Endpoint(_GET, "registered-models/get", GetRegisteredModel, _Model, _read, None),
    Endpoint(_POST, "registered-models/rename", RenameRegisteredModel, _Model, _write, AuditTag.MODEL_RENAMED),
    Endpoint(_PATCH, "registered-models/update", UpdateRegisteredModel, _Model, _write, AuditTag.MODEL_UPDATED),
    Endpoint(_DELETE, "registered-models/delete", DeleteRegisteredModel, Empty, _delete, AuditTag.MODEL_DELETED),
    Endpoint(
        ("GET", "POST"),
        "registered-models/search",
        SearchRegisteredModels,
        SearchRegisteredModelsResponse,
        Permission.MODEL_SEARCH,
        None,
    ),
    Endpoint(
        ("POST", "GET"),
        "registered-models/get-latest-versions",
        GetLatestVersions,
        ModelVersionsResponse,
        _read,
        None,
    ),
    Endpoint(_POST, "registered-models/set-tag", SetRegisteredModelTag, Empty, _write, AuditTag.MODEL_TAG_SET),
    Endpoint(
        _DELETE, "registered-models/delete-tag", DeleteRegisteredModelTag, Empty, _write, AuditTag.MODEL_TAG_DELETED
    ),
    Endpoint(_POST, "registered-models/alias", SetAlias, Empty, _write, AuditTag.ALIAS_SET),
    Endpoint(_DELETE, "registered-models/alias", DeleteAlias, Empty, _write, AuditTag.ALIAS_DELETED),
    Endpoint(_GET, "registered-models/alias", GetVersionByAlias, _Version, _read, None),
    Endpoint(_POST, "model-versions/create", CreateModelVersion, _Version, _write, AuditTag.VERSION_CREATED),
    Endpoint(_GET, "model-versions/get", GetModelVersion, _Version, _read, None),
    Endpoint(_PATCH, "model-versions/update", UpdateModelVersion, _Version, _write, AuditTag.VERSION_UPDATED),
    Endpoint(
        _POST,
        "model-versions/transition-stage",
        TransitionStage,
        _Version,
        _write,
        AuditTag.VERSION_STAGE_CHANGED,
    ),
    Endpoint(_DELETE, "model-versions/delete", DeleteModelVersion, Empty, _delete, AuditTag.VERSION_DELETED),
    Endpoint(
        ("GET", "POST"),
        "model-versions/search",
        SearchModelVersions,
        SearchModelVersionsResponse,
        Permission.MODEL_SEARCH,
        None,
    ),
    Endpoint(_GET, "model-versions/get-download-uri", GetDownloadUri, DownloadUriResponse, _read, None),
    Endpoint(_POST, "model-versions/set-tag", SetVersionTag, Empty, _write, AuditTag.VERSION_TAG_SET),
    Endpoint(_DELETE, "model-versions/delete-tag", DeleteVersionTag, Empty, _write, AuditTag.VERSION_TAG_DELETED),
)
