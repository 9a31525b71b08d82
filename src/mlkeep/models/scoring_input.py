"""The JSON that scoring servers are sent, as data for a model."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import BadRequest
from mlkeep.models.datatypes import DataType
from mlkeep.models.example import UNWRAPPED_KEYS
from mlkeep.models.schema import ColSpec, Schema

_FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_KINDS: dict[type[object], str] = {list: "list", dict: "dictionary"}


def read_scoring_input(
    body: str | bytes | Mapping[str, Any], schema: Schema | None = None, *, from_type_hint: bool = False
) -> tuple[Any, dict[str, Any] | None]:
    """Data and parameters of a scoring request, converted towards the types that `schema` declares.

    What `schema` requires is not checked here: that is the model's `predict`. Models whose signature came from type hints
    are given the value of `inputs` as it is.

    Raises:
        BadRequest: it is not JSON, or has not exactly one of the four formats, or cannot be converted.
    """
    content = _parsed(body)
    if UNWRAPPED_KEYS & content.keys():
        return {key: value for key, value in content.items() if key != "params"}, content.get("params")
    given = [name for name in _FORMATS if name in content]
    if len(given) != 1:
        raise BadRequest(
            f"The input must be a JSON dictionary with exactly one of the input fields {set(_FORMATS)}. Received dictionary "
            f"with input fields: {given}."
        )
    value, params = content[given[0]], content.get("params")
    if from_type_hint:
        if given != ["inputs"]:
            raise BadRequest(f"A model with type hints takes its data as 'inputs', not as '{given[0]}'.")
        return value, params
    try:
        return _converted(given[0], value, schema), params
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRequest(
            f"Invalid input. The field '{given[0]}' cannot be read as the model's input: {error}"
        ) from error


def _parsed(body: str | bytes | Mapping[str, Any]) -> dict[str, Any]:
    content: Any = body
    if isinstance(body, (str, bytes)):
        try:
            content = json.loads(body)
        except ValueError as error:
            raise BadRequest(
                f"Invalid input. Ensure that input is a valid JSON formatted string. Error: '{error!r}'\nInput: \n{body!r}\n"
            ) from error
    if not isinstance(content, Mapping):
        kind = _KINDS.get(type(content))
        received = f"a {kind}" if kind else f"unexpected input type '{type(content)}'"
        raise BadRequest(
            f"Invalid input. The input must be a JSON dictionary with exactly one of the input fields {set(_FORMATS)}. "
            f"Received {received}."
        )
    return dict(content)


def _converted(form: str, value: Any, schema: Schema | None) -> Any:
    if form == "dataframe_split":
        return _typed(_split(value), schema)
    if form == "dataframe_records":
        if not isinstance(value, list):
            raise BadRequest(f"Dataframe records format must be a list of records. Got {_kind(value)}.")
        return _typed(pd.DataFrame(value), schema)
    if form == "instances" and isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        value = {key: [row[key] for row in value if key in row] for key in value[0]}
    return _tensors(value, schema)


def _split(value: Any) -> pd.DataFrame:
    if not isinstance(value, dict):
        raise BadRequest(f"Dataframe split format must be a dictionary. Got {_kind(value)}.")
    if "data" not in value or value.keys() - {"data", "columns", "index"}:
        raise BadRequest(
            f"Dataframe split format must have 'data' field and optionally 'columns' and 'index' fields. Got {list(value)}."
        )
    return pd.DataFrame(value["data"], index=value.get("index"), columns=value.get("columns"))


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), type(value).__name__)


def _typed(frame: pd.DataFrame, schema: Schema | None) -> Any:
    if schema is None:
        return frame
    if schema.is_tensor_spec():
        return frame if schema.has_input_names() else frame.to_numpy().astype(schema.numpy_types()[0])
    for index, spec in enumerate(schema.inputs):
        name = frame.columns[index] if spec.name is None and index < frame.shape[1] else spec.name
        if name in frame.columns and isinstance(spec, ColSpec) and isinstance(spec.type, DataType):
            frame[name] = _typed_column(frame[name], spec.type)
    return frame


def _typed_column(column: pd.Series[Any], dtype: DataType) -> pd.Series[Any]:
    if dtype is DataType.string:
        return column
    if dtype is DataType.binary:
        return column.map(base64.b64decode, na_action="ignore").astype(object)
    if dtype is DataType.datetime:
        return pd.to_datetime(column)
    try:
        return column.astype(dtype.to_numpy())
    except (TypeError, ValueError) as error:
        raise BadRequest(
            f"Failed to convert column {column.name} to type '{dtype.to_numpy()}'. Error: {error}"
        ) from error


def _tensors(value: Any, schema: Schema | None) -> Any:
    """The value of `inputs` or `instances`: arrays of the declared types where those are known, else as they come."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return value
    types = _flat_types(schema)
    if isinstance(value, dict):
        if schema is not None and not schema.has_input_names():
            raise BadRequest(
                "Failed to parse input data. This model contains an un-named model signature, and the input has names: "
                f"{list(value)}."
            )
        if not any(isinstance(item, list) for item in value.values()):
            return value
        return {key: np.array(item, dtype=types.get(key)) for key, item in value.items()}
    if schema is not None and schema.has_input_names():
        name = schema.input_names()[0]
        return {name: value} if len(schema.inputs) == 1 and isinstance(value, list) else np.array(value)
    return np.array(value, dtype=types.get(None))


def _flat_types(schema: Schema | None) -> dict[Any, np.dtype[Any] | None]:
    """The numpy type of each declared name, where it has one that values can be made of."""
    if schema is None:
        return {}
    types: dict[Any, np.dtype[Any] | None] = {}
    for spec in schema.inputs:
        if isinstance(spec, ColSpec):
            types[spec.name] = spec.type.to_numpy() if isinstance(spec.type, DataType) else np.dtype(object)
        else:
            types[spec.name] = spec.type
    return types
