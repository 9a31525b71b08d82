"""What differs between releases of transformers, and what it is asked for by name."""

from __future__ import annotations

from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed

with needed("transformers"):
    import torch
    import transformers
    from transformers import pipelines

IS_5 = int(transformers.__version__.partition(".")[0]) >= 5

COMPONENTS = {
    "tokenizer": "AutoTokenizer",
    "feature_extractor": "AutoFeatureExtractor",
    "image_processor": "AutoImageProcessor",
    "processor": "AutoProcessor",
}
"""What a pipeline may consist of besides its model, and which class loads it if its own is not known."""


def dtype_keyword(dtype: Any) -> dict[str, Any]:
    """How `from_pretrained` is told the type of weights; nothing for None."""
    return {} if dtype is None else {"dtype" if IS_5 else "torch_dtype": dtype}


def dtype_named(name: object) -> Any:
    """The type that `name` (`torch.float16`, as folders have it, or the type itself) names; None for none.

    Raises:
        InvalidInput: torch has no such type.
    """
    if name is None or isinstance(name, torch.dtype):
        return name
    found = getattr(torch, str(name).removeprefix("torch."), None)
    if not isinstance(found, torch.dtype):
        raise InvalidInput(f"torch_dtype: {name!r} is no type of torch; an example is 'torch.float16'.")
    return found


def task_named(task: object) -> str:
    """The name the installed transformers has for `task`.

    Raises:
        InvalidInput: it has no such task.
    """
    try:
        normal, _, _ = pipelines.check_task(str(task))
    except KeyError as error:
        raise InvalidInput(f"task: transformers {transformers.__version__} has no {task!r}: {error.args[0]}") from error
    # `translation_en_to_fr` is the task `translation` with its languages, which the name keeps.
    return str(task) if normal == "translation" else str(normal)


def pipeline_class_of(task: str) -> str:
    """The name of the pipeline's class for `task`."""
    made_by = pipelines.check_task(task)[1]["impl"]
    return str(made_by if isinstance(made_by, str) else made_by.__name__).rpartition(".")[2]


def class_named(name: str, otherwise: str | None = None) -> Any:
    """The class `name` of transformers; `otherwise` if it is not of transformers.

    Raises:
        InvalidInput: there is neither.
    """
    found = getattr(transformers, name, None) or (getattr(transformers, otherwise, None) if otherwise else None)
    if found is None:
        raise InvalidInput(
            f"transformers {transformers.__version__} has no class {name!r}, which the model was saved from: install the "
            "release that the model's requirements name, or one that has the class."
        )
    return found
