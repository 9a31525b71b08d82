"""Data of other kinds as frames: dicts, lists, arrays, series and scalars."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.datatypes import AnyColumnType, Array, DataType
from mlkeep.models.frames import frame_of, values_of
from mlkeep.models.schema import ColSpec

_FEW = 500
"""Values up to which columns are quicker made here than by pandas."""

_NUMPY: dict[frozenset[type], np.dtype[Any]] = {
    frozenset({float}): np.dtype("float64"),
    frozenset({float, int}): np.dtype("float64"),
    frozenset({int}): np.dtype("int64"),
    frozenset({bool}): np.dtype("bool"),
}
"""What pandas makes of a list, by the types in it, where that is an array of numpy."""


def as_frame(data: Any, specs: Sequence[ColSpec]) -> pd.DataFrame:
    """`data` as a frame: a dict is one row or many, as its values and their declared types say.

    Raises:
        InvalidInput: it cannot be made one.
    """
    try:
        if isinstance(data, pd.Series):
            return data.to_frame(0 if data.name is None else data.name)
        if isinstance(data, Mapping):
            return _of_dict(data, {spec.name: spec.type for spec in specs})
        if isinstance(data, np.ndarray):
            return pd.DataFrame(data if data.ndim else [data.item()])
        if not isinstance(data, list):
            return pd.DataFrame([data])
        if len(specs) == 1 and isinstance(specs[0].type, Array) and _is_column(data, specs[0].type):
            # One by one: pandas would unfold equally long lists into columns.
            return pd.DataFrame({0: pd.Series([list(item) for item in data], dtype=object)})
        if (few := _of_few_records(data)) is not None:
            return few
        return pd.DataFrame(data)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Expected input to be DataFrame; {type(data).__name__} cannot be made one: {error}"
        ) from error


def _of_dict(data: Mapping[Any, Any], types: Mapping[Any, AnyColumnType]) -> pd.DataFrame:
    if any(_is_column(value, types.get(name, DataType.string)) for name, value in data.items()):
        lists = list(data.values())
        if all(type(one) is list and len(one) == len(lists[0]) for one in lists):
            few = _of_few_columns(list(data), lists)
            if few is not None:
                return few
        return pd.DataFrame({name: list(value) if _is_many(value) else value for name, value in data.items()})
    few = _of_few_columns(list(data), [[value] for value in data.values()])
    return pd.DataFrame({name: [value] for name, value in data.items()}) if few is None else few


def _of_few_records(data: list[Any]) -> pd.DataFrame | None:
    """A few dicts with the same keys; None if they are something else."""
    if not data or not isinstance(data[0], dict) or len(data) * len(data[0]) > _FEW:
        return None
    names = data[0].keys()
    if not all(isinstance(row, dict) and row.keys() == names for row in data):
        return None
    return _of_few_columns(list(names), [[row[name] for row in data] for name in names])


def _of_few_columns(names: list[Any], columns: list[list[Any]]) -> pd.DataFrame | None:
    """The frame pandas would make of columns with plain values; None if there are many, or other ones in them."""
    if not columns or not columns[0] or len(columns) * len(columns[0]) > _FEW:
        return None
    if not all(type(name) is str for name in names):
        return None
    arrays = []
    for values in columns:
        kinds = frozenset(map(type, values))
        if (dtype := _NUMPY.get(kinds)) is not None:
            try:
                arrays.append(np.array(values, dtype=dtype))
            except OverflowError:
                return None
        elif kinds == {str}:
            arrays.append(values_of(pd.Series(values)))
        else:
            return None
    return frame_of(arrays, _index(tuple(names)))


@functools.lru_cache(maxsize=64)
def _index(names: tuple[str, ...]) -> pd.Index[Any]:
    """Frames after frames have the same names, and pandas takes its time to look at them."""
    return pd.Index(names)


def _is_column(value: Any, dtype: AnyColumnType) -> bool:
    """Whether `value` is a column of `dtype`s rather than one of them."""
    if not _is_many(value):
        return False
    if not isinstance(dtype, Array):
        return True
    return any(_is_column(item, dtype.dtype) for item in list(value)[:1])


def _is_many(value: Any) -> bool:
    return isinstance(value, (list, np.ndarray, pd.Series, pd.Index))
