"""Saving, logging and loading pipelines."""

from __future__ import annotations

import logging
import string
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.flavors import model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.flavors.pytorch import devices
from mlkeep.flavors.transformers import cards, files, hub
from mlkeep.flavors.transformers.function import PipelineFunction
from mlkeep.flavors.transformers.library import IS_5, dtype_named
from mlkeep.flavors.transformers.parts import Parts, is_adapter, parts_of
from mlkeep.flavors.transformers.persisting import with_weights
from mlkeep.flavors.transformers.signatures import default_signature
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("transformers"):
    import transformers  # noqa: F401 - so that a missing one is told before anything else

FLAVOR_NAME = "transformers"
LOADER_MODULE = "mlflow.transformers"
_OPTIONAL = {"accelerate": "accelerate", "torchvision": "torchvision", "sentencepiece": "sentencepiece"}
"""What transformers uses if it is there: module and distribution."""

_TEMPLATED = ("feature-extraction", "fill-mask", "summarization", "text2text-generation", "text-generation")

_log = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True):
    """What only this flavor lets its caller say; the names are MLflow's."""

    processor: Any = None
    task: str | None = None
    torch_dtype: Any = None
    model_card: Any = None
    model_config: Mapping[str, Any] | None = None
    prompt_template: Any = None
    save_pretrained: bool = True
    base_model_path: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """What a function was called with, of what belongs here: `given` are its `locals()`.

        Raises:
            InvalidInput: there are keywords that nobody knows.
            NotOffered: prompts of MLflow's registry are given, which mlkeep has not.
        """
        if given.get("prompts"):
            raise NotOffered("prompts: mlkeep has no registry of prompts; leave it out.")
        if given["kwargs"]:
            raise InvalidInput(f"{', '.join(sorted(given['kwargs']))}: unknown arguments.")
        return cls(**{name: given[name] for name in cls.__struct_fields__})


def get_default_pip_requirements(model: Any) -> list[str]:  # noqa: ARG001 - MLflow's argument; only models of PyTorch are taken
    """What every model of this flavor needs, pinned as installed."""
    used = [pinned(name) for module, name in _OPTIONAL.items() if module in sys.modules]
    return [pinned("transformers"), pinned("torch"), *used]


def get_default_conda_env(model: Any) -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements(model)])


def save_model(
    transformers_model: Any,
    path: str | Path,
    processor: Any = None,
    task: str | None = None,
    torch_dtype: Any = None,
    model_card: Any = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    conda_env: CondaEnv | None = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    prompt_template: str | None = None,
    save_pretrained: bool = True,
    base_model_path: str | None = None,
    **kwargs: Any,
) -> None:
    """Save a pipeline, a dict of its components, or the folder of a checkpoint as the model folder `path`.

    Weights are kept as safetensors, so that a folder holds no code. `task` is needed for components and checkpoints.
    `torch_dtype` is the type weights are loaded with; without it, the one they have. `model_config` are keywords the
    pipeline is called with as a function; `prompt_template` (with one `{prompt}`) is put around each text. With
    `save_pretrained=False` only the name and the commit of a model of the hub are kept. An adapter of PEFT is kept beside
    its base model, or with `base_model_path` without it. `model_card` is kept, else the one in the cache of the hub or
    beside the checkpoint; the network is not asked.

    Without a signature and an example, the signature is that of the task.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: no pipeline of PyTorch can be made of what is given; transformers has no such task.
        NotOffered: `task` is one of MLflow's own (`llm/v1/…`).
    """
    _save(transformers_model, path, saving.Ceremony.of(locals()), Options.of(locals()), mlflow_model)


