"""Environment variables with MLflow's name and ours, read when they are used; ours wins."""

from __future__ import annotations

import math
import os
from enum import Enum
from typing import TypeVar

from mlkeep.core.errors import InvalidInput

E = TypeVar("E", bound=Enum)


def setting(name: str) -> str | None:
    """The value of `MLKEEP_<name>`, else of `MLFLOW_<name>`; None if neither is set to something."""
    return os.environ.get(f"MLKEEP_{name}") or os.environ.get(f"MLFLOW_{name}") or None


def flag(name: str, *, default: bool = False) -> bool:
    """A setting that is on or off. Raises InvalidInput: it is neither."""
    text = setting(name)
    return default if text is None else truth(text, variable(name))


def number(name: str, default: float, *, most: float, least: float = 0) -> float:
    """A setting between `least` and `most`. Raises InvalidInput."""
    text = setting(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise InvalidInput(
            f"Invalid value '{text}' of the environment variable {variable(name)}: it must be between {least:g} and {most:g}."
        )
    return value


def choice(name: str, default: E) -> E:
    """A setting that is the value of one of the members of the enumeration of `default`. Raises InvalidInput: it is none."""
    text = setting(name)
    kind = type(default)
    try:
        return default if text is None else kind(text.lower())
    except ValueError:
        raise InvalidInput(
            f"Invalid value '{text}' of the environment variable {variable(name)}: it must be one of "
            f"{', '.join(each.value for each in kind)}."
        ) from None


def request_timeout_s() -> float:
    """Seconds that a request may wait for bytes to come or go."""
    return number("HTTP_REQUEST_TIMEOUT", 120, most=86_400)


def request_retries() -> int:
    """How often a request that failed is made again."""
    return int(number("HTTP_REQUEST_MAX_RETRIES", 4, most=10))


def backoff_factor_s() -> float:
    """Seconds to wait before a request is made again, which grow from try to try."""
    return number("HTTP_REQUEST_BACKOFF_FACTOR", 1, most=120)


def backoff_jitter_s() -> float:
    """Seconds that are added to that by chance, at the most."""
    return number("HTTP_REQUEST_BACKOFF_JITTER", 1, most=120)


def variable(name: str) -> str:
    """The variable that a setting comes from: ours if it is set, else MLflow's."""
    return f"MLKEEP_{name}" if os.environ.get(f"MLKEEP_{name}") else f"MLFLOW_{name}"


def truth(text: str, name: str) -> bool:
    """What the variable `name` says, which is on or off. Raises InvalidInput: it is neither."""
    if text.lower() in {"true", "1", "yes", "on"}:
        return True
    if text.lower() in {"false", "0", "no", "off"}:
        return False
    raise InvalidInput(f"Invalid value '{text}' of the environment variable {name}: it must be true or false.")
