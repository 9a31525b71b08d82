"""What logging a model of any flavor has in common: save, upload, record, register."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.entities import LoggedModel, LoggedModelOutput, Run
from mlkeep.core.errors import InvalidInput, MlkeepException, Unavailable
from mlkeep.flavors.frameworks import refuse
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.resources import described_resources
from mlkeep.sdk import fluent
from mlkeep.sdk.logged_models import failed_if_interrupted
from mlkeep.sdk.modes import Mode, mode

_log = logging.getLogger("mlkeep")


class Destination(msgspec.Struct, frozen=True):
    """Where a logged model goes, and what is said of it; the names are MLflow's.

    `artifact_path` puts the files among the artifacts of the active run. `name` makes a logged model, which has a place
    of its own and needs no run; without either it is one whose name is made up. `model_id` is a logged model that exists
    already and waits for its files.
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
        Unavailable: there is no server to be asked, because MLKEEP_MODE is offline.
    """
    if mode() is Mode.OFFLINE:
        raise Unavailable(
            "Models are not logged while MLKEEP_MODE is offline: save it as a folder with save_model, and log it when there "
            "is a server."
        )
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
        if run is not None:
            _record_output(run, logged.model_id, destination.step)
        model = save(folder, Model(artifact_path=logged.artifact_location, run_id=run_id, model_id=logged.model_id))
        client.log_model_artifacts(logged.model_id, str(folder))
        ready = client.finalize_logged_model(logged.model_id, "READY")
    return model.get_model_info(ready)


def _record_output(run: Run, model_id: str, step: int) -> None:
    """Say that the run made the model, and that what the run measured at this step was measured on it."""
    client = fluent.tracking_client()
    measured = client.metrics_at_step(run.info.run_id, step)
    fluent.log_outputs([LoggedModelOutput(model_id=model_id, step=step)])
    if measured:
        of_model = [msgspec.structs.replace(point, model_id=model_id, run_id=None) for point in measured]
        client.log_batch(run.info.run_id, of_model, synchronous=True)


def _logged_model(destination: Destination, run_id: str | None) -> LoggedModel:
    client = fluent.tracking_client()
    if destination.model_id is not None:
        existing: LoggedModel = client.get_logged_model(destination.model_id)
        return existing
    of_run = {} if run_id is None else client.get_run(run_id).data.params
    made: LoggedModel = fluent.initialize_logged_model(
        destination.name or None,
        tags=destination.tags,
        params={**(destination.params or {}), **of_run},
        model_type=destination.model_type,
    )
    return made


def log_config_as_params(config: Mapping[str, Any] | None) -> None:
    """Log a model's configuration as params of the active run, if there is one: what is nested as `outer/inner`.

    What cannot be a param, because it is too long or another value is there already, is left out with a warning.
    """
    run = fluent.active_run()
    if not config or run is None:
        return
    for key, value in _flat(config):
        try:
            fluent.tracking_client().log_param(run.info.run_id, key, value, synchronous=True)
        except MlkeepException as error:
            _log.warning("model_config: %s is not logged as a param of the run: %s", key, error.message)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def log_with(flavor: Any, given: Mapping[str, Any]) -> ModelInfo:
    """Log what the function `save_model(path, mlflow_model, ...)` of `flavor` saves; see `Model.log`.

    Raises:
        InvalidInput: `flavor` has no such function.
    """
    save_model = getattr(flavor, "save_model", None)
    if save_model is None:
        raise InvalidInput(f"flavor: expected a module with save_model(path, mlflow_model, ...), found {flavor!r}.")
    named = {*Destination.__struct_fields__, "run_id", "resources", "auth_policy", "prompts"}
    destination = Destination.of(given)
    refuse(**{name: given.get(name) for name in ("run_id", "auth_policy", "prompts")})
    resources = described_resources(given.get("resources"))
    arguments = {name: value for name, value in given.items() if name not in named}
    if arguments.get("metadata") is None:
        arguments.pop("metadata", None)

    def save(path: Path, model: Model) -> Model:
        model.resources = resources
        save_model(path=path, mlflow_model=model, **arguments)
        return Model.load(path)

    return log(destination, save)
