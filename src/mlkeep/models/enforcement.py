"""Data as a model's signature declares it, or an error that says what differs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.columns import cast_column
from mlkeep.models.datatypes import AnyColumnType, Array, DataType
from mlkeep.models.paramspecs import enforce_params
from mlkeep.models.schema import ColSpec, Schema
from mlkeep.models.tensors import enforce_tensors

__all__ = ["enforce_params", "enforce_schema"]

_log = logging.getLogger(__name__)


def validate_schema(data: Any, expected_schema: Schema) -> None:
    """See that `data` is what a schema declares, as far as it can be converted without loss.

    Raises:
        InvalidInput: it is not; the message says where.
    """
    enforce_schema(data, expected_schema)


def enforce_schema(data: Any, schema: Schema) -> Any:
    """`data` as `schema` declares it: a frame for columns, an array or a dict of arrays for tensors.

    Columns come in the schema's order; columns it does not name are dropped with a warning in the log. What has no
    columns yet (dict, list, array, scalar) becomes a frame first.

    Raises:
        InvalidInput: something is missing, or a value does not fit its type (see `cast_column`).
    """
    if schema.is_tensor_spec():
        return enforce_tensors(data, schema)
    if data is None:
        raise InvalidInput("Expected input to be DataFrame. Found: NoneType")
    specs = [spec for spec in schema.inputs if isinstance(spec, ColSpec)]
    frame = _frame(data, specs)
    if _fits(frame, specs):
        # Another frame on the same values: a model that adds columns does not add them to its caller's.
        return frame.copy(deep=False)
    frame = _named(frame, specs) if schema.has_input_names() else _positional(frame, specs)
    given = [(frame.iloc[:, index], spec) for index, spec in _present(frame, specs)]
    cast = [cast_column(column, spec) for column, spec in given]
    if all(after is before for after, (before, _) in zip(cast, given, strict=True)):
        return frame
    made = pd.concat([column.rename(index) for index, column in enumerate(cast)], axis=1)
    made.columns = frame.columns
    return made


def _fits(frame: pd.DataFrame, specs: list[ColSpec]) -> bool:
    """Whether `frame` has exactly these columns with these numpy types: the usual case, told without touching data."""
    if frame.shape[1] != len(specs):
        return False
    if specs[0].name is not None and frame.columns.tolist() != [spec.name for spec in specs]:
        return False
    return all(
        isinstance(spec.type, DataType) and dtype == spec.type.to_numpy()
        for spec, dtype in zip(specs, frame.dtypes.tolist(), strict=True)
    )


def _present(frame: pd.DataFrame, specs: list[ColSpec]) -> list[tuple[int, ColSpec]]:
    """The position of each column of `frame`, with what the schema says of it."""
    if specs[0].name is None:
        return list(enumerate(specs))
    by_name = {spec.name: spec for spec in specs}
    return [(index, by_name[name]) for index, name in enumerate(frame.columns)]


def _named(frame: pd.DataFrame, specs: list[ColSpec]) -> pd.DataFrame:
    given = list(frame.columns)
    wanted = [spec.name for spec in specs]
    missing = [spec.name for spec in specs if spec.required and spec.name not in given]
    extra = [name for name in given if name not in wanted]
    if missing:
        note = f" Note that there were extra inputs: {extra}." if extra else ""
        raise InvalidInput(f"Model is missing inputs {missing}.{note}")
    if extra:
        _log.warning("Dropping columns %s: the model's signature does not name them.", extra)
    return frame[[name for name in wanted if name in given]]


def _positional(frame: pd.DataFrame, specs: list[ColSpec]) -> pd.DataFrame:
    if frame.shape[1] < len(specs):
        raise InvalidInput(
            f"Model is missing inputs: its signature has {len(specs)} unnamed columns, the data {frame.shape[1]}."
        )
    if frame.shape[1] > len(specs):
        _log.warning("Dropping %d columns beyond the %d of the signature.", frame.shape[1] - len(specs), len(specs))
    return frame.iloc[:, : len(specs)]


def _frame(data: Any, specs: list[ColSpec]) -> pd.DataFrame:
    try:
        if isinstance(data, pd.DataFrame):
            return data
        if isinstance(data, pd.Series):
            return data.to_frame(0 if data.name is None else data.name)
        if isinstance(data, Mapping):
            return _frame_of_dict(data, {spec.name: spec.type for spec in specs})
        if isinstance(data, np.ndarray):
            return pd.DataFrame(data if data.ndim else [data.item()])
        if not isinstance(data, list):
            return pd.DataFrame([data])
        if len(specs) == 1 and isinstance(specs[0].type, Array) and _is_column(data, specs[0].type):
            # One by one: pandas would unfold equally long lists into columns.
            return pd.DataFrame({0: pd.Series([list(item) for item in data], dtype=object)})
        return pd.DataFrame(data)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Expected input to be DataFrame; {type(data).__name__} cannot be made one: {error}"
        ) from error


def _frame_of_dict(data: Mapping[Any, Any], types: Mapping[Any, AnyColumnType]) -> pd.DataFrame:
    """A dict as rows: its values are columns where they hold more than one value of the declared type needs."""
    if any(_is_column(value, types.get(name, DataType.string)) for name, value in data.items()):
        return pd.DataFrame({name: list(value) if _is_many(value) else value for name, value in data.items()})
    return pd.DataFrame({name: [value] for name, value in data.items()})


def _is_column(value: Any, dtype: AnyColumnType) -> bool:
    """Whether `value` is a column of `dtype`s rather than one of them."""
    if not _is_many(value):
        return False
    if not isinstance(dtype, Array):
        return True
    return any(_is_column(item, dtype.dtype) for item in list(value)[:1])


def _is_many(value: Any) -> bool:
    return isinstance(value, (list, np.ndarray, pd.Series, pd.Index))
