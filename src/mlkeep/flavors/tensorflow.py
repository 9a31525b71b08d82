"""TensorFlow: Keras models with the classes they were made with, and modules as SavedModels."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.errors import Forbidden, InvalidInput
from mlkeep.flavors import model_logging, pickle_policy, pickling, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.inside import inside
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("tensorflow"):
    import keras
    import tensorflow as tf

from mlkeep.flavors.keras_models import (
    H5_FILE,
    KERAS_FILE,
    MODULE_FILE,
    KerasFunction,
    load_keras_file,
    registered_names,
)
from mlkeep.flavors.saved_models import SavedModelFunction, load_saved_model

FLAVOR_NAME = "tensorflow"
LOADER_MODULE = "mlflow.tensorflow"
_KERAS = "keras"
_MODULE = "tf2-module"
_DATA = "data"
_SAVED_MODEL = "tf2model"
_FORMAT_FILE = "save_format.txt"
_GIVEN_OBJECTS = "custom_objects.cloudpickle"
_REGISTERED_OBJECTS = "global_custom_objects.cloudpickle"
_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tensorflow-intel", "tf-nightly")
_FORMATS = {"tf": KERAS_FILE, "keras": KERAS_FILE, "h5": H5_FILE}

_log = logging.getLogger(__name__)


class _Options(msgspec.Struct, frozen=True):
    """How a model is saved."""

    custom_objects: Mapping[str, Any]
    saved_model_kwargs: Mapping[str, Any]
    keras_model_kwargs: Mapping[str, Any]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> _Options:
        """What a function was called with, of what belongs here: `given` are its `locals()`."""
        return cls(**{name: given[name] or {} for name in cls.__struct_fields__})


def get_default_pip_requirements(include_cloudpickle: bool = False) -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    return [_tensorflow_requirement()] + [pinned("cloudpickle")] * include_cloudpickle


def _tensorflow_requirement() -> str:
    """TensorFlow comes under several names; the one that is installed here."""
    for name in _DISTRIBUTIONS:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        return pinned(name)
    return f"tensorflow=={tf.__version__}"


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save a Keras model or a `tf.Module` as the model folder `path`.

    `custom_objects` maps names to classes and functions a Keras model was made with; these, and registered ones that it
    uses, are pickled beside it. `keras_model_kwargs` go to `keras.Model.save` (`save_format="h5"` chooses HDF5),
    `saved_model_kwargs` to `tf.saved_model.save`.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: this is neither, or TensorFlow cannot save it.
        Forbidden: `custom_objects` are given, and pickles are forbidden here.
    """
    ceremony, options = saving.Ceremony.of(locals()), _Options.of(locals())
    _save(model, path, ceremony, options, mlflow_model)


