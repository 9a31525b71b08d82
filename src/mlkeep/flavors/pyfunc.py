"""Models as functions: loading any flavor as one, and saving Python code as a model."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.flavors import model_logging, saving
from mlkeep.flavors.loading import fetch, fetch_flavor, warn_of_differences
from mlkeep.flavors.pyfunc_model import PyFuncModel
from mlkeep.flavors.python_model import PythonModel, PythonModelContext
from mlkeep.flavors.python_source import ModelConfig, PythonSource, default_requirements, load_with, read_config
from mlkeep.flavors.table import PYFUNC, loader_of
from mlkeep.models.environment import CONDA_FILE, REQUIREMENTS_FILE, conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements

__all__ = [
    "FLAVOR_NAME",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "get_model_dependencies",
    "load_model",
    "log_model",
    "save_model",
]

FLAVOR_NAME = PYFUNC
_CONFIG_VARIABLE = "MLFLOW_PYFUNC_INFERENCE_CONFIG"

_log = logging.getLogger(__name__)


def get_default_pip_requirements() -> list[str]:
    """What every Python model needs, pinned as installed."""
    return default_requirements()


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def load_model(
    model_uri: str | Path,
    suppress_warnings: bool = False,
    dst_path: str | None = None,
    model_config: ModelConfig | None = None,
) -> PyFuncModel:
    """The model at `model_uri`, of whichever flavor, as a function.

    `model_config` replaces values of the configuration the model was saved with; keys it does not have are ignored.

    Raises:
        NotFound: there is no model, or it cannot be called as a function.
        Forbidden: it is a pickle, and pickles are forbidden here.
    """
    folder, model, conf = fetch_flavor(model_uri, PYFUNC, dst_path)
    if not suppress_warnings:
        warn_of_differences(folder, model)
    loader_module = conf.get("loader_module")
    if not isinstance(loader_module, str):
        raise InvalidInput(f"MLmodel in {folder}: the python_function flavor names no loader_module.")
    config = _effective_config(conf.get("config"), model_config)
    if (loader := loader_of(loader_module)) is not None:
        implementation = loader.load_pyfunc(folder, conf, config)
    else:
        implementation = load_with(loader_module, folder, conf, config)
    stream = conf.get("predict_stream_fn", "predict_stream") if conf.get("streamable") else None
    return PyFuncModel(
        model,
        implementation,
        predict_fn=str(conf.get("predict_fn", "predict")),
        predict_stream_fn=stream,
        model_id=model.model_id,
        model_config=config or None,
    )


def save_model(
    path: str | Path,
    loader_module: str | None = None,
    data_path: str | Path | None = None,
    code_paths: Iterable[str] | None = None,
    infer_code_paths: bool = False,
    conda_env: CondaEnv | None = None,
    mlflow_model: Model | None = None,
    python_model: PythonModel | Callable[[Any], Any] | None = None,
    artifacts: Mapping[str, str] | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: ModelConfig | None = None,
    streamable: bool | None = None,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save Python code as the model folder `path`, in one of two ways.

    `python_model`: an instance of a `PythonModel`, or a function of one argument; `artifacts` maps names to URIs of
    files or folders, which are copied and given to it as `context.artifacts`. Or `loader_module`: the name of a module
    whose `_load_pyfunc(path)` makes a model of `data_path`; put it into `code_paths` if it is not installed.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: neither or both ways are used, or a value cannot be used.
    """
    ceremony = saving.Ceremony.of(locals())
    _refuse_inferring_code(infer_code_paths)
    source = PythonSource(loader_module, data_path, python_model, artifacts, model_config, streamable)
    source.save(path, ceremony, mlflow_model)


def log_model(
    artifact_path: str | None = None,
    loader_module: str | None = None,
    data_path: str | Path | None = None,
    code_paths: Iterable[str] | None = None,
    infer_code_paths: bool = False,
    conda_env: CondaEnv | None = None,
    python_model: PythonModel | Callable[[Any], Any] | None = None,
    artifacts: Mapping[str, str] | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: ModelConfig | None = None,
    streamable: bool | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    extra_files: Iterable[str] | None = None,
) -> ModelInfo:
    """Log Python code as a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    _refuse_inferring_code(infer_code_paths)
    source = PythonSource(loader_module, data_path, python_model, artifacts, model_config, streamable)
    return model_logging.log(destination, lambda path, model: source.save(path, ceremony, model))


def _refuse_inferring_code(infer_code_paths: bool) -> None:
    if infer_code_paths:
        raise NotOffered("infer_code_paths: mlkeep does not look for a model's modules; name them in code_paths.")


def get_model_dependencies(model_uri: str, format: str = "pip") -> str:  # noqa: A002 - MLflow's argument
    """The local path of the file that lists what the model needs: requirements (`pip`) or an environment (`conda`).

    Raises:
        InvalidInput: the format is another one.
        NotFound: there is no model.
    """
    if format not in {"pip", "conda"}:
        raise InvalidInput(f"format: {format!r} is unknown; choose 'pip' or 'conda'.")
    return str(fetch(model_uri) / (REQUIREMENTS_FILE if format == "pip" else CONDA_FILE))


def _effective_config(saved: object, given: ModelConfig | None) -> dict[str, Any]:
    """The saved configuration, with values replaced by those of the environment and then of the caller."""
    effective = dict(saved) if isinstance(saved, Mapping) else {}
    from_environment: ModelConfig | None = None
    if text := os.environ.get(_CONFIG_VARIABLE):
        try:
            from_environment = json.loads(text)
        except ValueError as error:
            raise InvalidInput(f"{_CONFIG_VARIABLE} must be a JSON object, found {text!r}.") from error
    for overrides in (from_environment, given):
        values = read_config(overrides) or {}
        if unknown := sorted(map(str, values.keys() - effective.keys())):
            _log.warning("Ignoring %s of model_config: the model was not saved with them.", unknown)
        effective |= {key: value for key, value in values.items() if key in effective}
    return effective
