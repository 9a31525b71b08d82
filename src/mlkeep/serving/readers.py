"""What a model's `predict` takes, built straight from parsed JSON: one reader for each kind of signature."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from mlkeep.core.errors import BadRequest
from mlkeep.models.datatypes import DataType
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.serving import values as typed
from mlkeep.serving.files import csv_frame, csv_table
from mlkeep.serving.nested import with_floats
from mlkeep.serving.tables import Table, is_objects, require_in_every_row, table_of_objects

_FLOATS: dict[object, np.dtype[Any]] = {DataType.float: np.dtype(np.float32), DataType.double: np.dtype(np.float64)}
_INTEGERS: dict[object, np.dtype[Any]] = {DataType.integer: np.dtype(np.int32), DataType.long: np.dtype(np.int64)}
_BADLY_SHAPED = (ValueError, TypeError, OverflowError, FloatingPointError)


class Reader(Protocol):
    """Turns the values of a request into the argument of `predict`.

    What cannot be of its declared type raises BadRequest; what does not fit the signature as a whole (a missing
    column, a wrong shape) is left to `predict`, which says so in MLflow's words.
    """

    def table(self, table: Table) -> object:
        """The argument from one of the dataframe formats."""

    def csv(self, text: str) -> object:
        """The argument from CSV with a header."""

    def inputs(self, value: Any) -> object:
        """The argument from `inputs`: values by name, or all of them in one list."""

    def instances(self, value: Any) -> object:
        """The argument from `instances`: one entry per row."""


def reader_for(schema: Schema | None) -> Reader:
    """The reader for models whose signature has `schema` as inputs."""
    if schema is None:
        return PlainReader()
    if schema.is_tensor_spec():
        return TensorReader(schema)
    return ColumnReader(schema)


class PlainReader:
    """For models without a signature: numpy's and pandas' own idea of the types."""

    def table(self, table: Table) -> pd.DataFrame:
        """A frame with the types pandas infers."""
        return pd.DataFrame(table.rows, columns=pd.Index(table.names), index=_index(table))

    def csv(self, text: str) -> pd.DataFrame:
        """A frame with the types pandas infers."""
        return csv_frame(text)

    def inputs(self, value: Any) -> object:
        """An array, a dict of arrays, or a list of dicts of arrays."""
        if isinstance(value, dict):
            return {name: _plain_array(each, f"'{name}'") for name, each in value.items()}
        if is_objects(value):
            return [self.inputs(each) for each in value]
        return _plain_array(value, "the list of values")

    def instances(self, value: Any) -> object:
        """An array, or a dict of arrays with one entry per row."""
        if is_objects(value):
            require_in_every_row(value, dict.fromkeys(name for each in value for name in each))
            value = table_of_objects(value).columns()
        return self.inputs(value)


class ColumnReader:
    """For signatures of columns."""

    def __init__(self, schema: Schema) -> None:
        self._specs = [spec for spec in schema.inputs if isinstance(spec, ColSpec)]
        self._named = schema.has_input_names()
        self._by_name: dict[Any, ColSpec] = {spec.name: spec for spec in self._specs}
        self._sent_names = [spec.name for spec in self._specs]  # what clients who follow the signature send
        self._names = pd.Index(self._sent_names)
        self._is_scalar = all(isinstance(spec.type, DataType) for spec in self._specs)
        kinds = {spec.type for spec in self._specs} if self._is_scalar else set()
        self._uniform = _FLOATS.get(kinds.pop()) if len(kinds) == 1 else None

    def table(self, table: Table) -> pd.DataFrame:
        """A frame with the declared types; columns the signature does not name stay as pandas infers them."""
        frame = self._uniform_frame(table)
        return self._frame(table.columns(), _index(table)) if frame is None else frame

    def csv(self, text: str) -> pd.DataFrame:
        """A frame with the declared types."""
        return self.table(csv_table(text, self._uniform))

    def inputs(self, value: Any) -> object:
        """A frame from values by name, or from rows."""
        if isinstance(value, dict):
            return self._by_column(value)
        if is_objects(value):
            return self._frame(table_of_objects(value).columns(), None, as_values=True)
        if self._named and len(self._specs) == 1 and isinstance(value, list):
            return self._by_column({self._specs[0].name: value})
        return self._rows(value if isinstance(value, list) else [value])

    def instances(self, value: Any) -> object:
        """A frame with one row per entry."""
        if is_objects(value) and self._named:
            require_in_every_row(value, [spec.name for spec in self._specs if spec.required])
        return self.inputs(value)

    def _uniform_frame(self, table: Table) -> pd.DataFrame | None:
        """The frame of a signature with one type of number, made as one block; None if it is not so simple."""
        if self._uniform is None or (self._named and not all(name in self._by_name for name in table.names)):
            return None
        try:
            with np.errstate(over="raise"):
                block = np.array(table.rows, dtype=np.float64).astype(self._uniform, copy=False)
        except _BADLY_SHAPED:
            return None
        if block.shape != (len(table.rows), len(table.names)):
            return None
        names = self._names if table.names == self._sent_names else pd.Index(table.names)
        return pd.DataFrame(block, columns=names, index=_index(table), copy=False)

    def _by_column(self, value: dict[Any, Any]) -> pd.DataFrame:
        if not self._named:
            raise BadRequest(
                "Invalid input. Failed to parse input data. This model contains an un-named model signature, which "
                "expects a single n-dimensional array or a single value as input; an object of named values was sent."
            )
        if not self._is_scalar:
            # A list may be one value of an array column: values by name are one row, as in MLflow.
            return self._frame(table_of_objects([value]).columns(), None, as_values=True)
        columns = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
        lengths = {name: len(each) for name, each in columns.items()}
        if len(set(lengths.values())) > 1:
            raise BadRequest(f"Invalid input. All columns must have the same number of values. Got {lengths}.")
        return self._frame(columns, None, as_values=True)

    def _rows(self, rows: list[Any]) -> object:
        """Values without names. Where the signature has some, it is `predict` that misses them."""
        if not self._named and not self._is_scalar:
            return rows
        width = len(rows[0]) if rows and isinstance(rows[0], list) else 1
        wide = [row if isinstance(row, list) else [row] for row in rows]
        for position, row in enumerate(wide):
            if len(row) != width:
                raise BadRequest(f"Invalid input. Row {position} has {len(row)} values, the rows before have {width}.")
        table = Table(range(width), wide)
        frame = self._uniform_frame(table)
        return self._frame(table.columns(), None, as_values=True) if frame is None else frame

    def _frame(
        self, columns: Mapping[Hashable, Sequence[Any]], index: pd.Index[Any] | None, *, as_values: bool = False
    ) -> pd.DataFrame:
        read: dict[Hashable, Any] = {}
        for position, (name, given) in enumerate(columns.items()):
            spec = self._spec(name, position)
            column = list(given) if spec is None else _column(spec, f"column {name!r}", given, as_values=as_values)
            read[name] = column
        frame = pd.DataFrame(read, columns=pd.Index(list(columns)))
        if index is not None and read:
            frame.index = index  # set rather than given: pandas would align the columns to it
        return frame

    def _spec(self, name: Hashable, position: int) -> ColSpec | None:
        if self._named:
            return self._by_name.get(name)
        return self._specs[position] if position < len(self._specs) else None


class TensorReader:
    """For signatures of tensors: one without a name, or several with."""

    def __init__(self, schema: Schema) -> None:
        self._specs = [spec for spec in schema.inputs if isinstance(spec, TensorSpec)]
        self._named = schema.has_input_names()
        only = self._specs[0].type
        self._uniform = only if not self._named and only.kind == "f" else None

    def table(self, table: Table) -> object:
        """An array of the rows, or a dict of arrays with one entry per row."""
        if self._named:
            return {name: _shaped(array, spec) for spec, name, array in self._arrays(table.columns())}
        spec = self._specs[0]
        array = typed.tensor(table.rows, spec.type, "the rows")
        if array.ndim == len(spec.shape) + 1 and array.shape[1] == 1:
            return array[:, 0]  # one column whose cells are the rows
        return array

    def csv(self, text: str) -> object:
        """An array of the rows, or a dict of arrays."""
        return self.table(csv_table(text, self._uniform))

    def inputs(self, value: Any) -> object:
        """An array, or a dict of arrays without the names that the signature does not know."""
        if self._named:
            if isinstance(value, dict):
                return {name: array for _, name, array in self._arrays(value)}
            return value if is_objects(value) else _plain_array(value, "the list of values")
        if isinstance(value, dict):
            raise BadRequest(
                "Invalid input. Failed to parse input data. This model contains an un-named model signature, which "
                "expects a single n-dimensional array or a single value as input; an object of named values was sent."
            )
        return typed.tensor(value, self._specs[0].type, "the values")

    def instances(self, value: Any) -> object:
        """As `inputs`, after turning rows of names into names of rows."""
        if is_objects(value):
            require_in_every_row(value, [spec.name for spec in self._specs if spec.name])
            return self.inputs(table_of_objects(value).columns())
        return self.inputs(value)

    def _arrays(self, columns: Mapping[Any, Any]) -> list[tuple[TensorSpec, str, typed.Array]]:
        return [
            (spec, spec.name, typed.tensor(columns[spec.name], spec.type, f"input {spec.name!r}"))
            for spec in self._specs
            if spec.name is not None and spec.name in columns
        ]


def _column(spec: ColSpec, where: str, values: Sequence[Any], *, as_values: bool) -> typed.Column:
    """`values` as a column of the declared type.

    `as_values` is for `inputs` and `instances`, which MLflow reads with numpy rather than with pandas: numbers for a
    text column become text, and bytes are sent as text rather than in base64.
    """
    kind = spec.type
    if not isinstance(kind, DataType):
        return pd.Series([with_floats(value, kind) for value in values], dtype=object)
    if kind in _FLOATS:
        return typed.floats(values, _FLOATS[kind], where)
    if kind in _INTEGERS:
        return typed.integers(values, _INTEGERS[kind], where, required=spec.required)
    if kind is DataType.boolean:
        return typed.booleans(values, where, required=spec.required)
    if kind is DataType.binary:
        return typed.binaries(values, where, encoded=not as_values, required=spec.required)
    if kind is DataType.datetime:
        return typed.datetimes(values, where, to_utc=as_values)
    return typed.strings(values, stringify=as_values)


def _shaped(array: typed.Array, spec: TensorSpec) -> typed.Array:
    """`array` in the rank of `spec`, where a frame's cells can only be that (a scalar is a tensor of one value)."""
    if array.ndim == len(spec.shape) or sum(size < 0 for size in spec.shape) > 1:
        return array
    try:
        return array.reshape(spec.shape)
    except ValueError:
        return array


def _plain_array(value: object, where: str) -> typed.Array:
    try:
        return np.array(value)
    except ValueError as error:
        raise BadRequest(f"Invalid input. {where} is not a regular array: {error}") from error


def _index(table: Table) -> pd.Index[Any] | None:
    return None if table.index is None else pd.Index(table.index)
