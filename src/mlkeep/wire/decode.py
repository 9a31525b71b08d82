"""Requests out of bytes and query strings, as patient as MLflow's clients need it.

The quick way is one pass of msgspec. Whatever it refuses (a quoted integer, "NaN", camelCase, null, an unknown field,
a plain mistake) goes the patient way, which takes what the protocol allows and names the field of what it does not.
"""

from __future__ import annotations

import enum
import functools
import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import invalid
from mlkeep.wire.check import NO_NUL, is_text, with_required
from mlkeep.wire.message import Request
from mlkeep.wire.quick import QUICK

R = TypeVar("R", bound=Request)

_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_INTEGER = re.compile(r"[+-]?\d{1,40}")
_SURROGATE, _SURROGATE_UPPER = b"\\ud", b"\\uD"
"""How the escape of a surrogate begins."""

_NUL = b"\\u0000"
"""The escape of the character that no database keeps in a text."""


@functools.cache
def _quick_decoder(kind: type[Request]) -> tuple[Callable[[bytes], Any], Callable[[Any], Any]]:
    """What decodes a request in one pass, and what is left to be checked then."""
    if (checks := QUICK.get(kind)) is not None:
        return msgspec.json.Decoder(checks).decode, lambda request: request
    return msgspec.json.Decoder(kind).decode, with_required


def from_body(kind: type[R], body: bytes, extra: Mapping[str, str] | None = None) -> R:
    """The request in a JSON body; `extra` are values of the path, which win over the body's.

    Raises:
        InvalidInput: not JSON, not an object, a required field is missing, or a value does not fit its field.
    """
    if body and not extra and _SURROGATE not in body and _SURROGATE_UPPER not in body and _NUL not in body:
        decode, complete = _quick_decoder(kind)
        try:
            return cast("R", complete(decode(body)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass  # the patient way accepts it or says what is wrong
        except RecursionError:
            raise _too_deep() from None
    fields = _json_object(body)
    if extra:
        fields = {name: value for name, value in fields.items() if _snake(name) not in extra} | dict(extra)
    return with_required(_build(kind, fields, ""))


def from_query(kind: type[R], query: Mapping[str, Sequence[str]], extra: Mapping[str, str] | None = None) -> R:
    """The request in a query string, where a repeated name makes a list.

    Raises:
        InvalidInput: a required field is missing, or a value does not fit its field.
    """
    own = extra or {}
    fields: dict[str, Any] = {name: list(values) for name, values in query.items() if _snake(name) not in own}
    fields.update({name: [value] for name, value in own.items()})
    return with_required(_build(kind, fields, "", from_text=True))


def _json_object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_int=_whole)
        if isinstance(value, str):  # some clients encode twice
            value = json.loads(value, parse_int=_whole)
        # JSON can write half of a surrogate pair, which no text can hold; msgspec lets it pass.
        if "\\ud" in text.lower() and not is_text(json.dumps(value, ensure_ascii=False)):
            raise InvalidInput("The request body has half of a surrogate pair in a text. Send whole characters.")
    except ValueError as err:
        raise InvalidInput(f"The request body is not valid JSON: {err}. Send one JSON object.") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(value, dict):
        raise InvalidInput(f"The request body must be a JSON object, got {_type_name(value)}.")
    return value


def _whole(digits: str) -> int | float:
    """An integer; one of thousands of digits, which Python will not read, is as good as infinite."""
    return int(digits) if len(digits) <= 1_000 else float(digits)


def _too_deep() -> InvalidInput:
    return InvalidInput("The request body is nested too deeply. Send one JSON object of plain fields.")


@functools.cache
def _fields(kind: type[Request]) -> dict[str, tuple[str, Any]]:
    """Name and type of each field, by its name on the wire."""
    hints = typing.get_type_hints(kind, include_extras=False)
    return {
        written: (name, hints[name])
        for written, name in zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    }


def _build(kind: type[R], given: Mapping[str, Any], path: str, *, from_text: bool = False) -> R:
    known = _fields(kind)
    values: dict[str, Any] = {}
    for name, value in given.items():
        field = name if name in known else _snake(name)
        if value is None or field not in known:
            continue
        own, hint = known[field]
        if own in values:
            raise InvalidInput(f"The field '{path}{field}' is given twice, once in camelCase; send it once.")
        converted = _convert(hint, value, f"{path}{field}", from_text=from_text)
        if converted is not _UNSET:
            values[own] = converted
    return kind(**values)


def _snake(name: str) -> str:
    """The field that `name` may be the camelCase spelling of."""
    return _CAMEL.sub(lambda match: f"_{match[1].lower()}", name)


_UNSET = object()


def _convert(hint: Any, value: Any, path: str, *, from_text: bool) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [part for part in typing.get_args(hint) if part is not types.NoneType]
        if len(kinds) > 1 and type(value) in kinds:
            return value
        hint = kinds[0]
        origin = typing.get_origin(hint)
    if origin is list:
        (item,) = typing.get_args(hint)
        if not isinstance(value, list):
            raise invalid(path, value, f"it must be a list, got {_type_name(value)}.")
        return [_convert(item, one, f"{path}[{i}]", from_text=from_text) for i, one in enumerate(value)]
    if from_text and isinstance(value, list):
        value = value[-1]
    if hint is str:
        if not isinstance(value, str):
            raise invalid(path, value, f"it must be a string. Hint: Value was of type '{_type_name(value)}'.")
        if "\0" in value:
            raise invalid(path, value, NO_NUL)
        return value
    if hint is bool:
        return _boolean(value, path)
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        return _member(hint, value, path)
    if hint is int:
        return _integer(value, path)
    if hint is float:
        return _double(value, path)
    if isinstance(hint, type) and issubclass(hint, Request):
        if not isinstance(value, dict):
            raise invalid(path, value, f"it must be an object, got {_type_name(value)}.")
        return _build(hint, value, f"{path}.")
    raise TypeError(f"{path}: no rule for the type {hint}")


def _boolean(value: Any, path: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise invalid(path, value, "it must be true or false.")


def _member(kind: type[enum.IntEnum], value: Any, path: str) -> Any:
    if isinstance(value, str):
        if value in kind.__members__:
            return kind[value]
        if not value.isdecimal():
            return _UNSET  # the protocol ignores names it does not know
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in set(kind):
        return kind(value)
    raise invalid(path, value, f"it must be one of {', '.join(kind.__members__)}.")


def _integer(value: Any, path: str) -> int:
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        number = int(value)
    elif isinstance(value, (str, float)):  # R writes round integers as "1e+05"
        try:
            real = float(value)
        except ValueError:
            real = math.nan
        number = int(real) if real.is_integer() else None
    if number is None:
        raise invalid(path, value, "it must be an integer.")
    if not limits.MIN_INT64 <= number <= limits.MAX_INT64:
        raise invalid(path, value, "it does not fit into 64 bits.")
    return number


_SPELLINGS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _double(value: Any, path: str) -> float:
    if isinstance(value, str) and value in _SPELLINGS:
        return _SPELLINGS[value]
    try:
        return float(value)
    except (TypeError, ValueError):
        raise invalid(
            path, value, f"Please specify value as a valid double (64-bit floating point), got {_type_name(value)}."
        ) from None
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # as JSON's 1e400


def _type_name(value: Any) -> str:
    names = {dict: "object", list: "list", type(None): "null"}
    return names.get(type(value), type(value).__name__)
