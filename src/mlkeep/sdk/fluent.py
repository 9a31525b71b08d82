"""The functions users type: they act on the active run, starting one where none is active."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import Experiment, Metric, ModelVersion, Param, RegisteredModel, Run, RunTag, ViewType
from mlkeep.core.errors import AlreadyExists, NotFound
from mlkeep.sdk import artifacts
from mlkeep.sdk.active import (
    ActiveRun,
    active_or_started_run,
    active_run,
    client,
    current_experiment_id,
    end_run,
    last_active_run,
    set_experiment,
    start_run,
)
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.client.runs import as_number
from mlkeep.sdk.search import all_pages, search_runs

__all__ = [
    "ActiveRun",
    "active_or_started_run",
    "active_run",
    "create_experiment",
    "current_experiment_id",
    "delete_experiment",
    "delete_run",
    "delete_tag",
    "end_run",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_parent_run",
    "get_run",
    "last_active_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_text",
    "register_model",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_model_versions",
    "search_registered_models",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_model_version_tag",
    "set_tag",
    "set_tags",
    "start_run",
    "tracking_client",
]


def tracking_client() -> MlkeepClient:
    """A client of the tracking and registry URIs as they are set now."""
    return client()


def _run_id(run_id: str | None = None) -> str:
    return run_id or active_or_started_run().info.run_id


# Params, metrics, tags


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:  # noqa: ARG001 - every call is
    """Log a param, as text, and give `value` back. Raises InvalidInput: it has another value already."""
    return client().log_param(_run_id(), key, value)


def log_params(params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None) -> None:  # noqa: ARG001
    """Log many params."""
    client().log_batch(_run_id(run_id), params=[Param(key, str(value)) for key, value in params.items()])


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001 - every call is
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
) -> None:
    """Log one point. `step` is 0 and `timestamp` (milliseconds) now unless given. Raises InvalidInput: no number."""
    client().log_metric(_run_id(run_id), key, value, timestamp=timestamp, step=step, model_id=model_id)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001 - every call is
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
) -> None:
    """Log one point of each of many metrics, all of the same step and time."""
    at_ms = now_ms() if timestamp is None else timestamp
    points = [Metric(key, as_number(value, key), at_ms, step or 0, model_id=model_id) for key, value in metrics.items()]
    client().log_batch(_run_id(run_id), metrics=points)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> None:  # noqa: ARG001 - every call is
    """Set a tag of the active run, replacing its value."""
    client().set_tag(_run_id(), key, value)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> None:  # noqa: ARG001 - every call is
    """Set many tags of the active run."""
    client().log_batch(_run_id(), tags=[RunTag(key, str(value)) for key, value in tags.items()])


def delete_tag(key: str) -> None:
    """Remove a tag of the active run. Raises NotFound."""
    client().delete_tag(_run_id(), key)


# Artifacts


def log_artifact(local_path: str | Path, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Upload a file, or a folder with its name, into the folder `artifact_path` of the run's artifacts."""
    client().log_artifact(_run_id(run_id), local_path, artifact_path)


def log_artifacts(local_dir: str | Path, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Upload what is in a folder."""
    client().log_artifacts(_run_id(run_id), local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text as an artifact."""
    client().log_text(_run_id(run_id), text, artifact_file)


def log_dict(dictionary: Mapping[str, Any] | list[Any], artifact_file: str, run_id: str | None = None) -> None:
    """Keep a dictionary as an artifact: YAML if the name says so, else JSON."""
    client().log_dict(_run_id(run_id), dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None) -> None:
    """Keep a figure of matplotlib or plotly as an artifact."""
    client().log_figure(_run_id(), figure, artifact_file, save_kwargs=save_kwargs)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the artifacts of the active run go."""
    root = active_or_started_run().info.artifact_uri
    return f"{root.rstrip('/')}/{artifact_path}" if artifact_path else root


# Runs and experiments


def get_run(run_id: str) -> Run:
    """The run as it is now. Raises NotFound."""
    return client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run this one is nested in."""
    return client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Put a run into the bin."""
    client().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Take a run out of the bin."""
    client().restore_run(run_id)


def create_experiment(name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None) -> str:
    """Make an experiment and give its id. Raises AlreadyExists."""
    return client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment. Raises NotFound."""
    return client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, or None."""
    return client().get_experiment_by_name(name)


def delete_experiment(experiment_id: str) -> None:
    """Put an experiment and its runs into the bin."""
    client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Take an experiment and its runs out of the bin."""
    client().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the active experiment."""
    client().set_experiment_tag(current_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set many tags of the active experiment."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: list[str] | None = None,
) -> list[Experiment]:
    """Experiments, all of them unless `max_results` is given."""
    return all_pages(
        lambda size, token: client().search_experiments(view_type, size, filter_string, order_by, token), max_results
    )


# Models


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = None,  # noqa: ARG001 - a version is there when the call returns
    *,
    tags: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Add a version to the registered model `name`, which is made if need be.

    `model_uri` may be `runs:/<run id>/<path>`, `models:/m-<id>`, or the place of a model folder.

    Raises:
        NotFound: there is no such run, or no model at that path of it.
    """
    source, run_id, model_id = _source(model_uri)
    with contextlib.suppress(AlreadyExists):  # then the version goes to the model that is there
        client().create_registered_model(name)
    return client().create_model_version(name, source, run_id=run_id, tags=tags, model_id=model_id)


def _source(model_uri: str) -> tuple[str, str | None, str | None]:
    """Source, run and logged model of a version to be registered from `model_uri`."""
    if model_uri.startswith("models:/") and "/" not in model_uri.removeprefix("models:/") and "@" not in model_uri:
        model_id = model_uri.removeprefix("models:/")
        return model_uri, client().get_logged_model(model_id).source_run_id or None, model_id
    if not model_uri.startswith("runs:/"):
        return model_uri, None, None
    run_id, _, path = model_uri.removeprefix("runs:/").strip("/").partition("/")
    run = client().get_run(run_id)
    store = artifacts.store_at(run.info.artifact_uri, client().tracking_uri)
    if any(info.path.rpartition("/")[2] == "MLmodel" for info in store.list(path)):
        return f"{run.info.artifact_uri.rstrip('/')}/{path}".rstrip("/"), run_id, None
    model = artifacts.find_logged_model(client().tracking_uri, run.info.experiment_id, run_id, path)
    if model is None:
        raise NotFound(
            f"There is no model at '{path}' of run '{run_id}': no MLmodel file among its artifacts, and no logged model "
            "of this name."
        )
    return f"models:/{model.info.model_id}", run_id, model.info.model_id


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
