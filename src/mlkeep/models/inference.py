"""What schema data has: from frames, arrays, dicts, lists and scalars to columns or tensors."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.core.settings import flag
from mlkeep.models.datatypes import AnyColumnType, AnyType, Array, DataType, Object, Property
from mlkeep.models.paramspecs import ParamSchema, ParamSpec
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.models.spark_frames import is_spark_frame, schema_of_spark_frame

_log = logging.getLogger(__name__)

_BY_KIND: dict[str, DataType] = {"b": DataType.boolean, "U": DataType.string, "S": DataType.binary}

_ADVICE = {
    "uint64": "int64, or to text if it holds identifiers",
    "timedelta64": "seconds, as float64",
    "complex": "two columns of float64",
    "Decimal": "float64, or to text",
    " beside ": "one type",
}
"""What columns of types that no schema has are best converted to."""


class _EmptyList(AnyType):
    """What is known of a list without items: it is one."""

    def __repr__(self) -> str:
        return "a list"


class _EmptyDict(AnyType):
    """What is known of a dict without keys: it is one, and none of its keys is required."""

    def __repr__(self) -> str:
        return "a dict"


class _Unknown(Exception):  # noqa: N818 - never leaves this module
    """The data has no type a schema could name."""


def infer_schema(data: Any, what: str = "data") -> Schema:
    """The schema of `data`; if it has none, a single column of any type, and an error in the log that names `what`.

    Raises:
        InvalidInput: it has none, and MLKEEP_REQUIRE_SIGNATURE is set.
    """
    try:
        return _schema(data)
    except _Unknown as error:
        not_inferred(f"No schema could be inferred for the {what}: {error}. Their values will not be checked.")
        return Schema([ColSpec(AnyType())])


def not_inferred(
    why: str, cause: BaseException | None = None, *, instead: str = "an input example of other types"
) -> None:
    """Say in the log, as an error, that a model gets no proper signature; the traceback of `cause` at level DEBUG.

    Raises:
        InvalidInput: MLKEEP_REQUIRE_SIGNATURE is set.
    """
    advice = f"Give a signature (mlkeep.models.ModelSignature), or {instead}."
    if flag("REQUIRE_SIGNATURE"):
        raise InvalidInput(f"{why} {advice} MLKEEP_REQUIRE_SIGNATURE=0 saves the model without.") from cause
    _log.error("%s %s MLKEEP_REQUIRE_SIGNATURE=1 makes this an exception.", why, advice)
    if cause is not None:
        _log.debug("What no signature could be inferred for:", exc_info=cause)


def infer_param_schema(params: Mapping[Any, Any]) -> ParamSchema:
    """The schema of inference parameters, whose values become the defaults.

    Raises:
        InvalidInput: `params` is no dict, or a value is neither a scalar, a list of one type, nor a dict.
    """
    if not isinstance(params, Mapping):
        raise InvalidInput(f"Parameters must be a dictionary. Got type '{type(params).__name__}'.")
    specs, failed = [], []
    for name, value in params.items():
        try:
            specs.append(_param(str(name), value))
        except (MlkeepException, _Unknown) as error:
            failed.append((name, value, str(error)))
    if failed:
        raise InvalidInput(f"Failed to infer schema for parameters: {failed}")
    return ParamSchema(specs)


def is_sparse(data: object) -> bool:
    """Whether `data` is a compressed sparse matrix of scipy, asked without importing scipy."""
    kind = type(data)
    return kind.__module__.startswith("scipy.sparse") and kind.__name__.startswith(("csr_", "csc_"))


def _schema(data: Any) -> Schema:
    if isinstance(data, pd.DataFrame):
        columns = [_column(data.iloc[:, index], data.columns[index]) for index in range(data.shape[1])]
        if not columns:
            raise _Unknown("a frame without columns")
        if not data.columns.is_unique:
            twice = data.columns[data.columns.duplicated()].tolist()
            raise _Unknown(f"several columns are called {twice[0]!r}; give each a name of its own")
        return Schema(columns)
    if isinstance(data, pd.Series):
        column = _column(data, data.name)
        # A column without a name cannot be optional.
        return Schema([column if column.name is not None else ColSpec(column.type)])
    if isinstance(data, np.ndarray) or is_sparse(data):
        return Schema([_tensor(data)])
    if isinstance(data, Mapping):
        return _schema_of_dict(data)
    if isinstance(data, list):
        return _schema_of_list(data)
    if is_spark_frame(data):
        return schema_of_spark_frame(data)
    return Schema([ColSpec(_scalar(data))])


def _schema_of_dict(data: Mapping[Any, Any]) -> Schema:
    if not data or not all(isinstance(key, str) for key in data):
        raise _Unknown("a dict must have keys, and they must be strings")
    if all(isinstance(value, np.ndarray) for value in data.values()):
        return Schema([_tensor(value, name) for name, value in data.items()])
    return Schema([ColSpec(_told(_value(item)), name, required=item is not None) for name, item in data.items()])


def _schema_of_list(data: list[Any]) -> Schema:
    if not data:
        return Schema([ColSpec(DataType.string)])
    if all(isinstance(item, Mapping) for item in data):
        merged = _object(data)
        return Schema([ColSpec(_told(item.dtype), item.name, item.required) for item in merged.properties])
    found = _common(_value(item) for item in data if item is not None)
    if found is None:
        raise _Unknown("a list of nothing but None")
    return Schema([ColSpec(_told(found))])


def _tensor(data: Any, name: str | None = None) -> TensorSpec:
    if data.ndim == 0:
        raise _Unknown("an array without dimensions")
    return TensorSpec(data.dtype, (-1, *data.shape[1:]), name)


def _column(column: pd.Series[Any], name: Any) -> ColSpec:
    has_nulls = bool(column.isna().any())
    plain = name.item() if isinstance(name, np.generic) else name
    try:
        found = _column_type(column)
    except _Unknown as error:
        advice = next((what for kind, what in _ADVICE.items() if kind in str(error)), "one of these types")
        raise _Unknown(
            f"column {plain!r} of type {column.dtype} holds {error}, and a schema has only booleans, whole numbers up to "
            f"int64, floats up to float64, text, bytes, times, lists and dicts; convert it to {advice}"
        ) from error
    return ColSpec(_told(found), plain, required=not has_nulls)


def _column_type(column: pd.Series[Any]) -> AnyColumnType:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _column_type(pd.Series(dtype.categories))
    if isinstance(dtype, pd.StringDtype):
        return DataType.string
    if isinstance(dtype, pd.DatetimeTZDtype):
        return DataType.datetime
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return _objects(column)
    # Columns of pandas' own types (Int64, boolean, Arrow's, sparse ones) name the numpy type of their values.
    numpy_type = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    if isinstance(numpy_type, np.dtype) and numpy_type.kind == "O":
        return _objects(column.astype(object))
    return _from_dtype(numpy_type)


def _objects(column: pd.Series[Any]) -> AnyColumnType:
    present = [value for value in column if not _is_null(value)]
    if not present:
        return AnyType()
    types = [_value(value) for value in present]
    if set(map(type, types)) == {DataType} and set(types) == {DataType.long, DataType.double}:
        return DataType.double
    found = _common(types)
    if found is None:
        return AnyType()
    # pandas reads whole numbers beside None as floats, and so would a model that is given such a frame.
    return DataType.double if found is DataType.long and len(present) < len(column) else found


def _is_null(value: object) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _from_dtype(dtype: Any) -> DataType:
    if not isinstance(dtype, np.dtype):
        raise _Unknown(f"columns of type {dtype}")
    if dtype.kind in _BY_KIND:
        return _BY_KIND[dtype.kind]
    if dtype.kind == "i" or (dtype.kind == "u" and dtype.itemsize < 8):
        # 32 unsigned bits need 64 signed ones.
        bits = dtype.itemsize * 8 + (1 if dtype.kind == "u" else 0)
        return DataType.integer if bits <= 32 else DataType.long
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return DataType.double if dtype.itemsize == 8 else DataType.float
    if dtype.kind == "M":
        return DataType.datetime
    raise _Unknown(f"values of type {dtype}")


def _value(value: Any) -> AnyColumnType:
    """The type of a cell: a scalar, a list or array, or a dict."""
    if value is None:
        return AnyType()
    if isinstance(value, Mapping):
        return _object([value]) if value else _EmptyDict()
    if isinstance(value, (list, np.ndarray)) and not (isinstance(value, np.ndarray) and value.ndim == 0):
        items = [item for item in value if item is not None]
        if items and all(isinstance(item, Mapping) for item in items):
            return Array(_object(items) if any(items) else _EmptyDict())
        found = _common(_value(item) for item in items)
        return (AnyType() if len(value) else _EmptyList()) if found is None else Array(found)
    return _scalar(value)


def _scalar(value: Any) -> DataType:
    match value:
        case bool():
            return DataType.boolean
        case int():
            return DataType.long
        case np.generic():
            return _from_dtype(value.dtype)
        case float():
            return DataType.double
        case str():
            return DataType.string
        case bytes() | bytearray():
            return DataType.binary
        case dt.date():
            return DataType.datetime
    raise _Unknown(f"values of type {type(value).__name__}")


def _object(rows: Sequence[Mapping[Any, Any]]) -> Object:
    """The object type of several dicts; a key that is not in all of them, or is None somewhere, is optional."""
    names: dict[str, None] = {}
    for row in rows:
        if not all(isinstance(key, str) for key in row):
            raise _Unknown("a dict with keys that are no strings")
        names |= dict.fromkeys(row)
    if not names:
        raise _Unknown("a dict without keys")
    properties = []
    for name in names:
        present = [row[name] for row in rows if row.get(name) is not None]
        found = _common(_value(value) for value in present)
        properties.append(Property(name, AnyType() if found is None else found, len(present) == len(rows)))
    return Object(properties)


def _common(types: Iterable[AnyColumnType]) -> AnyColumnType | None:
    """The one type of all values; None for no values."""
    found: AnyColumnType | None = None
    for item in types:
        if found is None or type(found) is AnyType:
            found = item
        elif type(item) is AnyType or found == item:
            continue
        elif {type(found), type(item)} == {_EmptyList, Array}:
            found = item if isinstance(item, Array) else found
        elif {type(found), type(item)} == {_EmptyDict, Object}:
            known = item if isinstance(item, Object) else found
            found = Object([Property(each.name, each.dtype, False) for each in getattr(known, "properties", [])])
        elif isinstance(found, Object) and isinstance(item, Object):
            found = _merge(found, item)
        elif isinstance(found, Array) and isinstance(item, Array):
            inner = _common([found.dtype, item.dtype])
            found = Array(AnyType() if inner is None else inner)
        else:
            raise _Unknown(f"values of {found!r} beside values of {item!r}")
    return found


def _told(found: AnyColumnType) -> AnyColumnType:
    """The type as a schema has it, which says nothing of what was empty."""
    match found:
        case AnyType():
            return AnyType()
        case Array(dtype=inner):
            return Array(_told(inner))
        case Object(properties=properties):
            return Object([Property(each.name, _told(each.dtype), each.required) for each in properties])
    return found


def _merge(one: Object, other: Object) -> Object:
    left = {item.name: item for item in one.properties}
    right = {item.name: item for item in other.properties}
    merged = []
    for name in left.keys() | right.keys():
        both = [side[name] for side in (left, right) if name in side]
        dtype = _common(item.dtype for item in both)
        merged.append(
            Property(name, AnyType() if dtype is None else dtype, len(both) == 2 and all(i.required for i in both))
        )
    return Object(merged)


def _param(name: str, value: Any) -> ParamSpec:
    if isinstance(value, Mapping):
        return ParamSpec(name, _object([value]), dict(value))
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.ndim == 1 else value
    if isinstance(value, list):
        if not value:
            # MLflow says datetime, because numpy has no better idea; any type would do for an empty list.
            return ParamSpec(name, DataType.datetime, [], (-1,))
        kinds = {_scalar(item) for item in value}
        if kinds == {DataType.long, DataType.double}:
            kinds = {DataType.double}
        if len(kinds) > 1:
            raise _Unknown(f"a list of mixed types {sorted(kind.name for kind in kinds)}")
        return ParamSpec(name, kinds.pop(), value, (-1,))
    if value is None or isinstance(value, (tuple, np.ndarray)):
        raise _Unknown(f"a parameter is a scalar, a list or a dict, not {type(value).__name__}")
    return ParamSpec(name, _scalar(value), value)
