"""Numbers inside nested values: JSON writes the double 1.0 as 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlkeep.models.datatypes import AnyColumnType, Array, DataType, Map, Object


def with_floats(value: Any, kind: AnyColumnType) -> Any:
    """`value` with the numbers that `kind` declares as floating-point made so; all else stays for the check."""
    if kind in (DataType.double, DataType.float):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        return float(value) if kind is DataType.double else np.float32(value)
    if isinstance(kind, Array) and isinstance(value, list):
        return [with_floats(each, kind.dtype) for each in value]
    if isinstance(kind, Map) and isinstance(value, dict):
        return {key: with_floats(each, kind.value_type) for key, each in value.items()}
    if isinstance(kind, Object) and isinstance(value, dict):
        kinds = {each.name: each.dtype for each in kind.properties}
        return {key: with_floats(each, kinds[key]) if key in kinds else each for key, each in value.items()}
    return value
