"""Data as the tensors a schema declares."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.inference import is_sparse
from mlkeep.models.schema import Schema, TensorSpec

_log = logging.getLogger(__name__)


def enforce_tensors(data: Any, schema: Schema) -> Any:
    """`data` as what `schema` (of tensors) declares: one array (or sparse matrix), or a dict of arrays if it has names.

    Arrays are checked, never converted. A frame is: its columns of lists are stacked, and cast to the declared type.

    Raises:
        InvalidInput: a tensor is missing, or its type or shape is another one.
    """
    specs = [spec for spec in schema.inputs if isinstance(spec, TensorSpec)]
    if not schema.has_input_names():
        return _one(data, specs[0])
    if isinstance(data, pd.DataFrame):
        _require(specs, set(data.columns))
        return {str(spec.name): _stack(data[spec.name], spec) for spec in specs}
    given = data if isinstance(data, Mapping) else {}
    _require(specs, set(given))
    if extra := sorted(str(name) for name in given.keys() - {spec.name for spec in specs}):
        _log.warning("Dropping inputs %s: the model's signature does not name them.", extra)
    return {str(spec.name): _check(given[spec.name], spec) for spec in specs}


def has_shape(data: Any, spec: TensorSpec) -> bool:
    """Whether an array or matrix has the shape of a tensor, in which -1 is any length."""
    shape = data.shape
    if len(shape) != len(spec.shape):
        return False
    for size, wanted in zip(shape, spec.shape, strict=True):  # noqa: SIM110 - it is asked at every call
        if size != wanted and wanted != -1:  # noqa: PLR1714 - as above
            return False
    return True


def _one(data: Any, spec: TensorSpec) -> Any:
    if isinstance(data, pd.DataFrame):
        if data.shape[1] == 1:
            return _check(_stack(data.iloc[:, 0], spec, cast=False), spec)
        return _check(data.to_numpy(), spec)
    if isinstance(data, pd.Series):
        return _check(_stack(data, spec, cast=False), spec)
    return _check(data, spec)


def _require(specs: list[TensorSpec], given: set[Any]) -> None:
    if missing := [str(spec.name) for spec in specs if spec.name not in given]:
        raise InvalidInput(f"Model is missing inputs {missing}.")


def _check(data: Any, spec: TensorSpec) -> Any:
    if not (isinstance(data, np.ndarray) or is_sparse(data)):
        name = "" if spec.name is None else f" '{spec.name}'"
        raise InvalidInput(
            f"The model's signature declares a tensor{name}, so it takes a numpy array of {spec.type} with shape "
            f"{spec.shape}, or a dict of arrays where tensors have names; found {type(data).__name__}."
        )
    if not _same_type(data.dtype, spec.type):
        raise InvalidInput(f"dtype of input {data.dtype} does not match expected dtype {spec.type}")
    if not has_shape(data, spec):
        raise InvalidInput(f"Shape of input {data.shape} does not match expected shape {spec.shape}.")
    return data


def _same_type(given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    # The length of text is not part of its type, and everything is an object.
    if wanted.kind in "USO":
        return wanted.kind in {"O", given.kind}
    return given == wanted


def _stack(column: pd.Series[Any], spec: TensorSpec, *, cast: bool = True) -> Any:
    """The cells of a column as one array with the rows in front."""
    try:
        if column.dtype == object and len(column) and isinstance(column.iloc[0], (list, tuple, np.ndarray)):
            stacked = np.stack([np.asarray(cell) for cell in column])
        else:
            stacked = column.to_numpy()
        if cast:
            stacked = stacked.astype(spec.type)
        return stacked.reshape(
            tuple(len(column) if n == 0 and size == -1 else size for n, size in enumerate(spec.shape))
        )
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Column {column.name!r} cannot be stacked into a tensor of {spec.type} with shape {spec.shape}: {error}"
        ) from error
