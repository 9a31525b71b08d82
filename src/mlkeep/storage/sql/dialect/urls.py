"""From the URL of a database to the kind of database it is."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.core.uris import without_password
from mlkeep.storage.sql.dialect.backend import DURABILITY, Backend
from mlkeep.storage.sql.dialect.postgres import PostgresBackend
from mlkeep.storage.sql.dialect.sqlite import SqliteBackend


def backend_at(text: str, durability: str | None = None, *, read_connections: int | None = None) -> Backend:
    """The database at a URL; nothing is opened yet. None means what is usual for its kind.

    Raises:
        InvalidInput: `text` is no database URL or names no database, or there is no such durability.
        NotOffered: it names a kind of database that is not supported, or whose driver is not installed.
    """
    if durability is not None and durability not in DURABILITY:
        raise InvalidInput(f"Invalid durability '{durability}': it must be one of {', '.join(DURABILITY)}.")
    url = _parsed(text)
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return SqliteBackend(url, durability, read_connections)
        case "postgresql" | "postgres" | "postgresql+psycopg" | "postgresql+psycopg2":
            return PostgresBackend(url, durability, read_connections)
        case _:
            raise NotOffered(
                f"The backend store '{url.render_as_string(hide_password=True)}' is not supported by this version of "
                "mlkeep: use a SQLite file, such as sqlite:///mlkeep.db, or PostgreSQL, such as "
                "postgresql://user:password@host/database."
            )


def file_of(text: str) -> Path | None:
    """The file of the database at a URL; None if it is kept by a server. Raises as `backend_at`."""
    backend = backend_at(text)
    return backend.file if isinstance(backend, SqliteBackend) else None


def _parsed(text: str) -> sa.URL:
    try:
        return sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        raise InvalidInput(
            f"Invalid value '{without_password(text)}' for parameter 'backend_store_uri' supplied: it must be a database URL such as "
            "sqlite:///mlkeep.db or postgresql://user:password@host/database."
        ) from None
