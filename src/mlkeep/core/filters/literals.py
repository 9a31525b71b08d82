"""Values as written, to values as meant."""

from __future__ import annotations

from typing import assert_never

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters.ast import Op
from mlkeep.core.filters.check import PATTERN_OPS, fits_int64, status_name
from mlkeep.core.filters.grammar import KeyRule, ValueKind
from mlkeep.core.filters.lexer import Token, TokenKind, clipped, refusal

KEYWORDS = frozenset({"AND", "OR", "NOT", "IS", "NULL", "IN", "LIKE", "ILIKE"})

MAX_PATTERN_LENGTH = 10_000
"""Characters of a LIKE pattern: SQLite takes 50,000 bytes."""

_SCALARS = frozenset({TokenKind.NAME, TokenKind.TEXT, TokenKind.NUMBER})


def read_value(token: Token, op: Op, rule: KeyRule, shown: str, *, takes_bare: bool) -> str | int | float:
    """The single value written as `token`, to compare the field written `shown` with.

    `takes_bare` allows text without quotes. Whole numbers beyond 64 bits become floats where floats are allowed.

    Raises:
        InvalidInput: `token` is no value, or not of the kind the rule asks for.
    """
    if token.kind not in _SCALARS:
        raise refusal(token.text, token.position, f"expected a value for {shown}")
    match rule.kind:
        case ValueKind.TEXT:
            return _pattern_or_text(token, op, shown, takes_bare=takes_bare)
        case ValueKind.MODEL_STATUS:
            return status_name(_pattern_or_text(token, op, shown, takes_bare=takes_bare), op)
        case ValueKind.NUMBER:
            return _number(token.text, token, shown)
        case ValueKind.INTEGER:
            return _integer(token.text, token, shown)
        case ValueKind.VERSION:
            return _integer(token.parts[0] if token.kind is TokenKind.TEXT else token.text, token, shown)
        case _:
            assert_never(rule.kind)


def read_member(token: Token, op: Op, rule: KeyRule, shown: str) -> str:
    """The value written as `token` inside a list; always quoted.

    Raises:
        InvalidInput: `token` is no quoted text.
    """
    if token.kind is not TokenKind.TEXT:
        raise refusal(token.text, token.position, f"the list for {shown} has quoted values only, as in ('a', 'b')")
    return status_name(token.parts[0], op) if rule.kind is ValueKind.MODEL_STATUS else token.parts[0]


def _pattern_or_text(token: Token, op: Op, shown: str, *, takes_bare: bool) -> str:
    text = _text(token, shown, takes_bare=takes_bare)
    if op in PATTERN_OPS and len(text) > MAX_PATTERN_LENGTH:
        raise InvalidInput(
            f"Invalid pattern for {shown} {op.value}: it has {len(text)} characters, the limit is {MAX_PATTERN_LENGTH}."
        )
    return text


def _text(token: Token, shown: str, *, takes_bare: bool) -> str:
    if token.kind is TokenKind.TEXT:
        return token.parts[0]
    if takes_bare and token.word not in KEYWORDS and not token.text.startswith("`"):
        return token.text
    if token.kind is TokenKind.NUMBER:
        raise InvalidInput(
            f"Expected a quoted string value for {shown} (e.g. '{clipped(token.text)}'); found {clipped(token.text)} at character "
            f"{token.position}."
        )
    raise InvalidInput(
        "Parameter value is either not quoted or unidentified quote types used for string value "
        f"{clipped(token.text)} at character {token.position}. Use either single or double quotes."
    )


def _number(text: str, token: Token, shown: str) -> int | float:
    if token.kind is not TokenKind.NUMBER:
        raise InvalidInput(
            f"Expected numeric value, without quotes, for {shown}; found {clipped(token.text)} at character {token.position}."
        )
    whole = _whole(text)
    return float(text) if whole is None else whole


def _integer(text: str, token: Token, shown: str) -> int:
    whole = _whole(text)
    if whole is None:
        raise InvalidInput(
            f"Expected numeric value for {shown}, a whole number of 64 bits; found {clipped(token.text)} at character "
            f"{token.position}."
        )
    return whole


def _whole(text: str) -> int | None:
    digits = text.removeprefix("-")
    # int() refuses texts of thousands of digits; no number of 64 bits has more than 19.
    if not (digits.isascii() and digits.isdecimal()) or len(digits.lstrip("0")) > 19:
        return None
    number = int(digits.lstrip("0") or "0")
    number = -number if text.startswith("-") else number
    return number if fits_int64(number) else None
