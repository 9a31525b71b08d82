"""Prophet: forecasts of time series, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import Damaged, InvalidInput
from mlkeep.flavors import inspecting, model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("prophet"):
    import prophet
    import prophet.serialize

FLAVOR_NAME = "prophet"
LOADER_MODULE = "mlflow.prophet"
_FILE = "model.pr"


def get_default_pip_requirements() -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    return [pinned("prophet")]


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    pr_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save a fitted `Prophet` as the model folder `path`.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: it is no `Prophet`, or was not fitted.
    """
    _save(pr_model, path, saving.Ceremony.of(locals()), mlflow_model)


def log_model(
    pr_model: Any,
    artifact_path: str | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
) -> ModelInfo:
    """Log a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    return model_logging.log(destination, lambda path, model: _save(pr_model, path, ceremony, model))


def load_model(model_uri: str | Path, dst_path: str | None = None) -> prophet.Prophet:
    """The `Prophet` at `model_uri`.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        Damaged: its file cannot be read.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(inspecting.data_file(folder, conf, _FILE))


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder`, whose `predict(frame)` gives the whole forecast; see `mlkeep.flavors.table.Loader`."""
    return _load(inspecting.data_file(folder, conf, _FILE))


def _save(pr_model: Any, path: str | Path, ceremony: saving.Ceremony, model: Model | None) -> Model:
    if not isinstance(pr_model, prophet.Prophet):
        raise InvalidInput(f"pr_model: expected a prophet.Prophet, found {type(pr_model).__name__}.")
    if pr_model.history is None:
        raise InvalidInput("pr_model: this Prophet was not fitted, and has nothing to save; call fit first.")

    def write(folder: Path) -> saving.Written:
        # MLflow's file is a JSON text within a JSON text, and so is what it reads.
        content = json.dumps(prophet.serialize.model_to_json(pr_model))
        (folder / _FILE).write_text(content, encoding="utf-8")
        conf = {"data": _FILE, "model_type": "Prophet", "prophet_version": prophet.__version__}
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc={"loader_module": LOADER_MODULE, "data": _FILE},
            modules={"prophet"},
            defaults=get_default_pip_requirements(),
        )

    return saving.save(path, ceremony, write, lambda _folder, data, _params: pr_model.predict(data), model)


def _load(path: Path) -> prophet.Prophet:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        return prophet.serialize.model_from_json(content if isinstance(content, str) else text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{path.name} in {path.parent} is not that of a Prophet, or damaged: {error}") from error
