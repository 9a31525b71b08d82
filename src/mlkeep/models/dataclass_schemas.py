"""Dataclasses as schemas: each field is a column."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.models.datatypes import AnyColumnType, Array, DataType, Object, Property
from mlkeep.models.schema import ColSpec, Schema

_SCALARS = {
    bool: DataType.boolean,
    int: DataType.long,
    float: DataType.double,
    str: DataType.string,
    bytes: DataType.binary,
}


def convert_dataclass_to_schema(dataclass: Any) -> Schema:
    """The schema whose columns are the fields of a dataclass, or of an instance of one.

    A field is a bool, int, float, str, bytes, another dataclass, or a list of one of these; `Optional` makes it optional.

    Raises:
        TypeError: it is no dataclass.
        InvalidInput: a field is of another type, or there is none.
    """
    if not dataclasses.is_dataclass(dataclass):
        raise TypeError(f"{getattr(dataclass, '__name__', dataclass)} is not a dataclass.")
    kind = dataclass if isinstance(dataclass, type) else type(dataclass)
    return Schema([ColSpec(dtype, name, required=required) for name, dtype, required in _fields(kind)])


def _fields(kind: type) -> list[tuple[str, AnyColumnType, bool]]:
    hints = typing.get_type_hints(kind)
    found: list[tuple[str, AnyColumnType, bool]] = []
    for field in dataclasses.fields(kind):
        where = f"The field '{field.name}' of the dataclass {kind.__name__}"
        hint, required = _without_none(hints[field.name], where)
        if typing.get_origin(hint) is list:
            [item] = typing.get_args(hint)
            found.append((field.name, Array(_type(item, where)), required))
        else:
            found.append((field.name, _type(hint, where), required))
    return found


def _without_none(hint: Any, where: str) -> tuple[Any, bool]:
    """What a hint says beside None, and whether None is not allowed."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, True
    others = [each for each in typing.get_args(hint) if each is not type(None)]
    if len(others) != 1 or len(typing.get_args(hint)) != 2:
        raise InvalidInput(f"{where} is a union, {hint}: only Optional[...] is one that a schema can have.")
    return others[0], False


def _type(hint: Any, where: str) -> AnyColumnType:
    if isinstance(hint, type) and (scalar := _SCALARS.get(hint)) is not None:
        return scalar
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return Object([Property(name, dtype, required) for name, dtype, required in _fields(hint)])
    raise InvalidInput(
        f"{where} is of type {hint}: give it one of {', '.join(kind.__name__ for kind in _SCALARS)}, a dataclass, or a list "
        "of these."
    )
