"""Use-cases of model versions."""

from __future__ import annotations

import json

from mlkeep.core import limits
from mlkeep.core.entities import STAGES
from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import MODEL_VERSIONS
from mlkeep.core.names import check_key, invalid
from mlkeep.services.artifacts import find_place
from mlkeep.services.call import Call
from mlkeep.services.paging import search_for
from mlkeep.services.registered_models import checked_tag_value, checked_tags, without_prompts
from mlkeep.services.sources import resolve
from mlkeep.storage.artifact_files import Place
from mlkeep.storage.registry import NewVersion
from mlkeep.wire import registry as wire
from mlkeep.wire.endpoint import AuditTag
from mlkeep.wire.message import Empty

REGISTERED_TAG = "mlflow.modelVersions"
"""The tag of a logged model that lists the versions registered from it."""


def create(call: Call, request: wire.CreateModelVersion) -> wire.ModelVersionResponse:
    tags = checked_tags(request.tags)
    call.tx.models.require(request.name)
    source = resolve(call, request.source, request.run_id, request.model_id)
    files = _recorded_place(call, source.storage_uri)
    version = call.tx.versions.add(
        NewVersion(
            name=request.name,
            source=source.uri,
            storage_uri=source.storage_uri,
            run_id=source.run_id,
            run_link=request.run_link,
            description=request.description,
            model_id=source.model_id,
            user_id=call.caller.principal,
            tags=tags,
            now_ms=call.now_ms,
            files=files,
            artifact_bytes=None if files is None else call.tx.artifact_files.size(files),
        )
    )
    # A copy of a version is of its logged model too, but MLflow notes only what was registered from the model itself.
    if source.model_id and (request.model_id or source.uri == f"models:/{source.model_id}"):
        _note_registration(call, source.model_id, request.name, version)
    call.record(
        AuditTag.VERSION_CREATED,
        f"model/{request.name}/{version}",
        after={"source": source.uri, "run_id": source.run_id, "model_id": source.model_id, "tags": tags},
    )
    return _response(call, request.name, version)


def get(call: Call, request: wire.GetModelVersion) -> wire.ModelVersionResponse:
    return _response(call, request.name, request.version)


def update(call: Call, request: wire.UpdateModelVersion) -> wire.ModelVersionResponse:
    before = call.tx.versions.get(request.name, request.version).description
    call.tx.versions.describe(request.name, request.version, request.description, call.now_ms)
    call.record(
        AuditTag.VERSION_UPDATED,
        f"model/{request.name}/{request.version}",
        before={"description": before},
        after={"description": request.description},
    )
    return _response(call, request.name, request.version)


def transition_stage(call: Call, request: wire.TransitionStage) -> wire.ModelVersionResponse:
    stage = _stage(request.stage)
    if request.archive_existing_versions and stage not in {"Staging", "Production"}:
        raise InvalidInput(
            f"Existing versions can be archived only on the way to 'Staging' or 'Production', not to '{stage}': leave "
            "out archive_existing_versions."
        )
    before = call.tx.versions.get(request.name, request.version).current_stage
    call.tx.versions.move_to_stage(
        request.name,
        request.version,
        stage,
        archive_others=request.archive_existing_versions,
        now_ms=call.now_ms,
    )
    call.record(
        AuditTag.VERSION_STAGE_CHANGED,
        f"model/{request.name}/{request.version}",
        before={"stage": before},
        after={"stage": stage, "archive_existing_versions": request.archive_existing_versions},
    )
    return _response(call, request.name, request.version)


def delete(call: Call, request: wire.DeleteModelVersion) -> Empty:
    version = call.tx.versions.get(request.name, request.version)
    call.tx.versions.delete(request.name, request.version, call.now_ms)
    call.record(
        AuditTag.VERSION_DELETED,
        f"model/{request.name}/{request.version}",
        before={"source": version.source, "run_id": version.run_id, "aliases": version.aliases, "tags": version.tags},
    )
    return Empty()


def search(call: Call, request: wire.SearchModelVersions) -> wire.SearchModelVersionsResponse:
    wanted = search_for(
        MODEL_VERSIONS,
        request.filter,
        request.order_by,
        request.max_results,
        limits.MAX_VERSIONS_PER_PAGE,
        request.page_token,
        count=request.count,
    )
    page = call.tx.versions.search(without_prompts(wanted))
    return wire.SearchModelVersionsResponse(
        model_versions=[wire.ModelVersion.of(version) for version in page.items],
        next_page_token=page.token or "",
        total_count=page.total,
    )


def get_latest(call: Call, request: wire.GetLatestVersions) -> wire.ModelVersionsResponse:
    try:
        stages = [_stage(stage) for stage in request.stages] or list(STAGES)
    except InvalidInput:
        call.tx.models.require(request.name)  # clients try what is no stage, and want to hear that there is no model
        raise
    versions = call.tx.versions.latest(request.name, stages)
    return wire.ModelVersionsResponse(model_versions=[wire.ModelVersion.of(version) for version in versions])


def get_download_uri(call: Call, request: wire.GetDownloadUri) -> wire.DownloadUriResponse:
    return wire.DownloadUriResponse(artifact_uri=call.tx.versions.storage_uri(request.name, request.version))


def set_tag(call: Call, request: wire.SetVersionTag) -> Empty:
    key, value = check_key(request.key, "key"), checked_tag_value(request.value)
    before = call.tx.versions.get(request.name, request.version).tags.get(key)
    call.tx.versions.put_tag(request.name, request.version, key, value)
    call.record(
        AuditTag.VERSION_TAG_SET,
        f"model/{request.name}/{request.version}",
        before=None if before is None else {key: before},
        after={key: value},
    )
    return Empty()


def delete_tag(call: Call, request: wire.DeleteVersionTag) -> Empty:
    before = call.tx.versions.get(request.name, request.version).tags.get(request.key)
    call.tx.versions.delete_tag(request.name, request.version, request.key)
    if before is not None:
        call.record(
            AuditTag.VERSION_TAG_DELETED, f"model/{request.name}/{request.version}", before={request.key: before}
        )
    return Empty()


def _stage(asked: str) -> str:
    for stage in STAGES:
        if stage.lower() == asked.lower():
            return stage
    raise invalid("stage", asked, f"Invalid Model Version stage: '{asked}'. Value must be one of {', '.join(STAGES)}.")


def _recorded_place(call: Call, uri: str) -> Place | None:
    """The place among the artifacts of a run or logged model that a source names, if it does."""
    try:
        return find_place(call.tx, uri)
    except InvalidInput:  # no path that anything could be recorded under
        return None


def _note_registration(call: Call, model_id: str, name: str, version: str) -> None:
    known = json.loads(call.tx.logged_models.get(model_id).tags.get(REGISTERED_TAG, "[]"))
    known.append({"name": name, "version": int(version)})
    call.tx.logged_models.put_tags(model_id, {REGISTERED_TAG: json.dumps(known)})


def _response(call: Call, name: str, version: str) -> wire.ModelVersionResponse:
    return wire.ModelVersionResponse(model_version=wire.ModelVersion.of(call.tx.versions.get(name, version)))


READS = {
    wire.GetModelVersion: get,
    wire.SearchModelVersions: search,
    wire.GetLatestVersions: get_latest,
    wire.GetDownloadUri: get_download_uri,
}
WRITES = {
    wire.CreateModelVersion: create,
    wire.UpdateModelVersion: update,
    wire.TransitionStage: transition_stage,
    wire.DeleteModelVersion: delete,
    wire.SetVersionTag: set_tag,
    wire.DeleteVersionTag: delete_tag,
}
