"""PostgreSQL 14 and newer, through psycopg 3; also behind PgBouncer, which shares connections between transactions.

Nothing is kept in a session: no prepared statements, settings or locks outlive their transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import QueuePool

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.storage.contract import EVERYTHING
from mlkeep.storage.sql.dialect.backend import READ_CONNECTIONS, GiveNumbers
from mlkeep.storage.sql.dialect.postgres_locks import LAST_IN_LINE, MIGRATION, locking, number_of
from mlkeep.storage.sql.dialect.postgres_numbers import Numbering
from mlkeep.storage.writer import Outage, Remedy

WRITERS = 2
"""Two, so that one transaction is worked on while another waits for the disk."""

MAX_GROUP = 60
"""Savepoints of a transaction beyond 64 make everybody's snapshots slow."""

OLDEST_SERVER = 14
CONNECT_TIMEOUT_S = 10

_CONFLICTS = {"40001", "40P01"}
"""Serialization failures and deadlocks: the transaction was undone, and may well succeed if it is run again."""

_LOST = {"57P01", "57P02", "57P03", "57P05"}
"""The server shuts down, crashed, starts up, or thinks that the session was idle for too long."""

_OUTAGES = {"25", "28", "3D", "53", "55", "57", "58", "XX"}
"""Classes of states in which the server can do nothing for us: read-only, no access, no room, stopped, broken."""

_DAMAGES = {"42P01", "42703", "42501"}
"""A table or column that is not there, or may not be used: somebody else changed the database."""


class PostgresBackend:
    """See `Backend`. Writers run beside each other; those that touch the same names go one after another.

    Raises, when made:
        NotOffered: the driver is not installed.
    """

    writers = WRITERS
    max_group = MAX_GROUP
    upgrades_itself = False

    def __init__(self, url: sa.URL, durability: str | None, read_connections: int | None) -> None:
        try:
            import psycopg
        except ImportError as err:
            raise NotOffered(
                "PostgreSQL as a backend store needs the driver psycopg 3: run pip install 'mlkeep[postgres]'."
            ) from err
        self._driver = psycopg
        self.url = url.set(drivername="postgresql")
        self._durability = durability or "full"
        self._read_connections = read_connections or READ_CONNECTIONS

    @property
    def place(self) -> str:
        return f"database '{self.url.render_as_string(hide_password=True)}'"

    def exists(self) -> bool:
        return True

    def prepare(self) -> None:
        """A database is made by whoever may; its tables by us."""

    def engine(self, *, read_only: bool) -> sa.Engine:
        engine = sa.create_engine(
            self.url.set(drivername="postgresql+psycopg"),
            paramstyle="format",
            use_native_hstore=False,
            poolclass=QueuePool,
            pool_size=self._read_connections if read_only else WRITERS + 1,
            max_overflow=0,
            connect_args={
                "prepare_threshold": None,
                "client_encoding": "utf8",
                "application_name": "mlkeep",
                "connect_timeout": self.url.query.get("connect_timeout", CONNECT_TIMEOUT_S),
            },
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            connection.autocommit = True  # transactions are begun by us alone

        return engine

    def check_server(self, connection: sa.Connection) -> None:
        version, encoding = connection.exec_driver_sql(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
        ).one()
        if version < OLDEST_SERVER:
            raise InvalidInput(f"The {self.place} is PostgreSQL {version}: mlkeep needs {OLDEST_SERVER} or newer.")
        if encoding != "UTF8":
            raise InvalidInput(
                f"The {self.place} has the encoding {encoding}, which cannot hold every text: make one with "
                "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0."
            )

    def remember_identity(self) -> None:
        """Whoever connects to a server gets the database of that name."""

    def check_identity(self) -> None:
        """As above."""

    def begin_read(self, cursor: Any) -> None:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def begin_write(self, cursor: Any, touches: Sequence[str]) -> None:
        settings = ["SET LOCAL synchronous_commit = off"] if self._durability == "normal" else []
        locks = locking({number_of(name) for name in touches}, everything=EVERYTHING in touches)
        self.run(cursor, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", *settings, *locks)

    def begin_migration(self, cursor: Any) -> None:
        self.run(
            cursor, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", f"SELECT pg_advisory_xact_lock({MIGRATION})"
        )

    def last_in_line(self, cursor: Any) -> None:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LAST_IN_LINE})")

    def run(self, cursor: Any, *statements: str) -> None:
        cursor.execute("; ".join(statements))  # one round trip

    def numbering(self, engine: sa.Engine) -> GiveNumbers | None:
        return Numbering(engine, self._is_lost)

    def outage(self, error: BaseException) -> Outage | None:
        if isinstance(error, exc.TimeoutError):
            return Outage("all connections are in use")
        origin = getattr(error, "orig", None) or error
        if not isinstance(origin, self._driver.Error):
            return None
        state, words = origin.sqlstate, (str(origin).splitlines() or [""])[0].rstrip(".")
        if state is None:
            is_lost = isinstance(origin, (self._driver.OperationalError, self._driver.InterfaceError))
            return Outage(words, Remedy.RECONNECT) if is_lost else None
        if state in _CONFLICTS:
            return Outage(words, Remedy.REPEAT)
        if state in _LOST or state.startswith("08"):
            return Outage(words, Remedy.RECONNECT)
        return Outage(words) if state[:2] in _OUTAGES or state in _DAMAGES else None

    def _is_lost(self, error: BaseException) -> bool:
        outage = self.outage(error)
        return outage is not None and outage.remedy is Remedy.RECONNECT

    def is_too_much(self, error: BaseException) -> bool:
        state = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
        return state is not None and state.startswith("54")
