"""The files of a pipeline: its weights as safetensors, its components, an adapter of PEFT."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlkeep.core.errors import Damaged, InvalidInput, NotFound, NotInstalled
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.inspecting import first_line
from mlkeep.flavors.transformers import hub
from mlkeep.flavors.transformers.library import COMPONENTS, IS_5, class_named, dtype_keyword, dtype_named
from mlkeep.flavors.transformers.parts import Parts, base_of, is_adapter, pipeline_of
from mlkeep.models.inside import inside

with needed("transformers"):
    import transformers
    from safetensors import SafetensorError

MODEL = "model"
_COMPONENTS = "components"
_ADAPTER = "peft"
_OF_MODEL = frozenset(
    {"attn_implementation", "device_map", "low_cpu_mem_usage", "quantization_config", "trust_remote_code"}
)
"""Keywords of `load_model` that are for the weights, not for the pipeline."""


def described(parts: Parts) -> dict[str, Any]:
    """What MLmodel says of `parts` that are all in the folder."""
    return {
        "transformers_version": transformers.__version__,
        "task": parts.task,
        "instance_type": parts.pipeline_class,
        "pipeline_model_type": parts.model_class,
        "source_model_name": parts.source_name,
        "model_binary": MODEL,
        "torch_dtype": None if parts.dtype is None else str(parts.dtype),
        "components": list(parts.components),
        **{f"{name}_type": type(component).__name__ for name, component in parts.components.items()},
        **({} if IS_5 else {"framework": "pt"}),
    }


def write(folder: Path, parts: Parts, weights: bool) -> dict[str, Any]:
    """Write `parts` into `folder`, or with `weights` False only what is not on the hub; gives what MLmodel says of them."""
    conf = described(parts)
    del conf["model_binary"]
    if weights:
        write_weights(folder, parts.checkpoint or base_of(parts.model))
        conf["model_binary"] = MODEL
    elif hub.is_repository(parts.source_name):
        conf["source_model_revision"] = hub.revision_of(parts.source_name, parts.model)
    if is_adapter(parts.model):
        parts.model.save_pretrained(folder / _ADAPTER)
        conf["peft_adaptor"] = _ADAPTER
    for name, component in parts.components.items():
        source = str(getattr(component, "name_or_path", "") or parts.source_name)
        if not weights and hub.is_repository(source):
            conf[f"{name}_name"] = source
            conf[f"{name}_revision"] = hub.revision_of(source, component)
        else:
            component.save_pretrained(folder / _COMPONENTS / name)
    return conf


def write_weights(folder: Path, model: Any) -> None:
    """Write a model, or copy the folder of a checkpoint with safetensors, into `folder/model`."""
    if isinstance(model, Path):
        # Other weights in the folder are the same ones in formats that nobody needs.
        others = shutil.ignore_patterns("*.bin", "*.h5", "*.msgpack", "*.pt", "*.pth", "*.onnx", ".*", "checkpoint-*")
        shutil.copytree(model, folder / MODEL, ignore=others)
        return
    model.save_pretrained(folder / MODEL, **({} if IS_5 else {"safe_serialization": True}))


def read_pipeline(
    folder: Path, conf: Mapping[str, Any], device: Any, base_model_path: str | None, options: Mapping[str, Any]
) -> Any:
    """The pipeline in `folder` on `device`; `options` are keywords of `transformers.pipeline` and `from_pretrained`.

    Raises:
        Damaged: a file is not what was written.
        NotFound: weights that are not in the folder are not where it says.
        NotInstalled: it needs PEFT.
        InvalidInput: transformers has no such class or task, or refuses an option.
    """
    parts = read_parts(folder, conf, base_model_path, options)
    rest = {name: value for name, value in options.items() if name not in _OF_MODEL and "dtype" not in name}
    where = {} if "device_map" in options else {"device": device}
    components = {name: part for name, part in parts.items() if name in COMPONENTS}
    if conf["task"] not in _WITH_PROCESSOR:
        components.pop("processor", None)
    return pipeline_of(str(conf["task"]), parts["model"], components, {**where, **rest})


_WITH_PROCESSOR = frozenset({"image-text-to-text", "any-to-any", "mask-generation"})
"""Tasks whose pipelines take a processor; others take its parts."""


def read_parts(
    folder: Path, conf: Mapping[str, Any], base_model_path: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The model and the components in `folder`, by name. Raises: see `read_pipeline`."""
    asked = options.get("dtype", options.get("torch_dtype")) or conf.get("torch_dtype")
    keywords = {**dtype_keyword(dtype_named(asked)), **{k: v for k, v in options.items() if k in _OF_MODEL}}
    model = _read_model(folder, conf, base_model_path, keywords)
    if (adapter := conf.get("peft_adaptor")) is not None:
        model = _with_adapter(model, inside(folder, adapter, "peft_adaptor"))
    parts = {"model": model}
    for name in conf.get("components") or []:
        kind = class_named(str(conf.get(f"{name}_type")), COMPONENTS.get(name))
        if (own := inside(folder, f"{_COMPONENTS}/{name}", "components")).is_dir():
            with _told_apart(own):
                parts[name] = kind.from_pretrained(own)
        else:
            source = str(conf.get(f"{name}_name") or conf.get("source_model_name"))
            parts[name] = _from_hub(kind, source, conf.get(f"{name}_revision"), {})
    return parts


