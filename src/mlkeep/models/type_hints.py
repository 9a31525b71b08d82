"""Type hints of `predict` that say what a model takes: the schema they mean, and data checked against them.

A hint is `list[...]` of `str`, `int`, `float`, `bool`, `bytes`, `datetime`, `Any`, pydantic models, lists, `dict[str, ...]`
and unions of these: a model answers many inputs at once.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
import types
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.models.datatypes import AnyColumnType, AnyType, Array, DataType, Map, Object, Property
from mlkeep.models.schema import ColSpec, Schema

_T = TypeVar("_T")

_PLAIN: dict[Any, DataType] = {
    str: DataType.string,
    int: DataType.long,
    float: DataType.double,
    bool: DataType.boolean,
    bytes: DataType.binary,
    dt.datetime: DataType.datetime,
}
_SUPPORTED = "str, int, float, bool, bytes, datetime, Any, pydantic models, list[...] and dict[str, ...]"
_MOST_SHOWN = 5  # elements of the data that an error shows
_WIDTH = 100  # characters of each


class TypeFromExample(Generic[_T]):
    """As the hint of `predict`'s input: what the model takes is to be seen from the input example."""


class TypeHints:
    """The hints of a model's `predict`, as MLflow keeps them in a pickled model."""

    def __init__(self, input: Any = None, output: Any = None) -> None:  # noqa: A002 - part of the format
        self.input = input
        self.output = output


class UnsupportedHint(InvalidInput):
    """A hint that says nothing about columns, such as `pd.DataFrame`: there is nothing to check data against."""


def schema_of_hint(hint: Any) -> Schema:
    """The schema that the hint of an input means: one column without a name.

    Raises:
        UnsupportedHint: it is not of the kind that says what is in a column.
        InvalidInput: it is, but says too little or what no schema can hold; the message tells how to write it.
    """
    if hint is list or (get_origin(hint) is list and not get_args(hint)):
        raise InvalidInput(
            f"Type hint `{name_of(hint)}` doesn't contain a collection element type: write for instance `list[str]`."
        )
    if get_origin(hint) is not list:
        raise UnsupportedHint(
            f"Type hint `{name_of(hint)}` is not a list: a model answers many inputs at once, so write "
            f"`list[{name_of(hint)}]`, with elements of {_SUPPORTED}."
        )
    (element,) = get_args(hint)
    if _without_none(element)[1]:
        raise InvalidInput(
            f"Type hint `{name_of(hint)}`: an input cannot be Optional. Remove it, or give it to a field of a pydantic "
            "model."
        )
    return Schema([ColSpec(_type_of(element))])


def output_schema_of_hint(hint: Any) -> Schema | None:
    """The schema that the hint of an answer means; None if it says nothing."""
    try:
        return schema_of_hint(hint)
    except InvalidInput:
        return None


def _type_of(hint: Any) -> AnyColumnType:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint is Any or _is_union(hint):
        return AnyType()
    if (fields := _fields_of(hint)) is not None:
        return Object([_property(name, field.annotation) for name, field in fields.items()])
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in {list, dict} or (origin in {list, dict} and not arguments):
        raise InvalidInput(f"Invalid type hint `{name_of(hint)}`: it must say what its elements are: {_SUPPORTED}.")
    if origin is list:
        return Array(_type_of(arguments[0]))
    if origin is dict:
        if arguments[0] is not str:
            raise InvalidInput(f"Type hint `{name_of(hint)}`: the keys of a dict must be str, not {arguments[0]!r}.")
        return Map(_type_of(arguments[1]))
    raise UnsupportedHint(f"Unsupported type hint `{name_of(hint)}`: elements can be {_SUPPORTED}.")


def _property(name: str, hint: Any) -> Property:
    # As MLflow has it: optional is what may be None, and not what has a default.
    inner, may_be_none = _without_none(hint)
    return Property(name, _type_of(inner), required=not may_be_none)


def checked_by_hint(data: Any, hint: Any) -> list[Any]:
    """`data` as a list of what `hint` says; dicts become the pydantic models it names.

    A frame stands for a list: of its rows as dicts where the elements are pydantic models, else of the values of its
    first column that fits. An int counts as a float, and numpy's numbers as Python's.

    Raises:
        InvalidInput: the data is not a list, or an element is of another type.
    """
    element = get_args(hint)[0]
    values = _list_of_frame(data, element) if isinstance(data, pd.DataFrame) else data
    return _checked_list(values, hint)


