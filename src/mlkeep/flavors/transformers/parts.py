"""What is saved: the parts of a pipeline, whichever way they were given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.transformers.library import (
    COMPONENTS,
    IS_5,
    class_named,
    dtype_named,
    pipeline_class_of,
    task_named,
)

with needed("transformers"):
    import torch
    import transformers

_ABOUT_TYPE = ("torch_dtype", "dtype")
_SAID_OTHERWISE = {"task", "framework"}
"""What `load_model(return_type="components")` gives besides components."""

_KINDS = {
    "tokenizer": ("tokenizer_config.json", None),
    "feature_extractor": ("preprocessor_config.json", "feature_extractor_type"),
    "image_processor": ("preprocessor_config.json", "image_processor_type"),
    "processor": ("processor_config.json", None),
}
"""The file by which a checkpoint has a component, and the key in it that tells two apart."""


class Parts(msgspec.Struct, frozen=True):
    """A pipeline in parts. `model` is None for a checkpoint, which `checkpoint` is the folder of."""

    task: str
    pipeline_class: str
    model_class: str
    dtype: Any
    components: dict[str, Any]
    pipeline: Any = None
    model: Any = None
    checkpoint: Path | None = None
    source_name: str = ""


def parts_of(given: Any, processor: Any, task: str | None, torch_dtype: Any) -> Parts:
    """The parts of a pipeline, of a dict of components, or of the folder of a checkpoint.

    Raises:
        InvalidInput: it is none of these, or no pipeline can be made of it.
        NotOffered: the task is one of MLflow's own.
    """
    if task is not None and str(task).startswith("llm/"):
        raise NotOffered(
            f"task: {task!r} is one of MLflow's own, which mlkeep has not; give one of transformers' pipelines, such as "
            "'text-generation'."
        )
    if isinstance(given, transformers.Pipeline):
        return _of_pipeline(given, processor, task, torch_dtype)
    if isinstance(given, Mapping):
        return _of_components(given, processor, task, torch_dtype)
    if isinstance(given, (str, Path)):
        return _of_checkpoint(Path(given), processor, task, torch_dtype)
    raise InvalidInput(
        "transformers_model: expected a pipeline, a dict of components such as {'model': ..., 'tokenizer': ...}, or the "
        f"path of a checkpoint's folder; found {type(given).__name__}."
    )


def _of_pipeline(given: Any, processor: Any, task: str | None, torch_dtype: Any) -> Parts:
    if not isinstance(given.model, torch.nn.Module):
        raise InvalidInput(
            f"transformers_model: the model of the pipeline is a {type(given.model).__name__}, which is not of PyTorch; "
            "mlkeep saves pipelines of PyTorch only."
        )
    if task is not None and task_named(task) != given.task:
        raise InvalidInput(f"task: {task!r} is given, but the pipeline is one for {given.task!r}: leave it out.")
    components = {name: part for name in COMPONENTS if (part := getattr(given, name, None)) is not None}
    if processor is not None:
        components["processor"] = processor
    base = base_of(given.model)
    return Parts(
        task=given.task,
        pipeline_class=type(given).__name__,
        model_class=type(base).__name__,
        dtype=dtype_named(torch_dtype) or getattr(given.model, "dtype", None),
        components=components,
        pipeline=given,
        model=given.model,
        source_name=str(getattr(base, "name_or_path", "") or ""),
    )


def _of_components(given: Mapping[Any, Any], processor: Any, task: str | None, torch_dtype: Any) -> Parts:
    known = {"model", *COMPONENTS}
    if unknown := sorted(map(str, given.keys() - known - _SAID_OTHERWISE - set(_ABOUT_TYPE))):
        raise InvalidInput(f"transformers_model: unknown components {unknown}; there are {sorted(known)}.")
    model = given.get("model")
    if model is None:
        raise InvalidInput("transformers_model: the dict of components has no 'model'.")
    if not isinstance(model, torch.nn.Module):
        raise InvalidInput(f"transformers_model: 'model' is a {type(model).__name__}, not a model of PyTorch.")
    task = task or given.get("task")
    if task is None:
        raise InvalidInput("task: components do not say what they are for; give one, such as 'text-classification'.")
    parts = {name: given[name] for name in COMPONENTS if given.get(name) is not None and name != "processor"}
    made = pipeline_of(task_named(task), model, parts, {"device": getattr(model, "device", None)})
    dtype = torch_dtype or next((given[name] for name in _ABOUT_TYPE if given.get(name) is not None), None)
    return _of_pipeline(made, processor or given.get("processor"), None, dtype)


def pipeline_of(task: str, model: Any, components: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """A pipeline of transformers for `task`.

    Raises:
        InvalidInput: the parts do not make one; the message says why.
    """
    # transformers 4 would take TensorFlow if that is there and the weights are not safetensors.
    framework = {} if IS_5 else {"framework": "pt"}
    try:
        made = transformers.pipeline(task, model=model, **components, **framework, **options)
    except Exception as error:
        # What transformers raises for a missing part ranges from plain Exception to AttributeError.
        raise InvalidInput(
            f"No pipeline for {task!r} can be made of {type(model).__name__} and {sorted(components) or 'nothing else'}: "
            f"{error}"
        ) from error
    if (missing := _missing(made)) is not None:
        raise InvalidInput(f"A pipeline for {task!r} needs a {missing}: give it as a component.")
    return made


def _missing(pipeline: Any) -> str | None:
    """A component that the class of `pipeline` says it loads, and that is not there."""
    wants = {name: getattr(type(pipeline), f"_load_{name}", False) for name in ("tokenizer", "feature_extractor")}
    wants["image_processor"] = getattr(type(pipeline), "_load_image_processor", False)
    if getattr(pipeline, "processor", None) is not None:
        return None
    for name, wanted in wants.items():
        if wanted is True and getattr(pipeline, name, None) is None:
            return name
    return None


def _of_checkpoint(folder: Path, processor: Any, task: str | None, torch_dtype: Any) -> Parts:
    if not (folder / "config.json").is_file():
        raise InvalidInput(
            f"transformers_model: {str(folder)!r} is no folder with a checkpoint (there is no config.json). Of a model "
            "on the hub, give the pipeline."
        )
    if task is None:
        raise InvalidInput("task: a checkpoint does not say what it is for; give one, such as 'text-classification'.")
    if not any(folder.glob("*.safetensors")):
        # Weights in a pickle: transformers reads them without running code, and they are written anew.
        made = pipeline_of(task_named(task), str(folder), {}, {})
        return _of_pipeline(made, processor, None, torch_dtype)
    config = transformers.AutoConfig.from_pretrained(folder)
    if not (names := config.architectures):
        raise InvalidInput(f"transformers_model: config.json in {str(folder)!r} names no 'architectures'.")
    components = {name: class_named(COMPONENTS[name]).from_pretrained(folder) for name in _KINDS if _has(folder, name)}
    if processor is not None:
        components["processor"] = processor
    return Parts(
        task=task_named(task),
        pipeline_class=pipeline_class_of(task_named(task)),
        model_class=names[0],
        dtype=dtype_named(torch_dtype) or dtype_named(getattr(config, "dtype", None) or config.torch_dtype),
        components=components,
        checkpoint=folder,
        source_name=str(folder),
    )


def _has(folder: Path, component: str) -> bool:
    file, key = _KINDS[component]
    path = folder / file
    if not path.is_file():
        return False
    return key is None or key in json.loads(path.read_text(encoding="utf-8"))


def base_of(model: Any) -> Any:
    """The model itself, of one that an adapter of PEFT is put on."""
    return model.get_base_model() if is_adapter(model) else model


def is_adapter(model: Any) -> bool:
    """Whether `model` is one with an adapter of PEFT, asked without importing that."""
    return any(kind.__module__.startswith("peft.") and kind.__name__ == "PeftModel" for kind in type(model).__mro__)
