"""Requests out of MessagePack, which only mlkeep's own clients send."""

from __future__ import annotations

import functools
import re
from types import NoneType

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import invalid
from mlkeep.wire.check import NO_NUL, with_required
from mlkeep.wire.columns import LogColumns

_PART = re.compile(r"(\w+)(?![\w\]])|\[(\d+)\]")
"""A step of a path such as columns[2].steps[3]."""


@functools.cache
def _decoder() -> msgspec.msgpack.Decoder[LogColumns]:
    return msgspec.msgpack.Decoder(LogColumns)


def from_msgpack(body: bytes) -> LogColumns:
    """The request in a body.

    Raises:
        InvalidInput: not MessagePack, not what it must be, or a required field is missing; the message names the field.
    """
    try:
        request = _decoder().decode(body)
    except msgspec.ValidationError as err:
        raise _wrong(body, str(err)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise InvalidInput(f"The request body is not valid MessagePack: {err}. Send one map.") from None
    except RecursionError:
        raise InvalidInput("The request body is nested too deeply. Send one map of plain fields.") from None
    with_required(request)
    for name in ("params", "tags"):
        for i, pair in enumerate(getattr(request, name)):
            if "\0" in pair.value:
                raise invalid(f"{name}[{i}].value", pair.value, NO_NUL)
    for i, column in enumerate(request.columns):
        for name in ("model_id", "dataset_name", "dataset_digest"):
            if "\0" in (text := getattr(column, name)):
                raise invalid(f"columns[{i}].{name}", text, NO_NUL)
    if "\0" in request.run_id:
        raise invalid("run_id", request.run_id, NO_NUL)
    return request


def _wrong(body: bytes, told: str) -> InvalidInput:
    """What is wrong, with the value that is, out of what msgspec tells of it."""
    said, _, path = told.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    if not path:
        return InvalidInput(
            f"The request body cannot be read: {said}. Send one map of run_id, columns, params and tags."
        )
    try:
        value = msgspec.msgpack.decode(body)
        for name, place in _PART.findall(path):
            value = value[name] if name else value[int(place)]
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, ValueError, RecursionError):
        value = {}
    if not isinstance(value, (str, int, float, NoneType)):
        return InvalidInput(f"Invalid value for parameter '{path}' supplied: {said}.")
    return invalid(path, value, f"{said[0].lower()}{said[1:].replace('`', '')}.")
