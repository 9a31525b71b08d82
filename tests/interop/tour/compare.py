"""Two tours laid beside each other, call by call and field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

ABSENT = "(absent)"
_LONGEST = 160

SENTENCES = (
    "already exists",
    "Changing param values is not allowed",
    "must be in the 'active' state",
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods",
    "must not resolve to other names",
    "Missing value for required parameter",
    "No such artifact",
    "Invalid model version source",
    "must be an integer, got",
    " not found",
)
"""What programs look for in messages of a server.

Where their message has one of these, ours must have it too. The rest of a server's messages is free, and is not
compared: only the class of the exception and its error code are.
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two servers answer otherwise."""

    call: str  # the chapter, the function and what it was given
    path: str  # where in the answer
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"{self.call}\n    {self.path}: {self.theirs} <> {self.ours}"


def differences(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[Difference]:
    """All places where the calls of two tours differ."""
    return [
        Difference(call, path, shown(one), shown(other))
        for call, one_call, other_call in side_by_side(theirs, ours)
        for path, one, other in in_call(one_call, other_call)
    ]


def side_by_side(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Calls with the same place in a chapter; ABSENT stands for one that was not made."""
    pairs: dict[tuple[str, int], list[Any]] = {}
    for side, calls in enumerate((theirs, ours)):
        for call in calls:
            pairs.setdefault((call["chapter"], call["place"]), [ABSENT, ABSENT])[side] = call
    for (chapter, _), (one, other) in pairs.items():
        call = other if one == ABSENT else one
        given = [shown(value) for value in call["args"]]
        given += [f"{name}={shown(value)}" for name, value in call["options"].items()]
        yield f"{chapter}: {call['call']}({', '.join(given)})", one, other


def in_call(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where two calls differ: in what was asked, in whether it went well, in what came back."""
    if ABSENT in (one, other):
        yield "call", one if one == ABSENT else "made", other if other == ABSENT else "made"
        return
    for key in ("call", "args", "options"):
        yield from in_value(key, one[key], other[key])
    if ("error" in one) != ("error" in other):
        yield "outcome", one.get("error", "a result"), other.get("error", "a result")
    elif "error" in one:
        yield from in_error(one["error"], other["error"])
    else:
        yield from in_value("result", one["result"], other["result"])


def in_error(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Where two exceptions differ for a program that catches them."""
    for key in ("class", "error_code"):
        if one[key] != other[key]:
            yield f"error.{key}", [one[key], one["message"]], [other[key], other["message"]]
    if not (one["server"] or other["server"]):
        yield from in_value("error.message", one["message"], other["message"])
        return
    for sentence in SENTENCES:
        if sentence in one["message"] and sentence not in other["message"]:
            yield "error.message", one["message"], other["message"]


def in_value(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where two values differ, as deep as they are alike."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from in_value(f"{path}.{key}", one.get(key, ABSENT), other.get(key, ABSENT))
    elif isinstance(one, list) and isinstance(other, list):
        for place, (left, right) in enumerate(zip_longest(one, other, fillvalue=ABSENT)):
            yield from in_value(f"{path}[{place}]", left, right)
    elif type(one) is not type(other) or one != other:
        yield path, one, other


def shown(value: Any) -> str:
    """A value, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]}... ({len(text)} characters)"
