"""A copy of a registered model that carries what it needs along: a wheel of each distribution it requires."""

from __future__ import annotations

import platform
import shutil
import tempfile
from pathlib import Path

from mlkeep.core.entities import LoggedModelOutput
from mlkeep.core.errors import InvalidInput
from mlkeep.core.proofs import LEFT_BY_DOWNLOADS
from mlkeep.environments.building import collect_wheels
from mlkeep.environments.recorded import recorded
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.environment import REQUIREMENTS_FILE, rewrite_lines
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import MLMODEL_FILE, Model
from mlkeep.sdk import config, fluent
from mlkeep.sdk.logged_models import failed_if_interrupted
from mlkeep.sdk.model_uris import ModelUri, parse_model_uri
from mlkeep.sdk.places import version_named

WHEELS = "wheels"
"""The folder of the wheels, and the key in MLmodel that says for which platform they are."""

ORIGINAL_REQUIREMENTS_FILE = "original_requirements.txt"


def add_libraries_to_model(
    model_uri: str, run_id: str | None = None, registered_model_name: str | None = None
) -> ModelInfo:
    """Register a copy of a version, with wheels of its requirements, so that its environment is made without an index.

    The copy is a logged model of the run `run_id`, else of the active run, else of the run that the version comes from;
    and a new version of `registered_model_name`, else of the same registered model. Its `requirements.txt` names the
    files in `wheels/`, which are for this platform; what it said before is in `original_requirements.txt`.

    Raises:
        InvalidInput: `model_uri` is not that of a registered version, the version has its wheels already, or one of its
            requirements cannot be had.
        NotFound: there is no such version or run.
        NotInstalled: there is neither pip nor uv.
    """
    uri = _checked(model_uri)
    number = version_named(uri, config.get_registry_uri())
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        folder = fetch(f"models:/{uri.name}/{number}", dst_path=str(Path(scratch) / "model"))
        model = Model.load(folder)
        if WHEELS in model.other:
            raise InvalidInput(
                f"Model libraries are already added: '{model_uri}' has its wheels. Name the version that it was made of."
            )
        _put_wheels(folder, model)
        info = _log(folder, model, run_id or _run_of(uri.name, number))
    version = fluent.register_model(info.model_uri, registered_model_name or uri.name)
    info.registered_model_version = version.version
    return info


def _checked(model_uri: str) -> ModelUri:
    uri = parse_model_uri(model_uri)
    if uri.model_id is not None:
        raise InvalidInput(
            f"model_uri: '{model_uri}' is a logged model, and wheels are added to registered versions: register it, and "
            "give models:/<name>/<version>."
        )
    return uri


def _put_wheels(folder: Path, model: Model) -> None:
    """Change a model folder: wheels are in it, and its environment is made of them."""
    (folder / LEFT_BY_DOWNLOADS).unlink(missing_ok=True)
    wanted = recorded(folder, model.flavors.get(PYFUNC, {}).get("python_version"))
    (folder / WHEELS).mkdir(exist_ok=True)
    names = collect_wheels(wanted, folder / WHEELS)
    if (folder / REQUIREMENTS_FILE).is_file():
        shutil.copyfile(folder / REQUIREMENTS_FILE, folder / ORIGINAL_REQUIREMENTS_FILE)
    rewrite_lines(folder, [f"{WHEELS}/{name}" for name in names])
    model.other[WHEELS] = {"platform": platform.platform()}


def _run_of(name: str, version: str) -> str | None:
    """The run that is active, else the one that a version comes from."""
    if (run := fluent.active_run()) is not None:
        return run.info.run_id
    return fluent.tracking_client().get_model_version(name, version).run_id or None


def _log(folder: Path, model: Model, run_id: str | None) -> ModelInfo:
    """Make a logged model of the folder, whose MLmodel says so."""
    client = fluent.tracking_client()
    experiment_id = None if run_id is None else client.get_run(run_id).info.experiment_id
    logged = fluent.initialize_logged_model(source_run_id=run_id, experiment_id=experiment_id)
    with failed_if_interrupted(logged.model_id):
        if run_id is not None:
            client.log_outputs(run_id, [LoggedModelOutput(model_id=logged.model_id, step=0)])
        model.artifact_path, model.run_id = logged.artifact_location, run_id
        model.model_id = model.model_uuid = logged.model_id
        model.utc_time_created = Model().utc_time_created
        files = [file for file in folder.rglob("*") if file.is_file() and file.name != MLMODEL_FILE]
        model.model_size_bytes = sum(file.stat().st_size for file in files)
        model.save(folder / MLMODEL_FILE)
        client.log_model_artifacts(logged.model_id, str(folder))
        ready = client.finalize_logged_model(logged.model_id, "READY")
    return model.get_model_info(ready)
