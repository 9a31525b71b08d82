"""Keras 3: models in Keras's own format, which holds no code unless a layer is one, or exported for serving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.keras_models import (
    EXPORTED,
    KERAS_FILE,
    MODULE_FILE,
    KerasFunction,
    check_model,
    load_keras_file,
)
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.example import split_params
from mlkeep.models.inference import infer_schema
from mlkeep.models.info import ModelInfo
from mlkeep.models.inside import inside
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned
from mlkeep.models.schema import Schema

with needed("keras"):
    import keras

FLAVOR_NAME = "keras"
LOADER_MODULE = "mlflow.keras"
_DATA = "data"


def get_default_pip_requirements() -> list[str]:
    """What every model of this flavor needs, pinned as installed; its backend is found by what it imports."""
    return [pinned("keras")]


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    model: Any,
    path: str | Path,
    save_exported_model: bool = False,
    conda_env: CondaEnv | None = None,
    mlflow_model: Model | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    save_model_kwargs: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Save a Keras model as the model folder `path`.

    With `save_exported_model` only what answers is saved, as a SavedModel of TensorFlow: it cannot be trained on, and
    needs no class of the model's. `save_model_kwargs` go to `keras.Model.save` or `keras.Model.export`.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: this is no model of Keras, or it cannot be exported because it was never built.
    """
    _save(model, path, saving.Ceremony.of(locals()), save_exported_model, save_model_kwargs, mlflow_model)


def log_model(
    model: Any,
    artifact_path: str | None = None,
    save_exported_model: bool = False,
    conda_env: CondaEnv | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    registered_model_name: str | None = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    save_model_kwargs: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
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
    return model_logging.log(
        destination,
        lambda path, described: _save(model, path, ceremony, save_exported_model, save_model_kwargs, described),
    )


def load_model(
    model_uri: str | Path,
    dst_path: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    load_model_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The Keras model at `model_uri`; of an exported one, what TensorFlow loads, whose method `serve` answers.

    `custom_objects` maps names to the classes and functions the model was made with; `load_model_kwargs` go to
    `keras.models.load_model`. Code inside the file does not run unless they hold `safe_mode=False`.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        InvalidInput: Keras cannot load it, or refuses to run the code in it.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf, custom_objects, load_model_kwargs)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    own = model.flavors.get(FLAVOR_NAME) or {}
    loaded = _load(folder, own)
    if own.get("save_exported_model"):
        # Only here: a model in Keras's own format may have another backend.
        from mlkeep.flavors.saved_models import SavedModelFunction

        return SavedModelFunction(loaded)
    return KerasFunction(loaded)


def _save(
    model: Any,
    path: str | Path,
    ceremony: saving.Ceremony,
    exported: bool,
    options: Mapping[str, Any] | None,
    described: Model | None,
) -> Model:
    check_model(model)

    def write(folder: Path) -> saving.Written:
        data = folder / _DATA
        data.mkdir()
        (data / MODULE_FILE).write_text("keras", encoding="utf-8")
        if exported:
            _export(model, data / EXPORTED, ceremony, dict(options or {}))
        else:
            model.save(data / KERAS_FILE, **(options or {}))
        backend = "tensorflow" if exported else keras.backend.backend()
        conf = {
            "data": _DATA,
            "keras_backend": keras.backend.backend(),
            "keras_version": keras.__version__,
            "save_exported_model": exported,
        }
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc={"loader_module": LOADER_MODULE},
            modules={"keras", backend, type(model).__module__},
            defaults=get_default_pip_requirements(),
        )

    answer = KerasFunction(model).predict
    return saving.save(path, ceremony, write, lambda _folder, data, _params: answer(data), described)


def _export(model: Any, target: Path, ceremony: saving.Ceremony, options: dict[str, Any]) -> None:
    if (schema := _declared(ceremony)) is not None:
        options.setdefault("input_signature", _input_signature(schema))
    try:
        model.export(str(target), **{"verbose": False, **options})
    except ValueError as error:
        raise InvalidInput(
            f"save_exported_model: Keras cannot export this model: {error} Call the model on data once, so that it knows "
            "what goes in; a signature of tensors or an input_example of arrays says it more exactly."
        ) from error


def _declared(ceremony: saving.Ceremony) -> Schema | None:
    """The tensors that go in, if the caller says so in a signature or an example."""
    schema = ceremony.signature.inputs if ceremony.signature else None
    if schema is None and ceremony.input_example is not None:
        data, _ = split_params(ceremony.input_example)
        many = isinstance(data, dict) and all(isinstance(value, np.ndarray) for value in data.values())
        schema = infer_schema(data) if many or isinstance(data, np.ndarray) else None
    return schema if schema is not None and schema.is_tensor_spec() else None


def _input_signature(schema: Schema) -> Any:
    specs = [
        keras.InputSpec(shape=[None if size == -1 else size for size in item.shape], dtype=item.type.name)  # type: ignore[union-attr]  # a schema of tensors
        for item in schema.inputs
    ]
    if schema.has_input_names():
        return [dict(zip(map(str, schema.input_names()), specs, strict=True))]
    return specs


def _load(
    folder: Path,
    conf: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    data = inside(folder, conf.get("data") or _DATA, "data")
    if conf.get("save_exported_model"):
        # Only here, for the same reason as above.
        from mlkeep.flavors.saved_models import load_saved_model

        return load_saved_model(data / EXPORTED, options)
    return load_keras_file(data, options, custom_objects)
