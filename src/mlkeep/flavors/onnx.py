"""ONNX models, which onnxruntime runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.flavors import inspecting, model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("onnx"):
    import onnx
    from google.protobuf.message import DecodeError

    from mlkeep.flavors.onnx_session import DEFAULT_PROVIDERS, OnnxSession, checked_options, told

FLAVOR_NAME = "onnx"
LOADER_MODULE = "mlflow.onnx"
ONNX_EXECUTION_PROVIDERS = DEFAULT_PROVIDERS
_FILE = "model.onnx"
_TENSORS_FILE = "model.onnx.data"
_MAX_BYTES_INSIDE = 2**31 - 1  # of a protobuf message


def get_default_pip_requirements() -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    return [pinned("onnx"), pinned("onnxruntime")]


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    onnx_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    onnx_execution_providers: list[Any] | None = None,
    onnx_session_options: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    save_as_external_data: bool = True,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save an `onnx.ModelProto` as the model folder `path`.

    `onnx_execution_providers` and `onnx_session_options` are how onnxruntime is to run it when it is loaded as a
    function; providers that are not there then are left out. With `save_as_external_data` large tensors lie in a file
    beside the graph, which models above 2 GB need.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: it is no valid ONNX model, or an option is unknown.
    """
    how = (onnx_execution_providers, onnx_session_options, save_as_external_data)
    _save(onnx_model, path, saving.Ceremony.of(locals()), *how, mlflow_model)


def log_model(
    onnx_model: Any,
    artifact_path: str | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    onnx_execution_providers: list[Any] | None = None,
    onnx_session_options: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    save_as_external_data: bool = True,
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
    how = (onnx_execution_providers, onnx_session_options, save_as_external_data)
    return model_logging.log(destination, lambda path, model: _save(onnx_model, path, ceremony, *how, model))


def load_model(model_uri: str | Path, dst_path: str | None = None) -> onnx.ModelProto:
    """The `onnx.ModelProto` at `model_uri`, with its tensors.

    Raises:
        NotFound: there is no model, not one of this flavor, or one of its files is missing.
        Damaged: it cannot be read.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    path = inspecting.data_file(folder, conf, _FILE)
    try:
        return onnx.load(path)
    except (FileNotFoundError, onnx.checker.ValidationError) as error:
        raise NotFound(f"The model needs a file that is not in {folder}: {error}") from error
    except DecodeError as error:
        raise Damaged(f"{path.name} in {folder} is not the file of an ONNX model, or damaged: {error}") from error


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - graphs have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    own = model.flavors.get(FLAVOR_NAME, {})
    path = inspecting.data_file(folder, {"data": conf.get("data") or own.get("data")}, _FILE)
    return OnnxSession(path, own.get("providers"), own.get("onnx_session_options"))


def _save(
    onnx_model: Any,
    path: str | Path,
    ceremony: saving.Ceremony,
    providers: list[Any] | None,
    options: Mapping[str, Any] | None,
    as_external_data: bool,
    model: Model | None,
) -> Model:
    if not isinstance(onnx_model, onnx.ModelProto):
        raise InvalidInput(f"onnx_model: expected an onnx.ModelProto, found {type(onnx_model).__name__}.")
    conf: dict[str, Any] = {
        "data": _FILE,
        "onnx_version": onnx.__version__,
        "providers": [list(one) if isinstance(one, tuple) else one for one in providers or ONNX_EXECUTION_PROVIDERS],
        "onnx_session_options": checked_options(options),
    }

    def write(folder: Path) -> saving.Written:
        _write(onnx_model, folder / _FILE, as_external_data=as_external_data)
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc={"loader_module": LOADER_MODULE, "data": _FILE},
            modules={"onnx", "onnxruntime"},
            defaults=get_default_pip_requirements(),
        )

    def predict(folder: Path, data: Any, _params: dict[str, Any] | None) -> Any:
        return OnnxSession(folder / _FILE, conf["providers"], conf["onnx_session_options"]).predict(data)

    return saving.save(path, ceremony, write, predict, model)


def _write(onnx_model: onnx.ModelProto, path: Path, *, as_external_data: bool) -> None:
    if as_external_data:
        # onnx takes the tensors out of what it is given, and this belongs to the caller.
        copied = onnx.ModelProto()
        copied.CopyFrom(onnx_model)
        onnx.save_model(copied, path, save_as_external_data=True, location=_TENSORS_FILE)
    elif onnx_model.ByteSize() > _MAX_BYTES_INSIDE:
        raise InvalidInput("onnx_model: above 2 GB; leave save_as_external_data=True, one file cannot hold it.")
    else:
        onnx.save_model(onnx_model, path)
    try:
        # By its path: that also works for models that are too large for one message.
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise InvalidInput(f"onnx_model: not a valid ONNX model: {told(error)}") from error
