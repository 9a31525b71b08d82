"""Signatures that the type hints of a Python model's `predict` give."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.example import split_params
from mlkeep.models.inference import infer_param_schema
from mlkeep.models.schema import AnyType, ColSpec, Schema
from mlkeep.models.signature import ModelSignature
from mlkeep.models.type_hints import (
    TypeHints,
    UnsupportedHint,
    checked_by_hint,
    is_from_example,
    is_hint_of_data,
    name_of,
    output_schema_of_hint,
    schema_of_hint,
)

_log = logging.getLogger(__name__)


class Hinted(msgspec.Struct, frozen=True):
    """What hints say of a model: the hint of its input, and the signature that follows."""

    hint: Any
    signature: ModelSignature


def hinted(hints: TypeHints, example: Any) -> Hinted | None:
    """What the hints of `predict` say; None if they say nothing that a signature could hold.

    `example` is the input example, of which only the parameters are looked at.

    Raises:
        InvalidInput: the hint of the input is a list that says too little, or too much.
    """
    if hints.input in {None, Any} or is_from_example(hints.input) or is_hint_of_data(hints.input):
        return None
    try:
        inputs = schema_of_hint(hints.input)
    except UnsupportedHint as error:
        _log.warning("No signature from the type hint of predict: %s", error)
        return None
    params = split_params(example)[1]
    outputs = output_schema_of_hint(hints.output) or Schema([ColSpec(AnyType())])
    schema = infer_param_schema(params) if params else None
    return Hinted(hints.input, ModelSignature(inputs=inputs, outputs=outputs, params=schema))


def checked_example(example: Any, hint: Any) -> Any:
    """The input example as it can be written: a list, made of one input if need be, with models as dicts.

    Raises:
        InvalidInput: it is not what the hint says.
    """
    data, params = split_params(example)
    try:
        checked = checked_by_hint(data if isinstance(data, (list, pd.DataFrame)) else [data], hint)
    except InvalidInput as error:
        raise InvalidInput(
            f"Input example does not match the type hint `{name_of(hint)}` of predict: {error.message}"
        ) from error
    plain = data if isinstance(data, pd.DataFrame) else _plain(checked)
    return plain if params is None else (plain, params)


def takes_shape_of_example(example: Any) -> bool:
    """Whether a model with the hint `TypeFromExample` gets its input in the shape of this example."""
    return isinstance(split_params(example)[0], (list, pd.DataFrame))


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
