"""Models as functions: loading any flavor as one, and saving Python code as a model."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.core.settings import setting, variable
from mlkeep.flavors import model_logging, saving
from mlkeep.flavors.frameworks import refuse
from mlkeep.flavors.loader_modules import load_with
from mlkeep.flavors.loading import fetch, fetch_flavor, warn_of_differences
from mlkeep.flavors.own_code import code_folder, own_modules
from mlkeep.flavors.pyfunc_model import PyFuncModel
from mlkeep.flavors.python_model import PythonModel, PythonModelContext
from mlkeep.flavors.python_source import ModelConfig, PythonCode, PythonSource, default_requirements
from mlkeep.flavors.table import PYFUNC, loader_of
from mlkeep.models.environment import CONDA_FILE, REQUIREMENTS_FILE, conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.inside import inside
from mlkeep.models.mlmodel import Model
from mlkeep.models.model_config import read_config
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements
from mlkeep.models.resources import Resources, described_resources

__all__ = [
    "CODE",
    "DATA",
    "ENV",
    "FLAVOR_NAME",
    "MAIN",
    "PY_VERSION",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "add_to_model",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "get_model_dependencies",
    "load_model",
    "load_pyfunc",
    "log_model",
    "save_model",
]

FLAVOR_NAME = PYFUNC
MAIN, CODE, DATA, ENV, PY_VERSION = "loader_module", "code", "data", "env", "python_version"
"""What the settings of the flavor are called in MLmodel."""

_CONFIG_SETTING = "PYFUNC_INFERENCE_CONFIG"

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
    config = _effective_config(_saved_config(folder, conf), model_config)
    with own_modules(code_folder(folder, conf)):
        if (loader := loader_of(loader_module)) is not None:
            implementation = loader.load_pyfunc(folder, model, conf, config)
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
        folder=folder,
    )


def load_pyfunc(model_uri: str | Path, suppress_warnings: bool = False) -> PyFuncModel:
    """An old name of `load_model`."""
    return load_model(model_uri, suppress_warnings)


def save_model(
    path: str | Path,
    loader_module: str | None = None,
    data_path: str | Path | None = None,
    code_paths: Iterable[str] | None = None,
    infer_code_paths: bool = False,
    conda_env: CondaEnv | None = None,
    mlflow_model: Model | None = None,
    python_model: PythonCode | None = None,
    artifacts: Mapping[str, str] | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: ModelConfig | None = None,
    streamable: bool | None = None,
    resources: Resources | None = None,
    auth_policy: Any = None,
    uv_project_path: str | Path | None = None,
    uv_groups: Iterable[str] | None = None,
    uv_extras: Iterable[str] | None = None,
    *,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save Python code as the model folder `path`, in one of two ways.

    `python_model`: an instance of a `PythonModel`, a function of one argument, or the path of a script that makes one and
    calls `mlkeep.models.set_model`; `artifacts` maps names to URIs of files or folders, which are copied and given to it
    as `context.artifacts`. Or `loader_module`: the name of a module whose `_load_pyfunc(path)` makes a model of
    `data_path`; put it into `code_paths` if it is not installed. With `infer_code_paths` the modules of the project that
    the model imports come along by themselves. `uv_project_path` is the folder of a project of uv: what its lock file says
    for these `uv_groups` and `uv_extras` is what the model needs. Without it, the working folder is one if it has a lock
    file.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: neither or both ways are used, a script cannot be run, or a value cannot be used.
        NotOffered: `auth_policy` is given.
    """
    ceremony = saving.Ceremony.of(locals())
    refuse(auth_policy=auth_policy)
    source = PythonSource(
        loader_module, data_path, python_model, artifacts, model_config, streamable, infer_code_paths=infer_code_paths
    )
    model = Model() if mlflow_model is None else mlflow_model
    model.resources = described_resources(resources)
    source.save(path, ceremony, model)


def log_model(
    artifact_path: str | None = None,
    loader_module: str | None = None,
    data_path: str | Path | None = None,
    code_paths: Iterable[str] | None = None,
    infer_code_paths: bool = False,
    conda_env: CondaEnv | None = None,
    python_model: PythonCode | None = None,
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
    resources: Resources | None = None,
    auth_policy: Any = None,
    uv_project_path: str | Path | None = None,
    uv_groups: Iterable[str] | None = None,
    uv_extras: Iterable[str] | None = None,
    prompts: Iterable[Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    *,
    extra_files: Iterable[str] | None = None,
) -> ModelInfo:
    """Log Python code as a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    refuse(auth_policy=auth_policy, prompts=prompts)
    source = PythonSource(
        loader_module, data_path, python_model, artifacts, model_config, streamable, infer_code_paths=infer_code_paths
    )
    described = described_resources(resources)

    def save(path: Path, model: Model) -> Model:
        model.resources = described
        return source.save(path, ceremony, model)

    info = model_logging.log(destination, save)
    model_logging.log_config_as_params(source.config)
    return info


def add_to_model(
    model: Model,
    loader_module: str,
    data: str | None = None,
    code: str | None = None,
    conda_env: str | None = None,
    python_env: str | None = None,
    model_config: Mapping[str, Any] | str | None = None,
    model_code_path: str | None = None,
    **kwargs: Any,
) -> Model:
    """Give `model` the python_function flavor, loaded by `loader_module`; what else is given goes into its settings."""
    env = {name: path for name, path in (("conda", conda_env), ("virtualenv", python_env)) if path is not None}
    named = {"data": data, "code": code, "config": model_config, "model_code_path": model_code_path, "env": env}
    conf = {"loader_module": loader_module, "python_version": platform.python_version()}
    return model.add_flavor(PYFUNC, **kwargs, **conf, **{name: value for name, value in named.items() if value})


def get_model_dependencies(model_uri: str, format: str = "pip") -> str:  # noqa: A002 - MLflow's argument
    """The local path of the file that lists what the model needs: requirements (`pip`) or an environment (`conda`).

    Raises:
        InvalidInput: the format is another one.
        NotFound: there is no model.
    """
    if format not in {"pip", "conda"}:
        raise InvalidInput(f"format: {format!r} is unknown; choose 'pip' or 'conda'.")
    return str(fetch(model_uri) / (REQUIREMENTS_FILE if format == "pip" else CONDA_FILE))


def _saved_config(folder: Path, conf: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration a model was saved with, which may be in a file of the folder."""
    saved = conf.get("config")
    if isinstance(saved, str):
        return read_config(inside(folder, saved, "config")) or {}
    return dict(saved) if isinstance(saved, Mapping) else {}


def _effective_config(saved: dict[str, Any], given: ModelConfig | None) -> dict[str, Any]:
    """The saved configuration, with values replaced by those of the environment and then of the caller."""
    effective = dict(saved)
    from_environment: ModelConfig | None = None
    if text := setting(_CONFIG_SETTING):
        try:
            from_environment = json.loads(text)
        except ValueError as error:
            raise InvalidInput(f"{variable(_CONFIG_SETTING)} must be a JSON object, found {text!r}.") from error
    for overrides in (from_environment, given):
        values = read_config(overrides) or {}
        if unknown := sorted(map(str, values.keys() - effective.keys())):
            _log.warning("Ignoring %s of model_config: the model was not saved with them.", unknown)
        effective |= {key: value for key, value in values.items() if key in effective}
    return effective
