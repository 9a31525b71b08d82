"""One database: its connections, and transactions on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import QueuePool

from mlkeep.core.errors import InvalidInput, Unavailable
from mlkeep.storage.sql import dialect, migrations
from mlkeep.storage.sql.keys import KeyDictionary
from mlkeep.storage.sql.session import Session
from mlkeep.storage.sql.transaction import SqlTransaction

READERS = 8
"""Connections for reading that one process may hold."""

DURABILITY = ("normal", "full")
"""`normal` survives the death of the process, `full` also the loss of power."""

_OUTAGES = (exc.OperationalError, exc.InternalError, sqlite3.OperationalError, sqlite3.InternalError)


class Database:
    """A SQLite file, made or brought up to date when it is opened.

    Raises, when opened:
        InvalidInput: the URL is not one, or the database is newer than this version of mlkeep.
        Unavailable: the file cannot be made or opened.
    """

    def __init__(self, url: str, *, durability: str = "normal") -> None:
        parsed = _parsed(url)
        self._file = file_of(url)
        _make_folder(self._file.parent)
        self.keys = KeyDictionary()
        self._write_engine = _engine(parsed, durability, read_only=False)
        self._read_engine = _engine(parsed, durability, read_only=True)
        try:
            migrations.known_revision(self._read_engine)  # changes nothing, unlike a connection for writing
            migrations.bring_up_to_date(self._write_engine)
        except InvalidInput:
            self.close()
            raise
        except (exc.DatabaseError, sqlite3.DatabaseError) as err:
            self.close()
            raise Unavailable(f"The database file '{self._file}' cannot be opened: {reason(err)}.") from err
        self._opened = _identity(self._file)

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """A transaction that sees one consistent state. Raises Unavailable."""
        try:
            with self._read_engine.connect() as connection:
                connection.begin()
                yield SqlTransaction(Session(connection, self.keys))
        except (exc.OperationalError, sqlite3.OperationalError, exc.TimeoutError) as err:
            raise Unavailable(f"The database cannot be read: {reason(err)}. Try again.") from err

    def writing(self) -> WriteConnection:
        """The connection the writer works on."""
        return WriteConnection(self._write_engine, self.keys)

    def check(self) -> None:
        """Raises Unavailable: the database cannot be read, or what is under its name is not what was opened."""
        if _identity(self._file) != self._opened:
            # The open connections still work, on a file that nobody will ever find again.
            raise Unavailable(
                f"The database file '{self._file}' was removed or replaced while it was open: put it back, and restart."
            )
        with self.reading() as tx:
            tx.session.connection.exec_driver_sql("SELECT 1 FROM experiments LIMIT 1")

    def close(self) -> None:
        """Close all connections."""
        self._read_engine.dispose()
        self._write_engine.dispose()


class WriteConnection:
    """A connection on which one thread runs operations, many to a transaction.

    An operation that fails is undone alone, by a savepoint; a failing commit undoes all of them. Any method may raise
    what the driver raises, after which `abandon` is the only thing to do.
    """

    def __init__(self, engine: sa.Engine, keys: KeyDictionary) -> None:
        self._engine = engine
        self._keys = keys
        self._connection: sa.Connection | None = None
        self._kept_keys: dict[str, int] = {}

    def begin(self) -> SqlTransaction:
        """Start a transaction."""
        if self._connection is None:
            self._connection = self._engine.connect()
        self._connection.begin()
        self._kept_keys = {}
        return SqlTransaction(Session(self._connection, self._keys))

    def mark(self, tx: SqlTransaction) -> None:
        """Mark where the next operation starts."""
        self._kept_keys = dict(tx.session.new_keys)
        tx.session.cursor.execute("SAVEPOINT operation")

    def keep(self, tx: SqlTransaction) -> None:
        """Keep what was done since the mark."""
        tx.session.cursor.execute("RELEASE operation")

    def undo(self, tx: SqlTransaction) -> None:
        """Undo what was done since the mark."""
        tx.session.cursor.execute("ROLLBACK TO operation")
        tx.session.cursor.execute("RELEASE operation")
        tx.session.new_keys = self._kept_keys

    def commit(self, tx: SqlTransaction) -> None:
        """Make everything durable."""
        tx.session.connection.commit()
        self._keys.learn(tx.session.new_keys)

    def rollback(self, tx: SqlTransaction) -> None:
        """Undo the whole transaction."""
        tx.session.connection.rollback()

    def abandon(self) -> None:
        """Drop the connection with whatever was open on it; the next transaction gets a new one."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def file_of(url: str) -> Path:
    """The file of a SQLite database.

    Raises:
        InvalidInput: `url` is no database URL, or names no file.
        NotOffered: it names a database of another kind.
    """
    parsed = _parsed(url)
    dialect.check_url(parsed)
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidInput(
            "A SQLite backend store needs a file, such as sqlite:///mlkeep.db: several connections work on it."
        )
    return Path(parsed.database)


def outage(error: BaseException) -> str | None:
    """In a few words how the database failed; None if it was no failure of the database."""
    if isinstance(error, _OUTAGES) or type(error) in {exc.DatabaseError, sqlite3.DatabaseError}:
        return reason(error)
    return None


def reason(error: BaseException) -> str:
    """A few words about a driver's error, without SQL."""
    origin = getattr(error, "orig", None) or error
    return str(origin).splitlines()[0].rstrip(".")


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file is under a name; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _parsed(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except exc.ArgumentError:
        raise InvalidInput(
            f"Invalid value '{url}' for parameter 'backend_store_uri' supplied: it must be a database URL such as "
            "sqlite:///mlkeep.db."
        ) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise Unavailable(f"The folder '{folder}' for the database cannot be made: {err.strerror}.") from err


def _engine(url: sa.URL, durability: str, *, read_only: bool) -> sa.Engine:
    if durability not in DURABILITY:
        raise InvalidInput(f"Invalid durability '{durability}': it must be one of {', '.join(DURABILITY)}.")
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=READERS if read_only else 1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        dialect.prepare_sqlite_connection(connection, durability=durability, read_only=read_only)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
