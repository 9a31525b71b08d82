"""Single values as the types of a schema, without loss or not at all: parameters, and the insides of nested columns."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlkeep.core.errors import InvalidInput
from mlkeep.models.datatypes import AnyColumnType, AnyType, Array, DataType, Map, Object, SparkMLVector

_INT32 = np.iinfo(np.int32)
_INT64 = np.iinfo(np.int64)
_SHOWN = 100  # characters of an offending value that an error shows


def cast_value(value: Any, dtype: AnyColumnType, where: str) -> Any:
    """`value` as a `dtype`; numpy's scalars become Python's, an array of numpy stays one. `where` names it in errors.

    Whole numbers are accepted where doubles are expected, and a missing item of a list is NaN among floats, else None.

    Raises:
        InvalidInput: it cannot be converted without loss.
    """
    match dtype:
        case AnyType():
            return value
        case DataType():
            return _cast_scalar(value, dtype, where)
        case SparkMLVector(dtype=inner):
            # Spark's own vectors, which are asked for without importing pyspark, or lists of their numbers.
            return _cast_list(value.toArray() if hasattr(value, "toArray") else value, inner, where)
        case Array(dtype=inner):
            return _cast_list(value, inner, where)
        case Map(value_type=inner):
            if not isinstance(value, Mapping):
                raise _unfit(value, dtype, where)
            if not all(isinstance(key, str) for key in value):
                raise InvalidInput(f"{where}: the keys of a map are strings; found {_shown(list(value))}.")
            return {key: cast_value(item, inner, f"{where}, key '{key}'") for key, item in value.items()}
        case Object():
            return _cast_object(value, dtype, where)
    raise _unfit(value, dtype, where)


def _cast_list(value: Any, inner: AnyColumnType, where: str) -> Any:
    if isinstance(value, np.ndarray) and value.ndim > 0:
        if isinstance(inner, DataType) and value.dtype == inner.to_numpy():
            return value
        items = [cast_value(item, inner, where) for item in value]
        return np.array(items, dtype=inner.to_numpy()) if isinstance(inner, DataType) else items
    if not isinstance(value, list):
        raise InvalidInput(f"{where}: Expected data to be list or numpy array, got {type(value).__name__}")
    missing = math.nan if inner in {DataType.float, DataType.double} else None
    return [
        missing if item is None else cast_value(item, inner, f"{where}, item {index}")
        for index, item in enumerate(value)
    ]


def _cast_object(value: Any, dtype: Object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _unfit(value, dtype, where)
    known = {item.name: item for item in dtype.properties}
    if strangers := set(value) - set(known):
        raise InvalidInput(f"{where}: Invalid properties not defined in the schema found: {strangers}")
    if missing := {name for name, item in known.items() if item.required and value.get(name) is None}:
        raise InvalidInput(f"{where}: Missing required properties: {missing}")
    return {
        name: None if item is None else cast_value(item, known[name].dtype, f"{where}, property '{name}'")
        for name, item in value.items()
    }


def _cast_scalar(value: Any, dtype: DataType, where: str) -> Any:
    value = _plain(value)
    is_int = isinstance(value, int) and not isinstance(value, bool)
    match dtype:
        case DataType.boolean if isinstance(value, bool):
            return value
        case DataType.integer if is_int and _INT32.min <= value <= _INT32.max:
            return value
        case DataType.long if is_int and _INT64.min <= value <= _INT64.max:
            return value
        case DataType.float | DataType.double if isinstance(value, float):
            return value
        case DataType.float | DataType.double if is_int and (number := _as_float(value)) is not None:
            return number
        case DataType.string if isinstance(value, str):
            return value
        case DataType.binary if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        case DataType.datetime if isinstance(value, dt.date):
            return value
        case DataType.datetime if isinstance(value, str):
            try:
                return dt.date.fromisoformat(value) if len(value) == 10 else dt.datetime.fromisoformat(value)
            except ValueError as error:
                raise _unfit(value, dtype, where) from error
    raise _unfit(value, dtype, where)


def _plain(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        item = value.item()
        # Nanoseconds have no Python type; numpy then gives a bare integer.
        return value.astype("datetime64[us]").item() if isinstance(item, int) else item
    return value.item() if isinstance(value, np.generic) else value


def _as_float(value: int) -> float | None:
    """`value` as a float if no digit is lost, else None."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if int(number) == value else None


def _unfit(value: object, dtype: AnyColumnType, where: str) -> InvalidInput:
    return InvalidInput(f"{where}: Can not safely convert {_shown(value)} ({type(value).__name__}) to {dtype!r}.")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
