"""SQLite: a file, one writer at a time, readers beside it (WAL)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import QueuePool

from mlkeep.core.errors import InvalidInput, Unavailable
from mlkeep.storage.sql.dialect.backend import READ_CONNECTIONS, GiveNumbers
from mlkeep.storage.writer import MAX_GROUP, Outage

WAL_PAGES = 8_000
"""Pages of 4 KB after which the log is carried over into the database file. Hot pages are carried over once each, and the
writer waits for the disk the while: fewer times are less work. 32 MB are read back in a moment after a crash."""

_OUTAGES = (exc.OperationalError, exc.InternalError, sqlite3.OperationalError, sqlite3.InternalError)


class SqliteBackend:
    """See `Backend`. BEGIN IMMEDIATE lets writers in one after another, so that names need not be locked.

    Raises, when made:
        InvalidInput: the URL names no file.
    """

    writers = 1
    max_group = MAX_GROUP
    upgrades_itself = True

    def __init__(self, url: sa.URL, durability: str | None, read_connections: int | None) -> None:
        if not url.database or url.database == ":memory:":
            raise InvalidInput(
                "A SQLite backend store needs a file, such as sqlite:///mlkeep.db: several connections work on it."
            )
        self.url = url
        self.file = Path(url.database)
        self._durability = durability or "normal"
        self._read_connections = read_connections or READ_CONNECTIONS
        self._opened: tuple[int, int] | None = None

    @property
    def place(self) -> str:
        return f"database file '{self.file}'"

    def exists(self) -> bool:
        return self.file.exists()

    def prepare(self) -> None:
        folder = self.file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise Unavailable(f"The folder '{folder}' for the database cannot be made: {err.strerror}.") from err

    def engine(self, *, read_only: bool) -> sa.Engine:
        engine = sa.create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=self._read_connections if read_only else 1,
            max_overflow=0,
            connect_args={"check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            _prepare_connection(connection, durability=self._durability, read_only=read_only)

        return engine

    def check_server(self, connection: sa.Connection) -> None:
        """Every SQLite will do."""

    def remember_identity(self) -> None:
        self._opened = _identity(self.file)

    def check_identity(self) -> None:
        if _identity(self.file) != self._opened:
            # The open connections still work, on a file that nobody will ever find again.
            raise Unavailable(f"The {self.place} was removed or replaced while it was open: put it back, and restart.")

    def begin_read(self, cursor: Any) -> None:
        cursor.execute("BEGIN")

    def begin_write(self, cursor: Any, touches: Sequence[str]) -> None:  # noqa: ARG002 - it locks everything
        cursor.execute("BEGIN IMMEDIATE")

    def begin_migration(self, cursor: Any) -> None:
        cursor.execute("BEGIN IMMEDIATE")

    def last_in_line(self, cursor: Any) -> None:
        """Who writes is alone anyway."""

    def run(self, cursor: Any, *statements: str) -> None:
        for statement in statements:
            cursor.execute(statement)

    def numbering(self, engine: sa.Engine) -> GiveNumbers | None:  # noqa: ARG002 - the protocol's signature
        return None

    def outage(self, error: BaseException) -> Outage | None:
        if isinstance(error, _OUTAGES) or type(error) in {exc.DatabaseError, sqlite3.DatabaseError}:
            origin = getattr(error, "orig", None) or error
            return Outage(str(origin).splitlines()[0].rstrip("."))
        if isinstance(error, exc.TimeoutError):
            return Outage("all connections are in use")
        return None

    def is_too_much(self, error: BaseException) -> bool:  # noqa: ARG002 - nothing tells such errors from others
        return False


def _prepare_connection(connection: Any, *, durability: str, read_only: bool) -> None:
    """Set up a new driver connection: WAL, foreign keys, case-minding LIKE, transactions begun by us alone."""
    connection.isolation_level = None
    connection.create_function("unicode_lower", 1, _lower, deterministic=True)
    settings = [
        "PRAGMA busy_timeout = 30000",
        "PRAGMA foreign_keys = ON",
        "PRAGMA case_sensitive_like = ON",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -16384",
        f"PRAGMA wal_autocheckpoint = {WAL_PAGES}",
        f"PRAGMA synchronous = {durability}",
        "PRAGMA query_only = ON" if read_only else "PRAGMA journal_mode = WAL",
    ]
    for setting in settings:
        connection.execute(setting)


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file is under a name; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