def _read_model(folder: Path, conf: Mapping[str, Any], base_model_path: str | None, keywords: Mapping[str, Any]) -> Any:
    kind = class_named(str(conf.get("pipeline_model_type")))
    local = base_model_path or (None if conf.get("model_binary") else conf.get("local_base_model_path"))
    if local is not None:
        if not (Path(local) / "config.json").is_file():
            raise NotFound(
                f"The model was saved without its base model, which should be at {local!r} and is not: give its folder "
                "here as base_model_path."
            )
        return kind.from_pretrained(local, **keywords)
    if (binary := conf.get("model_binary")) is not None:
        path = inside(folder, binary, "model_binary")
        with _told_apart(path):
            return kind.from_pretrained(path, local_files_only=True, **keywords)
    return _from_hub(kind, str(conf.get("source_model_name")), conf.get("source_model_revision"), keywords)


@contextmanager
def _told_apart(path: Path) -> Iterator[None]:
    """Around reading a folder: files that are not there, or not what was written, are told as such."""
    if not path.is_dir():
        raise NotFound(f"The model has no folder {path}.")
    try:
        yield
    except (SafetensorError, OSError, ValueError) as error:
        raise Damaged(f"{path.name} in {path.parent} cannot be read: {first_line(error)}") from error


def _from_hub(kind: Any, name: str, revision: Any, keywords: Mapping[str, Any]) -> Any:
    try:
        return kind.from_pretrained(name, revision=revision, **keywords)
    except OSError as error:
        raise NotFound(
            f"The model was saved without its weights: {name!r} (revision {revision}) of the Hugging Face hub, which "
            f"cannot be loaded here: {first_line(error)} mlkeep.transformers.persist_pretrained_model(uri), "
            "where it can be, puts the weights into the model."
        ) from error


def _with_adapter(model: Any, folder: Path) -> Any:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise NotInstalled("The model is an adapter of PEFT, which is not installed: pip install peft.") from error
    return peft.PeftModel.from_pretrained(model, str(folder))


def check_options(parts: Parts, save_pretrained: bool, base_model_path: str | None) -> None:
    """See that what is asked for goes with `parts`.

    Raises:
        InvalidInput: it does not.
    """
    if base_model_path is None:
        return
    if not is_adapter(parts.model):
        raise InvalidInput(
            "base_model_path: it is the base of an adapter of PEFT, and this model has none; leave it out."
        )
    if not (Path(base_model_path) / "config.json").is_file():
        raise InvalidInput(f"base_model_path: there is no checkpoint in {str(base_model_path)!r}.")
    if not save_pretrained:
        raise InvalidInput(
            "base_model_path and save_pretrained=False each say where the weights are: give one of them."
        )
