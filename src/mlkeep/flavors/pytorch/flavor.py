"""Saving, logging and loading modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.flavors.pytorch import devices, formats
from mlkeep.flavors.pytorch import pickle_module as own_pickles
from mlkeep.flavors.pytorch.function import AsFunction
from mlkeep.flavors.pytorch.inputs import Inputs, inputs_of, storable
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("pytorch"):
    import torch

FLAVOR_NAME = "pytorch"
LOADER_MODULE = "mlflow.pytorch"


def get_default_pip_requirements() -> list[str]:
    """What a pickled module needs, pinned as installed; graphs and weights do without cloudpickle."""
    return [pinned("torch"), pinned("cloudpickle")]


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    pytorch_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    mlflow_model: Model | None = None,
    code_paths: Iterable[str] | None = None,
    pickle_module: Any = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    extra_files: Iterable[str] | None = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    export_model: bool = False,
    serialization_format: str | None = None,
    *,
    module_kwargs: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Save a `torch.nn.Module` as the model folder `path`.

    `serialization_format` is one of
    - `pt2`: the graph that `torch.export` makes of the module in evaluation mode; it holds no code. It is made with
      `input_example` (an array, a tensor, a DataFrame as float32, or a tuple of arrays or tensors for several arguments)
      or with zeros in the shape of a signature's tensor. `load_model` gives a `GraphModule`, not the class of yours: to
      train it further, use one of the other formats. MLflow reads it from 3.17 on.
    - `safetensors`: the weights, and the import path of the class; `module_kwargs` are what the class is called with
      when it is loaded. It holds no code, loads only where the class can be imported (or with `load_model(uri,
      module=Net())`), and is not read by MLflow.
    - `pickle`: the whole module as `torch.save` writes it, with classes of scripts and notebooks inside. Loading it runs
      code. Every MLflow reads it. `pickle_module` replaces cloudpickle; `kwargs` are keywords of `torch.save`.
    - None: `pt2` if there is something to make the graph with and the module can be exported, else `pickle` with a
      warning. TorchScript modules are saved as such. `export_model=True` means `pt2`.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: this is no module, or it cannot be saved in the format.
        Forbidden: only a pickle holds it, and pickles are forbidden here.
    """
    _save(pytorch_model, path, saving.Ceremony.of(locals()), formats.Wanted.of(locals()), mlflow_model)


def log_model(
    pytorch_model: Any,
    artifact_path: str | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    pickle_module: Any = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    extra_files: Iterable[str] | None = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    export_model: bool = False,
    serialization_format: str | None = None,
    *,
    module_kwargs: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a module: with `artifact_path` into the active run, else as a logged model called `name`.

    With an `input_example` it is logged as a graph: what `load_model` then gives is no instance of your class. To get
    that back, say `serialization_format="pickle"` or `"safetensors"`. The other arguments are those of `save_model` and
    of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    wanted = formats.Wanted.of(locals())
    _check_module(pytorch_model)
    return model_logging.log(destination, lambda path, model: _save(pytorch_model, path, ceremony, wanted, model))


def load_model(
    model_uri: str | Path, dst_path: str | None = None, *, module: Any = None, device: Any = None, **kwargs: Any
) -> Any:
    """The module at `model_uri`: of the class it was saved from, or a `GraphModule` if it was saved as a graph (`pt2`).

    `module` is given to models saved as weights (`safetensors`): it is filled with them and returned. `device` (or
    torch's `map_location`) is where the module comes; without it, weights of a GPU come to the processor where there is
    none. Other `kwargs` are keywords of `torch.load`, for pickles.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        Forbidden: it is a pickle, and pickles are forbidden here.
        InvalidInput: `module` does not fit, or the class cannot be imported.
        Damaged: a file is not what was written.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    if isinstance(kwargs.get("map_location"), (str, torch.device)):
        device = device or kwargs.pop("map_location")
    return formats.read(folder, conf, devices.checked(device, "device"), module, kwargs)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> AsFunction:
    """The module in `folder` as a function; see `mlkeep.flavors.table.Loader`.

    `device` of the configuration, `MLKEEP_DEFAULT_PREDICTION_DEVICE` or `MLFLOW_DEFAULT_PREDICTION_DEVICE` name the
    device; without them it is a GPU if there is one.
    """
    device = devices.for_prediction(model_config.get("device"))
    own = model.flavors.get(FLAVOR_NAME) or {"model_data": conf.get("data", "data")}
    return AsFunction(formats.read(folder, own, device), device)


def _save(
    pytorch_model: Any, path: str | Path, ceremony: saving.Ceremony, wanted: formats.Wanted, model: Model | None
) -> Model:
    _check_module(pytorch_model)
    inputs = _inputs(ceremony, wanted)
    ceremony = msgspec.structs.replace(ceremony, input_example=storable(ceremony.input_example))

    def write(folder: Path) -> saving.Written:
        kept = formats.write(pytorch_model, folder, wanted, inputs)
        return saving.Written(
            flavors={FLAVOR_NAME: {"model_data": "data", "pytorch_version": str(torch.__version__), **kept.conf}},
            pyfunc={
                "loader_module": LOADER_MODULE,
                "data": "data",
                "pickle_module_name": _name_of(wanted.pickle_module),
                "config": {"device": None},
            },
            modules=kept.modules,
            defaults=[pinned("torch"), *map(pinned, kept.needs)],
            pickles=kept.pickles,
        )

    def predict(_folder: Path, data: Any, params: dict[str, Any] | None) -> Any:
        return AsFunction(pytorch_model, devices.of(pytorch_model)).predict(data, params)

    return saving.save(path, ceremony, write, predict, model)


def _check_module(pytorch_model: Any) -> None:
    if not isinstance(pytorch_model, torch.nn.Module):
        raise InvalidInput(f"pytorch_model: expected a torch.nn.Module, found {type(pytorch_model).__name__}.")


def _inputs(ceremony: saving.Ceremony, wanted: formats.Wanted) -> Inputs | None:
    """What a graph would be made with, if one is wanted or would do."""
    if wanted.format not in {None, formats.PT2}:
        return None
    try:
        return inputs_of(ceremony.input_example, ceremony.signature)
    except InvalidInput as error:
        if wanted.format is None:
            return None
        raise InvalidInput(f"serialization_format='pt2': {error.message}") from error


def _name_of(pickle_module: Any) -> str:
    name = own_pickles.NAME if pickle_module is None else str(pickle_module.__name__)
    return own_pickles.NAME if name in own_pickles.NAMES else name
