"""Use-cases of logged models."""

from __future__ import annotations

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.filters import LOGGED_MODELS, OnDataset, complete_order, logged_model_order, parse
from mlkeep.core.ids import new_logged_model_id
from mlkeep.core.names import check_logged_model_name, made_up_name
from mlkeep.services.call import Call
from mlkeep.services.locations import below
from mlkeep.services.paging import checked_limit
from mlkeep.storage.contract import NewLoggedModel, Search
from mlkeep.wire import logged_models as wire
from mlkeep.wire.endpoint import AuditTag
from mlkeep.wire.message import Empty, KeyValueInput

MOST_PER_PAGE = 10_000
"""MLflow knows no limit; whoever asks for more gets this many, and the token of the next page."""

PAGE_FOR_ZERO = 100
"""What a `max_results` of 0 asks for, unless it is to count; clients send it."""


def create(call: Call, request: wire.CreateLoggedModel) -> wire.LoggedModelResponse:
    name = check_logged_model_name(request.name) if request.name else made_up_name()
    experiment = call.tx.experiments.get_active(request.experiment_id)
    model_id = new_logged_model_id()
    call.tx.logged_models.add(
        NewLoggedModel(
            model_id=model_id,
            experiment_id=request.experiment_id,
            name=name,
            model_type=request.model_type,
            source_run_id=request.source_run_id,
            artifact_uri=below(experiment.artifact_location, "models", model_id, "artifacts"),
            params=_params(request.params),
            tags={tag.key: tag.value for tag in request.tags},
            now_ms=call.now_ms,
        )
    )
    call.record(
        AuditTag.LOGGED_MODEL_CREATED,
        f"logged-model/{model_id}",
        after={"name": name, "experiment_id": request.experiment_id, "source_run_id": request.source_run_id},
    )
    return _response(call, model_id)


def get(call: Call, request: wire.GetLoggedModel) -> wire.LoggedModelResponse:
    return _response(call, request.model_id, with_deleted=request.allow_deleted)


def finalize(call: Call, request: wire.FinalizeLoggedModel) -> wire.LoggedModelResponse:
    status = request.known_status()
    if status is not None:
        call.tx.logged_models.set_status(request.model_id, status, call.now_ms)
    return _response(call, request.model_id, with_deleted=True)


def delete(call: Call, request: wire.DeleteLoggedModel) -> Empty:
    call.tx.logged_models.delete(request.model_id, call.now_ms)
    call.record(AuditTag.LOGGED_MODEL_DELETED, f"logged-model/{request.model_id}")
    return Empty()


def set_tags(call: Call, request: wire.SetLoggedModelTags) -> Empty:
    call.tx.logged_models.put_tags(request.model_id, {tag.key: tag.value for tag in request.tags})
    return Empty()


def delete_tag(call: Call, request: wire.DeleteLoggedModelTag) -> Empty:
    if not call.tx.logged_models.delete_tag(request.model_id, request.key):
        raise NotFound(f"No tag with key '{request.key}' found for the logged model with ID '{request.model_id}'.")
    return Empty()


def log_params(call: Call, request: wire.LogLoggedModelParams) -> Empty:
    call.tx.logged_models.add_params(request.model_id, _params(request.params))
    return Empty()


def search(call: Call, request: wire.SearchLoggedModels) -> wire.SearchLoggedModelsResponse:
    terms = [logged_model_order(order.field_name, order.ascending, _dataset(order)) for order in request.order_by]
    wanted = Search(
        where=parse(request.filter, LOGGED_MODELS),
        order=complete_order(terms, LOGGED_MODELS),
        limit=_limit(request),
        token=request.page_token or None,
        count=request.count,
    )
    datasets = [OnDataset(given.dataset_name, given.dataset_digest) for given in request.datasets]
    page = call.tx.logged_models.search(wanted, request.experiment_ids, datasets)
    return wire.SearchLoggedModelsResponse(
        models=[wire.LoggedModelMessage.of(model) for model in page.items],
        next_page_token=page.token or "",
        total_count=page.total,
    )


def _limit(request: wire.SearchLoggedModels) -> int:
    asked = request.max_results if request.count else request.max_results or PAGE_FOR_ZERO
    return min(checked_limit(asked, limits.MAX_INT64, least=0 if request.count else 1), MOST_PER_PAGE)


def _dataset(order: wire.LoggedModelOrder) -> OnDataset | None:
    if not (order.dataset_name or order.dataset_digest):
        return None
    return OnDataset(order.dataset_name, order.dataset_digest)


def _params(given: list[KeyValueInput]) -> dict[str, str]:
    params: dict[str, str] = {}
    for param in given:
        if param.key in params:
            raise InvalidInput(f"Duplicate parameter keys have been submitted: '{param.key}'. Send each key once.")
        params[param.key] = param.value
    return params


def _response(call: Call, model_id: str, *, with_deleted: bool = False) -> wire.LoggedModelResponse:
    model = call.tx.logged_models.get(model_id, with_deleted=with_deleted)
    return wire.LoggedModelResponse(model=wire.LoggedModelMessage.of(model))


READS = {wire.GetLoggedModel: get, wire.SearchLoggedModels: search}
WRITES = {
    wire.CreateLoggedModel: create,
    wire.FinalizeLoggedModel: finalize,
    wire.DeleteLoggedModel: delete,
    wire.SetLoggedModelTags: set_tags,
    wire.DeleteLoggedModelTag: delete_tag,
    wire.LogLoggedModelParams: log_params,
}