def log_model(
    model: Any,
    artifact_path: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    registered_model_name: str | None = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
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
    options = _Options.of(locals())
    return model_logging.log(destination, lambda path, described: _save(model, path, ceremony, options, described))


def load_model(
    model_uri: str | Path,
    dst_path: str | None = None,
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The Keras model at `model_uri`, or what TensorFlow loads of a module.

    `keras_model_kwargs` go to `keras.models.load_model`, `saved_model_kwargs` to `tf.saved_model.load`. Code inside a
    Keras file does not run unless `keras_model_kwargs` hold `safe_mode=False`; the pickles of `custom_objects` do.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        InvalidInput: it cannot be loaded, or holds code.
        Forbidden: it comes with pickled classes, and pickles are forbidden here.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf, saved_model_kwargs, keras_model_kwargs)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    # Folders of MLflow 1 may say what there is in the python_function flavor only.
    own = model.flavors.get(FLAVOR_NAME) or {"model_type": _KERAS, "data": conf.get("data")}
    return wrap(_load(folder, own))


def wrap(model: Any) -> Any:
    """`model` as a function of frames and arrays."""
    return KerasFunction(model) if isinstance(model, keras.Model) else SavedModelFunction(model)


def _save(model: Any, path: str | Path, ceremony: saving.Ceremony, options: _Options, described: Model | None) -> Model:
    if isinstance(model, keras.Model):
        return saving.save(
            path,
            ceremony,
            lambda folder: _write_keras(model, folder, options),
            lambda _folder, data, _params: KerasFunction(model).predict(data),
            described,
        )
    if not isinstance(model, tf.Module):
        raise InvalidInput(f"model: expected a keras.Model or a tf.Module, found {type(model).__name__}.")
    return saving.save(
        path,
        ceremony,
        lambda folder: _write_module(model, folder, options),
        # What was written answers otherwise than the module may: it has only what TensorFlow traced.
        lambda folder, data, _params: SavedModelFunction(load_saved_model(folder / _SAVED_MODEL)).predict(data),
        described,
    )


def _write_keras(model: Any, folder: Path, options: _Options) -> saving.Written:
    data = folder / _DATA
    data.mkdir()
    keras_options = dict(options.keras_model_kwargs)
    save_format = str(keras_options.pop("save_format", None) or "tf")
    if save_format not in _FORMATS:
        raise InvalidInput(f"keras_model_kwargs: save_format {save_format!r} is unknown; choose 'keras' or 'h5'.")
    save_format = "h5" if save_format == "h5" else "tf"
    (data / MODULE_FILE).write_text("tensorflow.keras", encoding="utf-8")
    (data / _FORMAT_FILE).write_text(save_format, encoding="utf-8")
    model.save(data / _FORMATS[save_format], **keras_options)
    pickles, modules = _pickle_objects(data, options.custom_objects, _registered(data))
    conf = {"model_type": _KERAS, "data": _DATA, "keras_version": keras.__version__, "save_format": save_format}
    return saving.Written(
        flavors={FLAVOR_NAME: conf},
        pyfunc={"loader_module": LOADER_MODULE, "data": _DATA},
        modules={"tensorflow", type(model).__module__, *modules},
        pickles=[f"{_DATA}/{name}" for name in pickles],
        defaults=get_default_pip_requirements(include_cloudpickle=bool(pickles)),
    )


def _write_module(module: Any, folder: Path, options: _Options) -> saving.Written:
    tf.saved_model.save(module, str(folder / _SAVED_MODEL), **options.saved_model_kwargs)
    return saving.Written(
        flavors={FLAVOR_NAME: {"model_type": _MODULE, "saved_model_dir": _SAVED_MODEL}},
        pyfunc={"loader_module": LOADER_MODULE},
        modules={"tensorflow"},
        defaults=get_default_pip_requirements(),
    )


def _registered(data: Path) -> dict[str, Any]:
    """What the saved Keras model uses of the classes and functions that were registered with Keras."""
    known = keras.saving.get_custom_objects()
    if not known or not (data / KERAS_FILE).is_file():
        return dict(known)
    with zipfile.ZipFile(data / KERAS_FILE) as archive:
        used = set(registered_names(json.loads(archive.read("config.json"))))
    return {name: value for name, value in known.items() if name in used}


def _pickle_objects(data: Path, given: Mapping[str, Any], registered: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Pickle both into `data`; the names of the files, and the modules they import."""
    files, modules = [], set()
    if given:
        pickle_policy.check_allowed(data / _GIVEN_OBJECTS)
        modules |= pickling.dump(dict(given), data / _GIVEN_OBJECTS)
        files.append(_GIVEN_OBJECTS)
    if registered and _may_pickle(data / _REGISTERED_OBJECTS, sorted(registered)):
        modules |= pickling.dump(registered, data / _REGISTERED_OBJECTS)
        files.append(_REGISTERED_OBJECTS)
    return files, modules


def _may_pickle(path: Path, names: list[str]) -> bool:
    try:
        pickle_policy.check_allowed(path)
    except Forbidden:
        _log.warning(
            "%s are not saved with the model, because pickles are forbidden here: register them before loading it.",
            names,
        )
        return False
    return True


def _load(
    folder: Path,
    conf: Mapping[str, Any],
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    if "saved_model_dir" in conf:
        options = dict(saved_model_kwargs or {})
        # Folders of MLflow 1 name the part of the SavedModel.
        if tags := conf.get("meta_graph_tags"):
            options.setdefault("tags", tags)
        return load_saved_model(inside(folder, conf["saved_model_dir"], "saved_model_dir"), options)
    data = inside(folder, conf.get("data") or _DATA, "data")
    objects: dict[str, Any] = {}
    for name in (_REGISTERED_OBJECTS, _GIVEN_OBJECTS):
        if (data / name).is_file():
            objects |= pickling.load(data / name)
    return load_keras_file(data, keras_model_kwargs, objects)
