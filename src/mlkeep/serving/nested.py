"""Numbers inside nested values: JSON writes the double 1.0 as 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlkeep.core.errors import BadRequest
from mlkeep.models.datatypes import AnyColumnType, Array, DataType, Map, Object
from mlkeep.serving.values import shown


def with_floats(value: Any, kind: AnyColumnType) -> Any:
    """`value` with the numbers that `kind` declares as floating-point made so; all else stays for the check.

    Raises:
        BadRequest: a number is too large for its type.
    """
    if kind in (DataType.double, DataType.float):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        return _as_float(value, np.float64 if kind is DataType.double else np.float32)
    if isinstance(kind, Array) and isinstance(value, list):
        return [with_floats(each, kind.dtype) for each in value]
    if isinstance(kind, Map) and isinstance(value, dict):
        return {key: with_floats(each, kind.value_type) for key, each in value.items()}
    if isinstance(kind, Object) and isinstance(value, dict):
        kinds = {each.name: each.dtype for each in kind.properties}
        return {key: with_floats(each, kinds[key]) if key in kinds else each for key, each in value.items()}
    return value


def _as_float(value: float, kind: type[np.float64 | np.float32]) -> float | np.float32:
    try:
        with np.errstate(over="raise"):
            made = kind(value)
    except (OverflowError, FloatingPointError) as error:
        raise BadRequest(f"Invalid input. {shown(value)} does not fit {kind.__name__}.") from error
    return float(made) if isinstance(made, np.float64) else made
