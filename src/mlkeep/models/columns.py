"""One column of a frame as the type its schema declares, without loss or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.casting import cast_value
from mlkeep.models.datatypes import AnyType, DataType
from mlkeep.models.schema import ColSpec

_TEXT = {DataType.string, DataType.binary}
_AS_GIVEN = {DataType.boolean, *_TEXT}
"""Types whose columns of Python objects are handed on without looking into them."""

_WHOLE: dict[DataType, Any] = {DataType.integer: pd.Int32Dtype(), DataType.long: pd.Int64Dtype()}
"""Whole numbers, and pandas' types that hold them beside nulls."""

_OBJECTS = np.dtype(object)

_EXACT = 2**53
"""Up to here every whole number is a double of its own."""


@dataclass(frozen=True)
class AsGiven:
    """Columns of this type are handed on as they are."""


@dataclass(frozen=True)
class Cast:
    """Columns of this type are converted, whatever is in them: no value can be lost."""

    dtype: np.dtype[Any]


@dataclass(frozen=True)
class LookInto:
    """What is done with columns of this type depends on their values: see `cast_column`."""


Step: TypeAlias = AsGiven | Cast | LookInto


def step_for(given: object, spec: ColSpec) -> Step:
    """What `cast_column` does with columns of the type `given`."""
    target = spec.type
    if isinstance(target, AnyType):
        return AsGiven()
    if not isinstance(target, DataType):
        return LookInto()
    if target in _TEXT:
        return AsGiven() if isinstance(given, pd.StringDtype) or given == _OBJECTS else LookInto()
    if isinstance(given, np.dtype) and (spec.required or given.kind not in "fO"):
        wanted = target.to_numpy()
        if given == wanted:
            return AsGiven()
        if wanted.kind != "M" and _is_safe(given, wanted):
            return Cast(wanted)
    return LookInto()


