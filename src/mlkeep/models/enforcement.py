"""Data as a model's signature declares it, or an error that says what differs."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.columns import AsGiven, Cast, Step, cast_column, step_for
from mlkeep.models.frames import column_of, dtypes_of, frame_of, values_of
from mlkeep.models.paramspecs import enforce_params
from mlkeep.models.rows import as_frame
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.models.tensors import enforce_tensors, has_shape

__all__ = ["Enforcement", "enforce_params", "enforce_schema"]

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
    return Enforcement(schema)(data)


class Enforcement:
    """`enforce_schema` for one schema and any amount of data: what a frame needs is found out once for frames like it."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._specs = [spec for spec in schema.inputs if isinstance(spec, ColSpec)]
        first = schema.inputs[0]
        self._tensor = first if isinstance(first, TensorSpec) and first.name is None else None
        self._plan: _Plan | None = None

    def __call__(self, data: Any) -> Any:
        """The data as the schema declares it. Raises InvalidInput."""
        tensor = self._tensor
        if tensor is not None and type(data) is np.ndarray and data.dtype == tensor.type and has_shape(data, tensor):
            return data
        if not self._specs:
            return enforce_tensors(data, self.schema)
        if data is None:
            raise InvalidInput("Expected input to be DataFrame. Found: NoneType")
        is_ours = not isinstance(data, pd.DataFrame)
        frame = as_frame(data, self._specs) if is_ours else data
        plan = self._plan
        if plan is None or not plan.is_for(frame):
            plan = self._plan = _Plan(frame, self._specs)
        return plan.carry_out(frame, is_ours=is_ours)


class _Plan:
    """What is to be done with frames that have certain columns.

    Raises:
        InvalidInput: the schema wants columns that are not there.
    """

    def __init__(self, frame: pd.DataFrame, specs: list[ColSpec]) -> None:
        self._given = frame.columns
        self._dtypes = dtypes_of(frame)
        positions = _positions(frame.columns.tolist(), specs)
        self._steps: list[tuple[int, ColSpec, Step]] = [
            (position, spec, step_for(self._dtypes[position], spec)) for position, spec in positions
        ]
        in_order = [position for position, _ in positions] == list(range(frame.shape[1]))
        self._columns = frame.columns if in_order else frame.columns.take([position for position, _ in positions])
        self._is_nothing = in_order and all(isinstance(step, AsGiven) for _, _, step in self._steps)

    def is_for(self, frame: pd.DataFrame) -> bool:
        """Whether the frame has these columns, of these types."""
        columns = frame.columns
        return dtypes_of(frame) == self._dtypes and (columns is self._given or columns.equals(self._given))

    def carry_out(self, frame: pd.DataFrame, *, is_ours: bool) -> pd.DataFrame:
        """The frame with the columns of the schema. Raises InvalidInput."""
        if self._is_nothing:
            # Another frame on the same values: a model that adds columns does not add them to its caller's.
            return frame if is_ours else frame.copy(deep=False)
        if not self._steps:
            return frame.iloc[:, :0]
        return frame_of([self._column(frame, *step) for step in self._steps], self._columns, frame.index)

    def _column(self, frame: pd.DataFrame, position: int, spec: ColSpec, step: Step) -> Any:
        match step:
            case AsGiven():
                return column_of(frame, position).copy()
            case Cast(dtype=dtype):
                return column_of(frame, position).astype(dtype)
        column: Any = frame.iloc[:, position]
        cast = cast_column(column, spec)
        return values_of(cast).copy() if cast is column else values_of(cast)


def _positions(given: list[Any], specs: list[ColSpec]) -> list[tuple[int, ColSpec]]:
    """Where each column of the schema is in a frame; optional ones may be nowhere.

    Raises:
        InvalidInput: a required one is nowhere, or one is there twice.
    """
    if specs[0].name is None:
        return _by_order(given, specs)
    places: dict[Any, int] = {}
    wanted = {spec.name for spec in specs}
    for position, name in enumerate(given):
        if name in places and name in wanted:
            raise InvalidInput(f"There are several columns {name!r}: give one, or rename the others.")
        places[name] = position
    missing = [spec.name for spec in specs if spec.required and spec.name not in places]
    extra = [name for name in given if name not in wanted]
    if missing:
        note = f" Note that there were extra inputs: {extra}." if extra else ""
        raise InvalidInput(f"Model is missing inputs {missing}.{note}")
    if extra:
        _log.warning("Dropping columns %s: the model's signature does not name them.", extra)
    return [(places[spec.name], spec) for spec in specs if spec.name in places]


def _by_order(given: list[Any], specs: list[ColSpec]) -> list[tuple[int, ColSpec]]:
    if len(given) < len(specs):
        raise InvalidInput(
            f"Model is missing inputs: its signature has {len(specs)} unnamed columns, the data {len(given)}."
        )
    if len(given) > len(specs):
        _log.warning("Dropping %d columns beyond the %d of the signature.", len(given) - len(specs), len(specs))
    return list(enumerate(specs))
