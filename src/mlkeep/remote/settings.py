"""How the client reaches a server: environment variables (see `core.settings`), read when they are used."""

from __future__ import annotations

import configparser
from pathlib import Path

import msgspec

from mlkeep.core.settings import flag, number, setting

__all__ = ["Credentials", "credentials", "flag", "number", "setting"]


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
