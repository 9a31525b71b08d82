"""What type a value has in a schema: a scalar, a list, a dict, and what several have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mlkeep.models.datatypes import AnyColumnType, AnyType, Array, DataType, Object, Property

_BY_KIND: dict[str, DataType] = {"b": DataType.boolean, "U": DataType.string, "S": DataType.binary}


class _EmptyList(AnyType):
    """What is known of a list without items: it is one."""

    def __repr__(self) -> str:
        return "a list"


class _EmptyDict(AnyType):
    """What is known of a dict without keys: it is one, and none of its keys is required."""

    def __repr__(self) -> str:
        return "a dict"


class NoType(Exception):  # noqa: N818 - never leaves the inference of schemas
    """The data has no type a schema could name; the message says what it is."""


def type_of_value(value: Any) -> AnyColumnType:
    """The type of a cell: a scalar, a list or array, or a dict. Raises NoType: it has none."""
    if value is None:
        return AnyType()
    if isinstance(value, Mapping):
        return type_of_dicts([value]) if value else _EmptyDict()
    if isinstance(value, (list, np.ndarray)) and not (isinstance(value, np.ndarray) and value.ndim == 0):
        items = [item for item in value if item is not None]
        if items and all(isinstance(item, Mapping) for item in items):
            return Array(type_of_dicts(items) if any(items) else _EmptyDict())
        found = common_type(type_of_value(item) for item in items)
        return (AnyType() if len(value) else _EmptyList()) if found is None else Array(found)
    return type_of_scalar(value)


def type_of_scalar(value: Any) -> DataType:
    """The type of a single value. Raises NoType: it has none."""
    match value:
        case bool():
            return DataType.boolean
        case int():
            return DataType.long
        case np.generic():
            return type_of_dtype(value.dtype)
        case float():
            return DataType.double
        case str():
            return DataType.string
        case bytes() | bytearray():
            return DataType.binary
        case dt.date():
            return DataType.datetime
    raise NoType(f"values of type {type(value).__name__}")


def type_of_dtype(dtype: Any) -> DataType:
    """The type of an array's or a column's values. Raises NoType: it has none."""
    if not isinstance(dtype, np.dtype):
        raise NoType(f"columns of type {dtype}")
    if dtype.kind in _BY_KIND:
        return _BY_KIND[dtype.kind]
    if dtype.kind == "i" or (dtype.kind == "u" and dtype.itemsize < 8):
        # 32 unsigned bits need 64 signed ones.
        bits = dtype.itemsize * 8 + (1 if dtype.kind == "u" else 0)
        return DataType.integer if bits <= 32 else DataType.long
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return DataType.double if dtype.itemsize == 8 else DataType.float
    if dtype.kind == "M":
        return DataType.datetime
    raise NoType(f"values of type {dtype}")


def type_of_dicts(rows: Sequence[Mapping[Any, Any]]) -> Object:
    """The object type of several dicts; a key that is not in all of them, or is None somewhere, is optional.

    Raises NoType: there are no keys, or some are no strings.
    """
    names: dict[str, None] = {}
    for row in rows:
        if not all(isinstance(key, str) for key in row):
            raise NoType("a dict with keys that are no strings")
        names |= dict.fromkeys(row)
    if not names:
        raise NoType("a dict without keys")
    properties = []
    for name in names:
        present = [row[name] for row in rows if row.get(name) is not None]
        found = common_type(type_of_value(value) for value in present)
        properties.append(Property(name, AnyType() if found is None else found, len(present) == len(rows)))
    return Object(properties)


def common_type(types: Iterable[AnyColumnType]) -> AnyColumnType | None:
    """The one type of all values; None for no values. Raises NoType: they have none in common."""
    found: AnyColumnType | None = None
    for item in types:
        if found is None or type(found) is AnyType:
            found = item
        elif type(item) is AnyType or found == item:
            continue
        elif {type(found), type(item)} == {_EmptyList, Array}:
            found = item if isinstance(item, Array) else found
        elif {type(found), type(item)} == {_EmptyDict, Object}:
            known = item if isinstance(item, Object) else found
            found = Object([Property(each.name, each.dtype, False) for each in getattr(known, "properties", [])])
        elif isinstance(found, Object) and isinstance(item, Object):
            found = _merge(found, item)
        elif isinstance(found, Array) and isinstance(item, Array):
            inner = common_type([found.dtype, item.dtype])
            found = Array(AnyType() if inner is None else inner)
        else:
            raise NoType(f"values of {found!r} beside values of {item!r}")
    return found


def _merge(one: Object, other: Object) -> Object:
    left = {item.name: item for item in one.properties}
    right = {item.name: item for item in other.properties}
    merged = []
    for name in left.keys() | right.keys():
        both = [side[name] for side in (left, right) if name in side]
        dtype = common_type(item.dtype for item in both)
        merged.append(
            Property(name, AnyType() if dtype is None else dtype, len(both) == 2 and all(i.required for i in both))
        )
    return Object(merged)


def as_told(found: AnyColumnType) -> AnyColumnType:
    """The type as a schema has it, which says nothing of what was empty."""
    match found:
        case AnyType():
            return AnyType()
        case Array(dtype=inner):
            return Array(as_told(inner))
        case Object(properties=properties):
            return Object([Property(each.name, as_told(each.dtype), each.required) for each in properties])
    return found
