"""What MLflow leaves in the pickle of a function with type hints: a wrapper that calls back for validation."""

from __future__ import annotations

from typing import Any, NamedTuple


class FuncInfo(NamedTuple):
    """The hint of the wrapped function's input, and the name of that argument."""

    input_type_hint: Any
    input_param_name: str


def validate_model_input(
    args: tuple[Any, ...], kwargs: dict[str, Any], *_described: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as they are: a model checks its input against its signature before this is called."""
    return args, kwargs
