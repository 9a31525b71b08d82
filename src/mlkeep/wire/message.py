"""What all messages have in common, and the number spellings of the protocol.

Facts: integers are JSON numbers going out and may come quoted; a double that JSON cannot write is spelled "NaN",
"Infinity" or "-Infinity"; a field that was not set is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec

from mlkeep.core import limits

Int64 = Annotated[int, msgspec.Meta(ge=limits.MIN_INT64, le=limits.MAX_INT64)]
Number = float | str
"""A double on its way out: a number, or one of the three spellings."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything that travels. A field at its default value is not written."""


class Request(Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of requests. `required` names the fields without which the request is refused.

    The quick decoder forbids unknown fields only to hand such bodies to the patient one, which knows camelCase and
    drops what it does not know (see `mlkeep.wire.decode`).
    """

    required: ClassVar[tuple[str, ...]] = ()


class Empty(Message, frozen=True):
    """The answer of an endpoint that has nothing to say: `{}`."""


class KeyValue(Message, frozen=True, kw_only=True, omit_defaults=False, gc=False):
    """A param or tag in an answer. There may be very many: they hold nothing that could lead back to them."""

    key: str
    value: str = ""


class KeyValueInput(Request, frozen=True, kw_only=True):
    """A param or tag in a request; a missing value means the empty string."""

    key: str = ""
    value: str = ""
    required: ClassVar[tuple[str, ...]] = ("key",)


def key_values(pairs: dict[str, str]) -> list[KeyValue]:
    """A mapping as the list the protocol uses."""
    return [KeyValue(key=key, value=value) for key, value in pairs.items()]


def key_value_inputs(pairs: dict[str, str]) -> list[KeyValueInput]:
    """A mapping as the list the protocol uses, for a request."""
    return [KeyValueInput(key=key, value=value) for key, value in pairs.items()]


def mapping(pairs: list[KeyValue]) -> dict[str, str]:
    """The list of the protocol as a mapping."""
    return {pair.key: pair.value for pair in pairs}


def spelled(value: float) -> Number:
    """A double as the protocol writes it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def all_spelled(values: list[float]) -> Sequence[Number]:
    """Doubles as the protocol writes them."""
    return values if all(map(math.isfinite, values)) else [spelled(value) for value in values]


class RunRequest(Request, frozen=True, kw_only=True):
    """Base of requests about one run. `run_uuid` is the older name of `run_id`; clients send both or either."""

    run_id: str = ""
    run_uuid: str = ""
    required: ClassVar[tuple[str, ...]] = ("run_id",)

    def __post_init__(self) -> None:
        if self.run_uuid and not self.run_id:
            msgspec.structs.force_setattr(self, "run_id", self.run_uuid)