def _list_of_frame(frame: pd.DataFrame, element: Any) -> list[Any]:
    if _fields_of(element) is not None:
        rows: list[Any] = frame.to_dict("records")
        # A frame has to fill what is missing in a row with something.
        return [{str(key): value for key, value in row.items() if not _is_missing(value)} for row in rows]
    if frame.shape[1] == 0:
        raise InvalidInput(
            f"Expected a list or a frame with a column of `{name_of(element)}`; the frame has no columns."
        )
    for index in range(frame.shape[1]):
        values = frame.iloc[:, index].tolist()
        if not _faults(values, element):
            return values
    if element in _PLAIN:
        raise InvalidInput(f"Expected model input to contain at least one {_PLAIN[element].name} column")
    return frame.iloc[:, 0].tolist()


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _faults(values: list[Any], element: Any) -> list[tuple[str, str]]:
    return [fault for fault in (_attempt(value, element)[1] for value in values) if fault is not None]


def _attempt(value: Any, hint: Any) -> tuple[Any, tuple[str, str] | None]:
    """`value` as `hint` says, or how it differs."""
    try:
        return _checked(value, hint), None
    except InvalidInput as error:
        shown = str(value)
        return None, (shown if len(shown) <= _WIDTH else f"{shown[:_WIDTH]}...", error.message)


def _checked_list(values: Any, hint: Any) -> list[Any]:
    if not isinstance(values, list):
        raise InvalidInput(f"Expected list, but got {type(values).__name__}")
    (element,) = get_args(hint)
    attempts = [_attempt(value, element) for value in values]
    if faults := [fault for _, fault in attempts if fault is not None]:
        more = f" and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        raise InvalidInput(
            f"Failed to validate data against type hint `{name_of(hint)}`, invalid elements: {faults[:_MOST_SHOWN]}{more}"
        )
    return [value for value, _ in attempts]


def _checked(value: Any, hint: Any) -> Any:
    if hint is Any or _is_union(hint):
        # As in the schema: a union is not checked.
        return value
    if hint in _PLAIN:
        return _checked_scalar(value, hint)
    if _fields_of(hint) is not None:
        return _checked_model(value, hint)
    if get_origin(hint) is list:
        return _checked_list(value, hint)
    return _checked_dict(value, hint)


def _checked_scalar(value: Any, hint: Any) -> Any:
    if isinstance(value, hint):
        return value
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, hint):
        return plain
    if hint is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    raise InvalidInput(f"Expected type {hint.__name__}, but got {type(value).__name__}")


def _checked_dict(value: Any, hint: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"Expected dict, but got {type(value).__name__}")
    element = get_args(hint)[1]
    attempts = {key: _attempt(item, element) for key, item in value.items()}
    faults = {str(key): fault[1] for key, (_, fault) in attempts.items() if fault is not None}
    faults |= {str(key): f"Key must be a string, got {type(key).__name__}" for key in value if not isinstance(key, str)}
    if faults:
        raise InvalidInput(f"Failed to validate data against type hint `{name_of(hint)}`, invalid elements: {faults}")
    return {key: item for key, (item, _) in attempts.items()}


def _checked_model(value: Any, model: Any) -> Any:
    if isinstance(value, model):
        return value
    content = value.model_dump() if hasattr(value, "model_dump") else value
    if not isinstance(content, Mapping):
        raise InvalidInput(f"Expected a dict or {model.__name__}, but got {type(value).__name__}")
    try:
        return model.model_validate(dict(content), strict=True)
    except ValueError as strict_error:
        # What came as JSON has text where the model has times, bytes and the like. Text for numbers stays an error.
        try:
            return model.model_validate_json(json.dumps(content), strict=True)
        except (TypeError, ValueError):
            raise InvalidInput(f"Data doesn't match type hint, error: {strict_error}") from strict_error


def is_hint_of_data(hint: Any) -> bool:
    """Whether a hint names a container that a signature describes better, such as a frame or an array."""
    module = getattr(get_origin(hint) or hint, "__module__", "") or ""
    return module.partition(".")[0] in {"pandas", "numpy", "scipy"}


def is_from_example(hint: Any) -> bool:
    """Whether a hint is `TypeFromExample`, ours or MLflow's."""
    return getattr(hint, "__name__", None) == "TypeFromExample" or get_origin(hint) is TypeFromExample


def _without_none(hint: Any) -> tuple[Any, bool]:
    """A hint without `None`, and whether it had one."""
    if not _is_union(hint):
        return hint, False
    rest = [one for one in get_args(hint) if one is not type(None)]
    if len(rest) == len(get_args(hint)):
        return hint, False
    return (rest[0] if len(rest) == 1 else Any), True


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in {Union, types.UnionType}


def _fields_of(hint: Any) -> Mapping[str, Any] | None:
    """The fields of a pydantic model; None for anything else. Who has such a class has imported pydantic."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not isinstance(hint, type) or get_origin(hint) is not None:
        return None
    fields: Mapping[str, Any] | None = getattr(hint, "model_fields", None)
    return fields if issubclass(hint, pydantic.BaseModel) else None


def name_of(hint: Any) -> str:
    """A hint as one writes it."""
    if isinstance(hint, type) and get_origin(hint) is None:
        return hint.__name__
    return str(hint).replace("datetime.datetime", "datetime")
