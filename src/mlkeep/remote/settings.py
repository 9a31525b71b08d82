"""How the client reaches a server: environment variables, read when they are used.

Each has MLflow's name and ours; ours wins.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path

import msgspec

from mlkeep.core.errors import InvalidInput


def setting(name: str) -> str | None:
    """The value of `MLKEEP_<name>`, else of `MLFLOW_<name>`; None if neither is set to something."""
    return os.environ.get(f"MLKEEP_{name}") or os.environ.get(f"MLFLOW_{name}") or None


def flag(name: str, *, default: bool = False) -> bool:
    """A setting that is on or off. Raises InvalidInput: it is neither."""
    text = setting(name)
    if text is None:
        return default
    if text.lower() in {"true", "1", "yes", "on"}:
        return True
    if text.lower() in {"false", "0", "no", "off"}:
        return False
    raise InvalidInput(f"Invalid value '{text}' of the environment variable {_name(name)}: it must be true or false.")


def number(name: str, default: float, *, most: float) -> float:
    """A setting between 0 and `most`. Raises InvalidInput."""
    text = setting(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise InvalidInput(
            f"Invalid value '{text}' of the environment variable {_name(name)}: it must be between 0 and {most:g}."
        )
    return value


def _name(name: str) -> str:
    return f"MLKEEP_{name}" if os.environ.get(f"MLKEEP_{name}") else f"MLFLOW_{name}"


class Credentials(msgspec.Struct, frozen=True):
    """What the client proves itself with: a name and password, or a token, or nothing."""

    username: str | None = None
    password: str | None = None
    token: str | None = None


def credentials() -> Credentials:
    """From the environment, else from `~/.mlflow/credentials`."""
    username, password = setting("TRACKING_USERNAME"), setting("TRACKING_PASSWORD")
    if username is None or password is None:
        stored = _stored_credentials()
        username = username or stored.get("mlflow_tracking_username")
        password = password or stored.get("mlflow_tracking_password")
    return Credentials(username, password, setting("TRACKING_TOKEN"))


def _stored_credentials() -> dict[str, str]:
    file = Path.home() / ".mlflow" / "credentials"
    parser = configparser.ConfigParser()
    try:
        parser.read(file)
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    return dict(parser["mlflow"]) if parser.has_section("mlflow") else {}