def cast_column(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    """`column` as `spec.type`; `column.name` names it in errors.

    Numbers widen within their kind, whole numbers of up to 32 bits become doubles, and columns of Python objects are
    first looked into. Larger whole numbers become floats only if all are 0, 1 or null (flags that a CSV reader made
    integers).

    A column that may have nulls has more ways: one of nothing but nulls fits every type, and whole numbers among nulls,
    which readers of CSV and JSON make floats or objects, become whole numbers again, of pandas' type with nulls.

    Categories stay categories if their values fit, and times in a zone keep it.

    Raises:
        InvalidInput: the values do not fit, or could lose digits.
    """
    target = spec.type
    if isinstance(target, AnyType):
        return column
    if not isinstance(target, DataType):
        return _cast_cells(column, spec)
    if not spec.required and len(column) and bool(column.isna().all()):
        return _nothing(column, target)
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _cast_categories(column, spec)
    if dtype == _OBJECTS:
        return _cast_objects(column, spec)
    if isinstance(dtype, pd.StringDtype):
        if target in _TEXT:
            return column
        raise _unfit(column, target)
    if isinstance(dtype, pd.DatetimeTZDtype) and target is DataType.datetime:
        return _in_nanoseconds(column, pd.DatetimeTZDtype("ns", dtype.tz))
    if isinstance(dtype, np.dtype):
        return _cast_numpy(column, spec)
    return _cast_nullable(column, spec)


def _cast_cells(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    where = f"Column {column.name!r}"
    cast = [
        None if cell is None and not spec.required else cast_value(cell, spec.type, f"{where}, row {row}")
        for row, cell in enumerate(column)
    ]
    return _of_objects(column, cast)


def _of_objects(column: pd.Series[Any], values: list[Any]) -> pd.Series[Any]:
    # One by one: pandas would unfold a list of equally long lists into a table.
    cells = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        cells[row] = value
    return pd.Series(cells, index=column.index, name=column.name)


def _nothing(column: pd.Series[Any], target: DataType) -> pd.Series[Any]:
    """A column of nothing but nulls."""
    if target in _WHOLE:
        whole: pd.Series[Any] = pd.Series(pd.NA, index=column.index, name=column.name, dtype=_WHOLE[target])
        return whole
    if target in {DataType.float, DataType.double, DataType.datetime}:
        missing = pd.NaT if target is DataType.datetime else np.nan
        return pd.Series(missing, index=column.index, name=column.name, dtype=target.to_numpy())
    if isinstance(column.dtype, pd.StringDtype) and target in _TEXT:
        return column
    return column if column.dtype == object else _of_objects(column, [None] * len(column))


def _cast_categories(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    values = column.cat.categories.to_series(name=column.name).reset_index(drop=True)
    cast = cast_column(values, ColSpec(spec.type))
    widened: pd.Series[Any] = column if cast is values else column.cat.rename_categories(cast.tolist())
    return widened


def _cast_objects(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    target = spec.type
    if target in _TEXT:
        return column
    try:
        if isinstance(target, DataType) and target in _WHOLE and not spec.required:
            # Before pandas infers anything: beside None it makes floats of them, which have fewer digits.
            present = column.notna()
            if all(_is_number(value) for value in column[present]):
                return _whole(column.where(present, None), target)
        inferred = column.infer_objects()
        if inferred.dtype != object:
            return cast_column(inferred, spec)
        if target in _AS_GIVEN:
            return column
        if target is DataType.double:
            numbers: pd.Series[Any] = pd.to_numeric(column).astype(np.float64)
            if not numbers.isna().equals(column.isna()):  # pandas makes NaN of lists
                raise _unfit(column, target)
            return numbers
        if target is DataType.datetime:
            return _in_nanoseconds(pd.to_datetime(column), target.to_numpy())
    except (TypeError, ValueError, OverflowError) as error:
        raise _unfit(column, target) from error
    raise _unfit(column, target)


def _cast_numpy(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    target = spec.type
    if not isinstance(target, DataType):
        raise _unfit(column, target)
    wanted = target.to_numpy()
    given: np.dtype[Any] = column.to_numpy().dtype
    if given == wanted:
        return column
    if wanted.kind == "M" and given.kind == "M":
        return _in_nanoseconds(column, wanted)
    if _is_safe(given, wanted) or (given == np.int64 and wanted.kind == "f" and bool(column.isin([0, 1]).all())):
        return column.astype(wanted)
    if not spec.required and given.kind == "f" and target in _WHOLE:
        return _whole(column, target)
    raise _unfit(column, target)


def _cast_nullable(column: pd.Series[Any], spec: ColSpec) -> pd.Series[Any]:
    """A column of pandas' own types (Int64, boolean, Arrow's): as numpy's type, or as it is where nulls may be."""
    target = spec.type
    given = getattr(column.dtype, "numpy_dtype", None)
    if not isinstance(target, DataType) or not isinstance(given, np.dtype):
        raise _unfit(column, target)
    if given == _OBJECTS:  # of Arrow: text, dates, decimals, lists
        return _cast_objects(column.astype(object).where(column.notna(), None), spec)
    wanted = target.to_numpy()
    has_nulls = bool(column.isna().any())
    if not has_nulls:
        return _cast_numpy(column.astype(given), spec)
    if wanted.kind == "f" and _is_safe(given, wanted):
        return pd.Series(column.to_numpy(dtype=wanted, na_value=np.nan), index=column.index, name=column.name)
    if not spec.required:
        if given == wanted:
            return column
        if target in _WHOLE and _is_safe(given, wanted):
            return column.astype(_WHOLE[target])
    raise _unfit(column, target)


def _whole(column: pd.Series[Any], target: DataType) -> pd.Series[Any]:
    """Numbers of which none has a fraction, beside nulls or not."""
    present = column.notna().to_numpy()
    values: Any = column.to_numpy()[present]
    if values.dtype == object:
        exact = all(value == int(value) and (not _is_float(value) or abs(value) <= _EXACT) for value in values)
        numbers = np.array([int(value) for value in values], dtype=np.int64) if exact else None
    else:
        exact = bool(np.all((values == np.trunc(values)) & (np.abs(values) <= _EXACT)))
        numbers = values.astype(np.int64) if exact else None
    limits = np.iinfo(target.to_numpy())
    if numbers is None or not np.all((limits.min <= numbers) & (numbers <= limits.max)):
        raise _unfit(column, target)
    if present.all():
        return pd.Series(numbers.astype(target.to_numpy()), index=column.index, name=column.name)
    made: pd.Series[Any] = pd.Series(pd.NA, index=column.index, name=column.name, dtype=_WHOLE[target])
    made[present] = numbers
    return made


def _in_nanoseconds(column: pd.Series[Any], wanted: Any) -> pd.Series[Any]:
    try:
        converted: pd.Series[Any] = column if column.dtype == wanted else column.astype(wanted)
    except (TypeError, ValueError, OverflowError) as error:  # pandas' OutOfBoundsDatetime is a ValueError
        raise _unfit(column, DataType.datetime) from error
    return converted


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _is_float(value: object) -> bool:
    return isinstance(value, (float, np.floating))


def _is_safe(given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
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
    return InvalidInput(
        f"Incompatible input types for column {column.name}. Can not safely convert {column.dtype} to {wanted}."
        f"{_way_out(column, target)}"
    )


def _way_out(column: pd.Series[Any], target: object) -> str:
    """What the caller can do, with a space in front; "" where no conversion is likely to be what is meant."""
    if not isinstance(target, DataType) or target in _TEXT or target is DataType.boolean:
        return ""
    if target is DataType.datetime:
        return " If it holds times, convert it with pandas.to_datetime before predicting."
    is_float = isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"
    if target in _WHOLE and column.isna().any():
        made = " Missing values made this a column of floats:" if is_float else " Values are missing:"
        return (
            f"{made} declare it as optional (required=False) if its numbers are whole, or as double, or fill them in "
            "before predicting."
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        return (
            f" If no value is changed by it, convert the column with astype('{target.to_numpy()}') before predicting, "
            "or save the model with a signature that has the type of your data."
        )
    return " If it holds numbers, convert it with pandas.to_numeric before predicting."