def log_model(
    transformers_model: Any,
    artifact_path: str | None = None,
    processor: Any = None,
    task: str | None = None,
    torch_dtype: Any = None,
    model_card: Any = None,
    code_paths: Iterable[str] | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    conda_env: CondaEnv | None = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    prompt_template: str | None = None,
    save_pretrained: bool = True,
    prompts: Iterable[Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    base_model_path: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a pipeline: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    options = Options.of(locals())
    return model_logging.log(destination, lambda path, model: _save(transformers_model, path, ceremony, options, model))


def load_model(
    model_uri: str | Path,
    dst_path: str | None = None,
    return_type: str = "pipeline",
    device: Any = None,
    base_model_path: str | None = None,
    **kwargs: Any,
) -> Any:
    """The pipeline at `model_uri`, or with `return_type="components"` a dict of its task, type and components.

    `device` is a name, or a number as transformers counts GPUs (-1 for the processor); without it,
    `MLKEEP_DEFAULT_PREDICTION_DEVICE` or `MLFLOW_DEFAULT_PREDICTION_DEVICE` names it, else it is a GPU if there is one.
    `base_model_path` is where the base model of an adapter is now. `kwargs` are keywords of `transformers.pipeline` and
    `from_pretrained`.

    Raises:
        NotFound: there is no model, or not one of this flavor, or weights it refers to are not there.
        Damaged: a file is not what was written.
        InvalidInput: the installed transformers has not the task or a class.
        NotInstalled: it has an adapter, and PEFT is missing.
    """
    if return_type not in {"pipeline", "components"}:
        raise InvalidInput(f"return_type: {return_type!r} is unknown; choose 'pipeline' or 'components'.")
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    if return_type == "pipeline":
        where = None if "device_map" in kwargs else _device(device)
        return files.read_pipeline(folder, conf, where, base_model_path, kwargs)
    parts = files.read_parts(folder, conf, base_model_path, kwargs)
    if device is not None:
        parts["model"].to(devices.checked(device, "device"))
    about = {"task": conf["task"], "dtype": dtype_named(conf.get("torch_dtype"))}
    return {**about, **({} if IS_5 else {"framework": "pt"}), **parts}


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> PipelineFunction:  # noqa: ARG001 - all is in our own settings
    """The pipeline in `folder` as a function; see `mlkeep.flavors.table.Loader`.

    Raises:
        NotOffered: it was saved for one of MLflow's own tasks.
    """
    own = model.flavor(FLAVOR_NAME)
    if (special := own.get("inference_task")) is not None:
        raise NotOffered(
            f"The model was saved for MLflow's task {special!r}, which mlkeep has not: load its pipeline with "
            "mlkeep.transformers.load_model."
        )
    pipeline = files.read_pipeline(folder, own, _device(None), None, {})
    return PipelineFunction(pipeline, model_config, (model.metadata or {}).get("prompt_template"))


def persist_pretrained_model(model_uri: str | Path) -> None:
    """Put the weights into a model that was saved with `save_pretrained=False`, wherever it lies. One that has its
    weights stays as it is.

    Raises:
        NotFound: there is no model, or the hub does not have its weights.
    """
    with_weights(model_uri, FLAVOR_NAME)


def _device(given: Any) -> str:
    device = devices.checked(given, "device")
    return devices.for_prediction(None) if device is None else device


def _save(given: Any, path: str | Path, ceremony: saving.Ceremony, options: Options, model: Model | None) -> Model:
    parts = parts_of(given, options.processor, options.task, options.torch_dtype)
    files.check_options(parts, options.save_pretrained, options.base_model_path)
    config = _config(parts, options)
    ceremony = _with_defaults(ceremony, parts, options)

    def write(folder: Path) -> saving.Written:
        conf = files.write(folder, parts, _weights_wanted(parts, options))
        if options.base_model_path is not None:
            conf["local_base_model_path"] = str(Path(options.base_model_path).absolute())
        else:
            cards.write(folder, parts, options.model_card)
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc={"loader_module": LOADER_MODULE, **({"config": config} if config else {})},
            modules=_modules(parts),
            defaults=get_default_pip_requirements(parts.model),
        )

    def predict(folder: Path, data: Any, params: dict[str, Any] | None) -> Any:
        pipeline = parts.pipeline
        if pipeline is None:
            # Of a checkpoint, which is only copied.
            pipeline = files.read_pipeline(folder, files.described(parts), _device(None), None, {})
        return PipelineFunction(pipeline, config, options.prompt_template).predict(data, params)

    return saving.save(path, ceremony, write, predict, model)


def _weights_wanted(parts: Parts, options: Options) -> bool:
    if options.base_model_path is not None:
        return False
    if not options.save_pretrained and not hub.is_repository(parts.source_name):
        _log.warning(
            "save_pretrained=False: %r is no model of the Hugging Face hub, so its weights are saved after all.",
            parts.source_name or "the model",
        )
        return True
    return options.save_pretrained


def _with_defaults(ceremony: saving.Ceremony, parts: Parts, options: Options) -> saving.Ceremony:
    signature = ceremony.signature
    if signature is None and ceremony.input_example is None:
        signature = default_signature(parts.task)
    metadata = ceremony.metadata
    if options.prompt_template is not None:
        metadata = {**(metadata or {}), "prompt_template": options.prompt_template}
    return msgspec.structs.replace(ceremony, signature=signature, metadata=metadata)


def _config(parts: Parts, options: Options) -> dict[str, Any]:
    """The keywords the pipeline is called with as a function."""
    config = dict(options.model_config or {})
    template = options.prompt_template
    if template is None:
        return config
    if parts.task not in _TEMPLATED:
        raise InvalidInput(f"prompt_template: not for {parts.task!r}, only for {', '.join(_TEMPLATED)}.")
    if not isinstance(template, str) or _fields(template) != ["prompt"]:
        raise InvalidInput(
            f"prompt_template: expected a text with one {{prompt}}, such as 'Question: {{prompt}} Answer:', not {template!r}."
        )
    # The template is not part of the answer.
    return {"return_full_text": False, **config} if parts.task == "text-generation" else config


def _fields(template: str) -> list[str]:
    try:
        return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError:
        return []


def _modules(parts: Parts) -> set[str]:
    modules = {"transformers", "torch", "safetensors", *(type(one).__module__ for one in parts.components.values())}
    if parts.model is not None:
        modules.add(type(parts.model).__module__)
    if is_adapter(parts.model):
        modules.add("peft")
    if "image_processor" in parts.components:
        modules.add("PIL")
    return modules
