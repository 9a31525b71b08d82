"""The functions for registered models: registering what was logged, and finding it."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Mapping
from typing import Any

from mlkeep.core.entities import ModelVersion, RegisteredModel
from mlkeep.core.errors import AlreadyExists, NotFound, NotOffered
from mlkeep.sdk import nowhere, recording
from mlkeep.sdk.active_experiment import client
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.places import logged_models_named
from mlkeep.sdk.search import all_pages
from mlkeep.sdk.stores import store_at

_log = logging.getLogger("mlkeep")


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = 300,  # noqa: ARG001 - a version is there when the call returns
    *,
    tags: Mapping[str, Any] | None = None,
    env_pack: object = None,
) -> ModelVersion:
    """Add a version to the registered model `name`, which is made if need be; progress is told on standard error.

    `model_uri` may be `runs:/<run id>/<path>`, `models:/m-<id>`, or the place of a model folder. Where a run has logged
    several models of one name, the one of the highest step is taken.

    Raises:
        NotFound: there is no such run, or no model at that path of it.
        NotOffered: `env_pack` is given, which only Databricks knows.
    """
    if env_pack is not None:
        raise NotOffered("Environments are packed by Databricks only: leave env_pack out.")
    source, run_id, model_id = _source(model_uri)
    if recording.is_silent(run_id) or model_id in nowhere.model_ids:
        return _registered_nowhere(name, source, tags)
    try:
        client().create_registered_model(name)
        _tell(f"Successfully registered model '{name}'.")
    except AlreadyExists:
        _tell(f"Registered model '{name}' already exists. Creating a new version of this model...")
    made = client().create_model_version(name, source, run_id=run_id, tags=tags, model_id=model_id)
    _tell(f"Created version '{made.version}' of model '{name}'.")
    return made


def _registered_nowhere(name: str, source: str, tags: Mapping[str, Any] | None) -> ModelVersion:
    """A version of a model of which nothing is kept."""
    registry = MlkeepClient(nowhere.uri)
    with contextlib.suppress(AlreadyExists):
        registry.create_registered_model(name)
    return registry.create_model_version(name, source, tags=tags)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _source(model_uri: str) -> tuple[str, str | None, str | None]:
    """Source, run and logged model of a version to be registered from `model_uri`."""
    if model_uri.startswith("models:/") and "/" not in model_uri.removeprefix("models:/") and "@" not in model_uri:
        model_id = model_uri.removeprefix("models:/")
        return model_uri, client().get_logged_model(model_id).source_run_id or None, model_id
    if not model_uri.startswith("runs:/"):
        return model_uri, None, None
    run_id, _, path = model_uri.removeprefix("runs:/").strip("/").partition("/")
    if recording.is_silent(run_id):
        return f"{nowhere.uri}{path}", run_id, None
    run = client().get_run(run_id)
    store = store_at(run.info.artifact_uri, client().tracking_uri)
    if any(info.path.rpartition("/")[2] == "MLmodel" for info in store.list(path)):
        return f"{run.info.artifact_uri.rstrip('/')}/{path}".rstrip("/"), run_id, None
    steps = {made.model_id: made.step for made in run.outputs.model_outputs}
    named = logged_models_named(client().tracking_uri, run.info.experiment_id, run_id, path)
    ids = [model.info.model_id for model in named]
    if not ids:
        raise NotFound(
            f"Unable to find a logged_model with artifact_path {path} under run {run_id}: there is no MLmodel file at this "
            "path of the run's artifacts, and no logged model of this name."
        )
    model_id = max(ids, key=lambda one: steps.get(one, -1))  # of equals the first, which is the newest
    _log.info(
        "The run %s has no model among its artifacts at '%s'; taking its logged model %s.", run_id, path, model_id
    )
    return f"models:/{model_id}", run_id, model_id


def search_registered_models(
    max_results: int | None = None, filter_string: str | None = None, order_by: list[str] | None = None
) -> list[RegisteredModel]:
    """Registered models, all of them unless `max_results` is given."""
    return all_pages(
        lambda size, token: client().search_registered_models(filter_string, size, order_by, token), max_results
    )


def search_model_versions(
    max_results: int | None = None, filter_string: str | None = None, order_by: list[str] | None = None
) -> list[ModelVersion]:
    """Model versions, all of them unless `max_results` is given."""
    return all_pages(
        lambda size, token: client().search_model_versions(filter_string, size, order_by, token), max_results
    )


def set_model_version_tag(
    name: str, version: int | str | None = None, key: str | None = None, value: Any = None
) -> None:
    """Set a tag of a model version."""
    client().set_model_version_tag(name, version, key, value)
