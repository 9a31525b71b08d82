"""Use-cases of registered models: the model, its tags and aliases."""

from __future__ import annotations

import msgspec

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.filters import REGISTERED_MODELS, hide_prompts
from mlkeep.core.names import check_alias, check_key, check_length, check_model_name
from mlkeep.services.call import Call
from mlkeep.services.paging import search_for
from mlkeep.storage.contract import Search
from mlkeep.wire import registry as wire
from mlkeep.wire.endpoint import AuditTag
from mlkeep.wire.message import Empty, KeyValueInput


def create(call: Call, request: wire.CreateRegisteredModel) -> wire.RegisteredModelResponse:
    name = check_model_name(request.name)
    tags = checked_tags(request.tags)
    call.tx.models.add(name, request.description, tags, call.now_ms)
    call.record(AuditTag.MODEL_CREATED, f"model/{name}", after={"description": request.description or "", "tags": tags})
    return _response(call, name)


def get(call: Call, request: wire.GetRegisteredModel) -> wire.RegisteredModelResponse:
    return _response(call, request.name)


def rename(call: Call, request: wire.RenameRegisteredModel) -> wire.RegisteredModelResponse:
    new_name = check_model_name(request.new_name, "new_name")
    call.tx.models.rename(request.name, new_name, call.now_ms)
    call.record(AuditTag.MODEL_RENAMED, f"model/{new_name}", before={"name": request.name}, after={"name": new_name})
    return _response(call, new_name)


def update(call: Call, request: wire.UpdateRegisteredModel) -> wire.RegisteredModelResponse:
    before = call.tx.models.get(request.name).description
    call.tx.models.describe(request.name, request.description, call.now_ms)
    call.record(
        AuditTag.MODEL_UPDATED,
        f"model/{request.name}",
        before={"description": before},
        after={"description": request.description},
    )
    return _response(call, request.name)


def delete(call: Call, request: wire.DeleteRegisteredModel) -> Empty:
    model = call.tx.models.get(request.name)
    call.tx.models.delete(request.name)
    call.record(
        AuditTag.MODEL_DELETED,
        f"model/{request.name}",
        before={"aliases": model.aliases, "tags": model.tags, "description": model.description},
    )
    return Empty()


def search(call: Call, request: wire.SearchRegisteredModels) -> wire.SearchRegisteredModelsResponse:
    wanted = search_for(
        REGISTERED_MODELS,
        request.filter,
        request.order_by,
        request.max_results,
        limits.MAX_MODELS_PER_PAGE,
        request.page_token,
        count=request.count,
    )
    page = call.tx.models.search(without_prompts(wanted))
    return wire.SearchRegisteredModelsResponse(
        registered_models=[wire.RegisteredModel.of(model) for model in page.items],
        next_page_token=page.token or "",
        total_count=page.total,
    )


def without_prompts(search: Search) -> Search:
    """The search, with what MLflow means it to say about prompts."""
    return msgspec.structs.replace(search, where=hide_prompts(search.where))


def set_tag(call: Call, request: wire.SetRegisteredModelTag) -> Empty:
    key, value = check_key(request.key, "key"), checked_tag_value(request.value)
    before = call.tx.models.get(request.name).tags.get(key)
    call.tx.models.put_tag(request.name, key, value, call.now_ms)
    call.record(
        AuditTag.MODEL_TAG_SET,
        f"model/{request.name}",
        before=None if before is None else {key: before},
        after={key: value},
    )
    return Empty()


def delete_tag(call: Call, request: wire.DeleteRegisteredModelTag) -> Empty:
    before = call.tx.models.get(request.name).tags.get(request.key)
    call.tx.models.delete_tag(request.name, request.key, call.now_ms)
    if before is not None:
        call.record(AuditTag.MODEL_TAG_DELETED, f"model/{request.name}", before={request.key: before})
    return Empty()


def set_alias(call: Call, request: wire.SetAlias) -> Empty:
    alias = check_alias(request.alias)
    before = call.tx.models.put_alias(request.name, alias, request.version)
    call.record(
        AuditTag.ALIAS_SET,
        f"model/{request.name}",
        before=None if before is None else {alias: before},
        after={alias: request.version},
    )
    return Empty()


def delete_alias(call: Call, request: wire.DeleteAlias) -> Empty:
    before = call.tx.models.delete_alias(request.name, request.alias)
    if before is not None:
        call.record(AuditTag.ALIAS_DELETED, f"model/{request.name}", before={request.alias: before})
    return Empty()


def get_version_by_alias(call: Call, request: wire.GetVersionByAlias) -> wire.ModelVersionResponse:
    version = alias_target(call, request.name, request.alias)
    return wire.ModelVersionResponse(model_version=wire.ModelVersion.of(call.tx.versions.get(request.name, version)))


def alias_target(call: Call, name: str, alias: str) -> str:
    """The version an alias points to; `latest` is the highest. Raises InvalidInput, NotFound."""
    if alias.lower() == "latest":
        if (highest := call.tx.versions.highest(name)) is None:
            raise NotFound(f"Registered Model (name={name}) has no versions yet.")
        return highest
    if (version := call.tx.models.find_alias(name, alias)) is None:
        raise InvalidInput(f"Registered model alias {alias} not found.")
    return version


def checked_tags(given: list[KeyValueInput]) -> dict[str, str]:
    """The tags of a new model or version; of equal keys the last one stays. Raises InvalidInput."""
    return {check_key(tag.key, f"tags[{i}].key"): checked_tag_value(tag.value) for i, tag in enumerate(given)}


def checked_tag_value(value: str) -> str:
    """The value of a tag of a model or version. Raises InvalidInput: too long."""
    return check_length(value, "value", limits.MAX_MODEL_TAG_VALUE_LENGTH)


def _response(call: Call, name: str) -> wire.RegisteredModelResponse:
    return wire.RegisteredModelResponse(registered_model=wire.RegisteredModel.of(call.tx.models.get(name)))


READS = {
    wire.GetRegisteredModel: get,
    wire.SearchRegisteredModels: search,
    wire.GetVersionByAlias: get_version_by_alias,
}
WRITES = {
    wire.CreateRegisteredModel: create,
    wire.RenameRegisteredModel: rename,
    wire.UpdateRegisteredModel: update,
    wire.DeleteRegisteredModel: delete,
    wire.SetRegisteredModelTag: set_tag,
    wire.DeleteRegisteredModelTag: delete_tag,
    wire.SetAlias: set_alias,
    wire.DeleteAlias: delete_alias,
}
