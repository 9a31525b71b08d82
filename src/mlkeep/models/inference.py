"""What schema data has: from frames, arrays, dicts, lists and scalars to columns or tensors."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.core.settings import flag
from mlkeep.models.datatypes import AnyColumnType, AnyType, DataType
from mlkeep.models.paramspecs import ParamSchema, ParamSpec
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.models.spark_frames import is_spark_frame, schema_of_spark_frame
from mlkeep.models.value_types import (
    NoType,
    as_told,
    common_type,
    type_of_dicts,
    type_of_dtype,
    type_of_scalar,
    type_of_value,
)

_log = logging.getLogger(__name__)


_ADVICE = {
    "uint64": "int64, or to text if it holds identifiers",
    "timedelta64": "seconds, as float64",
    "complex": "two columns of float64",
    "Decimal": "float64, or to text",
    " beside ": "one type",
}
"""What columns of types that no schema has are best converted to."""


def infer_schema(data: Any, what: str = "data") -> Schema:
    """The schema of `data`; if it has none, a single column of any type, and an error in the log that names `what`.

    Raises:
        InvalidInput: it has none, and MLKEEP_REQUIRE_SIGNATURE is set.
    """
    try:
        return _schema(data)
    except NoType as error:
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
        except (MlkeepException, NoType) as error:
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
            raise NoType("a frame without columns")
        if not data.columns.is_unique:
            twice = data.columns[data.columns.duplicated()].tolist()
            raise NoType(f"several columns are called {twice[0]!r}; give each a name of its own")
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
    return Schema([ColSpec(type_of_scalar(data))])


def _schema_of_dict(data: Mapping[Any, Any]) -> Schema:
    if not data or not all(isinstance(key, str) for key in data):
        raise NoType("a dict must have keys, and they must be strings")
    if all(isinstance(value, np.ndarray) for value in data.values()):
        return Schema([_tensor(value, name) for name, value in data.items()])
    return Schema(
        [ColSpec(as_told(type_of_value(item)), name, required=item is not None) for name, item in data.items()]
    )


def _schema_of_list(data: list[Any]) -> Schema:
    if not data:
        return Schema([ColSpec(DataType.string)])
    if all(isinstance(item, Mapping) for item in data):
        merged = type_of_dicts(data)
        return Schema([ColSpec(as_told(item.dtype), item.name, item.required) for item in merged.properties])
    found = common_type(type_of_value(item) for item in data if item is not None)
    if found is None:
        raise NoType("a list of nothing but None")
    return Schema([ColSpec(as_told(found))])


def _tensor(data: Any, name: str | None = None) -> TensorSpec:
    if data.ndim == 0:
        raise NoType("an array without dimensions")
    return TensorSpec(data.dtype, (-1, *data.shape[1:]), name)


def _column(column: pd.Series[Any], name: Any) -> ColSpec:
    has_nulls = bool(column.isna().any())
    plain = name.item() if isinstance(name, np.generic) else name
    try:
        found = _column_type(column)
    except NoType as error:
        advice = next((what for kind, what in _ADVICE.items() if kind in str(error)), "one of these types")
        raise NoType(
            f"column {plain!r} of type {column.dtype} holds {error}, and a schema has only booleans, whole numbers up to "
            f"int64, floats up to float64, text, bytes, times, lists and dicts; convert it to {advice}"
        ) from error
    return ColSpec(as_told(found), plain, required=not has_nulls)


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
    return type_of_dtype(numpy_type)


def _objects(column: pd.Series[Any]) -> AnyColumnType:
    present = [value for value in column if not _is_null(value)]
    if not present:
        return AnyType()
    types = [type_of_value(value) for value in present]
    if set(map(type, types)) == {DataType} and set(types) == {DataType.long, DataType.double}:
        return DataType.double
    found = common_type(types)
    if found is None:
        return AnyType()
    # pandas reads whole numbers beside None as floats, and so would a model that is given such a frame.
    return DataType.double if found is DataType.long and len(present) < len(column) else found


def _is_null(value: object) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _param(name: str, value: Any) -> ParamSpec:
    if isinstance(value, Mapping):
        return ParamSpec(name, type_of_dicts([value]), dict(value))
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.ndim == 1 else value
    if isinstance(value, list):
        if not value:
            # MLflow says datetime, because numpy has no better idea; any type would do for an empty list.
            return ParamSpec(name, DataType.datetime, [], (-1,))
        kinds = {type_of_scalar(item) for item in value}
        if kinds == {DataType.long, DataType.double}:
            kinds = {DataType.double}
        if len(kinds) > 1:
            raise NoType(f"a list of mixed types {sorted(kind.name for kind in kinds)}")
        return ParamSpec(name, kinds.pop(), value, (-1,))
    if value is None or isinstance(value, (tuple, np.ndarray)):
        raise NoType(f"a parameter is a scalar, a list or a dict, not {type(value).__name__}")
    return ParamSpec(name, type_of_scalar(value), value)
