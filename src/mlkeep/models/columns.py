"""One column of a frame as the type its schema declares, without loss or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.casting import cast_value
from mlkeep.models.datatypes import AnyType, DataType
from mlkeep.models.schema import ColSpec

_AS_GIVEN = {DataType.boolean, DataType.string, DataType.binary}
"""Types whose columns of Python objects are handed on without looking into them."""


def cast_column(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    """`column` as `spec.type`; `column.name` names it in errors.

    Numbers widen within their kind, whole numbers of up to 32 bits become doubles, and columns of Python objects are
    first looked into. Larger whole numbers become floats only if all are 0, 1 or null (flags that a CSV reader made
    integers).

    Raises:
        InvalidInput: the values do not fit, or could lose digits.
    """
    if isinstance(spec.type, AnyType):
        return column
    if not isinstance(spec.type, DataType):
        return _cast_cells(column, spec)
    if isinstance(column.dtype, pd.CategoricalDtype):
        raise _unfit(column, spec.type)
    if column.dtype == object:
        if spec.type in {DataType.string, DataType.binary}:
            return column
        column = column.infer_objects()
    if column.dtype == object:
        return _cast_objects(column, spec.type)
    if isinstance(column.dtype, pd.StringDtype):
        if spec.type in {DataType.string, DataType.binary}:
            return column
        raise _unfit(column, spec.type)
    if isinstance(column.dtype, np.dtype):
        return _cast_numpy(column, spec.type)
    return _cast_nullable(column, spec)


def _cast_cells(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    where = f"Column {column.name!r}"
    cast = [
        None if cell is None and not spec.required else cast_value(cell, spec.type, f"{where}, row {row}")
        for row, cell in enumerate(column)
    ]
    # One by one: pandas would unfold a list of equally long lists into a table.
    cells = np.empty(len(cast), dtype=object)
    for row, cell in enumerate(cast):
        cells[row] = cell
    return pd.Series(cells, index=column.index, name=column.name)


def _cast_objects(column: pd.Series[Any], target: DataType) -> pd.Series[Any]:
    if target in _AS_GIVEN:
        return column
    try:
        if target is DataType.double:
            return pd.to_numeric(column).astype(np.float64)
        if target is DataType.datetime:
            return pd.to_datetime(column).astype("datetime64[ns]")
    except (TypeError, ValueError, OverflowError) as error:
        raise _unfit(column, target) from error
    raise _unfit(column, target)


def _cast_numpy(column: pd.Series[Any], target: DataType) -> pd.Series[Any]:
    wanted = target.to_numpy()
    given: np.dtype[Any] = column.to_numpy().dtype
    if given == wanted:
        return column
    if _is_safe(given, wanted) or (given == np.int64 and wanted.kind == "f" and bool(column.isin([0, 1]).all())):
        return column.astype(wanted)
    raise _unfit(column, target)


def _cast_nullable(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    """A column of pandas' types with a mask (Int64, boolean): as numpy's type, or as it is where nulls may be."""
    target = spec.type
    given = getattr(column.dtype, "numpy_dtype", None)
    if not isinstance(target, DataType) or not isinstance(given, np.dtype):
        raise _unfit(column, spec.type)
    if not column.isna().any():
        return _cast_numpy(column.astype(given), target)
    wanted = target.to_numpy()
    if wanted.kind == "f" and given.kind == "f" and given.itemsize <= wanted.itemsize:
        return column.astype(wanted)
    if not spec.required and given == wanted:
        return column
    raise _unfit(column, spec.type)


def _is_safe(given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    if wanted.kind == "M":
        return given.kind == "M"
    if wanted.kind == "i":
        return (given.kind == "i" and given.itemsize <= wanted.itemsize) or (
            given.kind == "u" and given.itemsize < wanted.itemsize
        )
    if wanted.kind == "f":
        small_int = given.kind in "iu" and given.itemsize <= 4 and wanted.itemsize == 8
        return small_int or (given.kind == "f" and given.itemsize <= wanted.itemsize)
    return False


def _unfit(column: pd.Series[Any], target: object) -> InvalidInput:
    wanted = target.to_numpy() if isinstance(target, DataType) else target
    hint = ""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f" and column.isna().any():
        hint = " Missing values made this a column of floats: declare it as double, or fill them in before predicting."
    return InvalidInput(
        f"Incompatible input types for column {column.name}. Can not safely convert {column.dtype} to {wanted}.{hint}"
    )
