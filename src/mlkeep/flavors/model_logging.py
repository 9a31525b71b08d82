"""What logging a model of any flavor has in common: save, upload, record, register."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.entities import LoggedModel, LoggedModelOutput
from mlkeep.core.errors import InvalidInput
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import fluent
from mlkeep.sdk.logged_models import failed_if_interrupted

DEFAULT_NAME = "model"


class Destination(msgspec.Struct, frozen=True):
    """Where a logged model goes, and what is said of it; the names are MLflow's.

    `artifact_path` puts the files among the artifacts of the active run. `name` makes a logged model, which has a place
    of its own and needs no run. `model_id` is a logged model that exists already and waits for its files.
    """

    artifact_path: str | None = None
    name: str | None = None
    registered_model_name: str | None = None
    await_registration_for: int | None = 300
    params: Mapping[str, Any] | None = None
    tags: Mapping[str, Any] | None = None
    model_type: str | None = None
    step: int = 0
    model_id: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Destination:
        """What a function was called with, of what belongs here: `given` are its `locals()`."""
        return cls(**{name: given[name] for name in cls.__struct_fields__ if name in given})


def log(destination: Destination, save: Callable[[Path, Model], Model]) -> ModelInfo:
    """Save a model with `save(path, model)` and log it.

    With `artifact_path` it belongs to the active run (one is started if there is none) and loads from
    `runs:/<run id>/<path>`; else it becomes a logged model, an output of the active run if there is one, and loads from
    `models:/<model id>`. With `registered_model_name` it also becomes a new version of that model.

    Raises:
        InvalidInput: both `artifact_path` and `name` are given.
    """
    if destination.artifact_path and destination.name:
        raise InvalidInput(
            f"Both artifact_path ({destination.artifact_path!r}) and name ({destination.name!r}) are given: give "
            "artifact_path to keep the model in the run, or name to make it a logged model."
        )
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        folder = Path(scratch) / "model"
        if destination.artifact_path and destination.model_id is None:
            info = _log_in_run(destination.artifact_path, folder, save)
        else:
            info = _log_as_model(destination, folder, save)
    if destination.registered_model_name:
        version = fluent.register_model(
            info.model_uri,
            destination.registered_model_name,
            await_registration_for=destination.await_registration_for,
        )
        info.registered_model_version = version.version
    return info


def _log_in_run(artifact_path: str, folder: Path, save: Callable[[Path, Model], Model]) -> ModelInfo:
    run_id = fluent.active_or_started_run().info.run_id
    client = fluent.tracking_client()
    model = save(folder, Model(artifact_path=artifact_path, run_id=run_id))
    client.log_artifacts(run_id, str(folder), artifact_path)
    client.log_model_record(run_id, model.to_json())
    return model.get_model_info()


def _log_as_model(destination: Destination, folder: Path, save: Callable[[Path, Model], Model]) -> ModelInfo:
    client = fluent.tracking_client()
    run = fluent.active_run()
    run_id = None if run is None else run.info.run_id
    logged = _logged_model(destination, run_id)
    with failed_if_interrupted(logged.model_id):
        if run_id is not None:
            fluent.log_outputs([LoggedModelOutput(model_id=logged.model_id, step=destination.step)])
        model = save(folder, Model(artifact_path=logged.artifact_location, run_id=run_id, model_id=logged.model_id))
        client.log_model_artifacts(logged.model_id, str(folder))
        ready = client.finalize_logged_model(logged.model_id, "READY")
    info = model.get_model_info()
    info.logged_model = ready
    return info


def _logged_model(destination: Destination, run_id: str | None) -> LoggedModel:
    client = fluent.tracking_client()
    if destination.model_id is not None:
        existing: LoggedModel = client.get_logged_model(destination.model_id)
        return existing
    of_run = {} if run_id is None else client.get_run(run_id).data.params
    made: LoggedModel = fluent.initialize_logged_model(
        destination.name or DEFAULT_NAME,
        tags=destination.tags,
        params={**(destination.params or {}), **of_run},
        model_type=destination.model_type,
    )
    return made
