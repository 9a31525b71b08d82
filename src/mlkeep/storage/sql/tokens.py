"""Page tokens: where a page ended, as text that comes back from the client, perhaps not as it went."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from typing import Any

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput


def token_of(place: Sequence[Any]) -> str:
    """The token for a place, which is made of texts, numbers and None."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()


def place_of(token: str) -> list[Any]:
    """The place a token was made of. Raises InvalidInput: it is no token."""
    try:
        place = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, RecursionError):
        raise refused(token) from None
    if not isinstance(place, list) or not all(_is_storable(value) for value in place):
        raise refused(token)
    return place


def refused(token: str) -> InvalidInput:
    """The error for a token that is none of ours."""
    return InvalidInput(
        f"Invalid value {token[:100]!a} for parameter 'page_token' supplied: it must be a token from a page before, "
        "unchanged."
    )


def _is_storable(value: object) -> bool:
    """Whether a database takes `value` as a parameter."""
    match value:
        case bool():
            return False
        case int():
            return limits.MIN_INT64 <= value <= limits.MAX_INT64
        case float():
            return not math.isnan(value)
        case str():
            return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
        case _:
            return value is None
