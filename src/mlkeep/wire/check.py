"""Requests held against what the protocol can say, whoever made them: a client's bytes or a program's values."""

from __future__ import annotations

import functools
import operator
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import invalid
from mlkeep.wire.bounds import check_bounds
from mlkeep.wire.message import Request

R = TypeVar("R", bound=Request)

NO_NUL = "it has the character NUL (\\u0000), which cannot be kept in a text."


def with_required(request: R) -> R:
    """`request`, if it and the requests inside it have all they must have, and no more than they may have.

    Raises:
        InvalidInput: a required field is missing or empty, or a text is too long.
    """
    if (missing := _missing(request)) is not None:
        raise InvalidInput(f"Missing value for required parameter '{missing}'.")
    check_bounds(request)
    return request


def checked(request: R) -> R:
    """`request`, if the protocol can carry it: nothing required is missing, integers have 64 bits, texts are Unicode.

    Decoding checks as much of what comes over a network; this is for requests made in a program.

    Raises:
        InvalidInput: the message names the field and the value.
    """
    _check_values(with_required(request))
    return request


def is_text(value: str) -> bool:
    """Whether `value` can be written in UTF-8: halves of surrogate pairs cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _missing(request: Request) -> str | None:
    """The path of a field that is required and not given."""
    required, nested = _shape(type(request))
    given = required(request)
    if "" in given or None in given:
        return request.required[[value in ("", None) for value in given].index(True)]
    for name in nested:
        inside = getattr(request, name)
        if isinstance(inside, list):
            for i, item in enumerate(inside):
                if (missing := _missing(item)) is not None:
                    return f"{name}[{i}].{missing}"
        elif inside is not None and (missing := _missing(inside)) is not None:
            return f"{name}.{missing}"
    return None


@functools.cache
def _shape(kind: type[Request]) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[str, ...]]:
    """What gives the values of the required fields, and the fields that hold requests or lists of them."""
    hints = typing.get_type_hints(kind)
    nested = tuple(name for name in kind.__struct_fields__ if _holds_request(hints[name]))
    if len(kind.required) > 1:
        return operator.attrgetter(*kind.required), nested
    return (lambda request: tuple(getattr(request, name) for name in kind.required)), nested


def _holds_request(hint: Any) -> bool:
    if isinstance(hint, type) and not typing.get_args(hint):
        return issubclass(hint, Request)
    return any(_holds_request(part) for part in typing.get_args(hint))


def _check_values(request: Request) -> None:
    values = msgspec.structs.astuple(request)
    for i, value in enumerate(values):
        if isinstance(value, list):
            for item in value:
                _check(item, request, i)
            if any(_is_special_text(item) for item in value):
                _set(request, i, [str(item) if _is_special_text(item) else item for item in value])
        else:
            _check(value, request, i)
            if _is_special_text(value):
                _set(request, i, str(value))


def _is_special_text(value: Any) -> bool:
    """Whether a text is of a class of its own, as numpy's are and our numbers of versions: writers know only `str`."""
    return isinstance(value, str) and type(value) is not str


def _set(request: Request, field: int, value: Any) -> None:
    msgspec.structs.force_setattr(request, request.__struct_fields__[field], value)


def _check(value: Any, owner: Request, field: int) -> None:
    if isinstance(value, str):
        if not (value.isascii() or is_text(value)):
            name = owner.__struct_fields__[field]
            raise invalid(name, ascii(value), "it has half of a surrogate pair, which is no character.")
        if "\0" in value:
            raise invalid(owner.__struct_fields__[field], value, NO_NUL)
    elif isinstance(value, int):
        if not limits.MIN_INT64 <= value <= limits.MAX_INT64:
            raise invalid(owner.__struct_fields__[field], value, "it does not fit into 64 bits.")
    elif isinstance(value, Request):
        _check_values(value)
