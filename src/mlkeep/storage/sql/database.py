"""One database: its connections, and transactions on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import sqlalchemy as sa

from mlkeep.core.errors import InvalidInput, MlkeepException, Unavailable
from mlkeep.storage.contract import Logged
from mlkeep.storage.sql import migrations
from mlkeep.storage.sql.counters import adopt, slots, write_counts
from mlkeep.storage.sql.dialect import Backend, backend_at
from mlkeep.storage.sql.dialect.backend import GiveNumbers
from mlkeep.storage.sql.events import write_pending
from mlkeep.storage.sql.keys import KeyDictionary
from mlkeep.storage.sql.logged import write_logged
from mlkeep.storage.sql.series.sealing import Sealing, SeriesMemory
from mlkeep.storage.sql.session import Session
from mlkeep.storage.sql.transaction import SqlTransaction
from mlkeep.storage.writer import Outage, Remedy

T = TypeVar("T")


class Database:
    """A database that is open, its tables made or found to be those this version works with.

    `durability` and `read_connections` of None are what is usual for the kind of database; `sealing` tells when points
    become segments.

    Raises, when opened:
        InvalidInput: the URL is not one, or the database cannot be used by this version of mlkeep.
        NotOffered: there is no support for such databases, or it is not installed.
        Unavailable: the database cannot be made or opened.
    """

    def __init__(
        self,
        url: str,
        *,
        durability: str | None = None,
        read_connections: int | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        self.backend = backend_at(url, durability, read_connections=read_connections)
        self.backend.prepare()
        self.keys = KeyDictionary()
        self.series = SeriesMemory(sealing or Sealing())
        self._write_engine = self.backend.engine(read_only=False)
        self._read_engine = self.backend.engine(read_only=True)
        self._numbering = self.backend.numbering(self._write_engine)
        try:
            with self._read_engine.connect() as connection:
                self.backend.check_server(connection)
            migrations.prepare(self.backend, reading=self._read_engine, writing=self._write_engine)
            adopt(self.backend, reading=self._read_engine, writing=self._write_engine)
            self.backend.remember_identity()
        except Exception as err:
            self.close()
            if isinstance(err, MlkeepException) or (outage := self.outage(err)) is None:
                raise
            raise Unavailable(f"The {self.backend.place} cannot be opened: {outage.words}.") from err

    def read(self, operation: Callable[[SqlTransaction], T]) -> T:
        """Run an operation on one consistent state; once more if the connection was lost. Raises Unavailable."""
        try:
            return self._read(operation)
        except Exception as err:  # noqa: BLE001 - what is not mended below is raised
            outage = self.outage(err)
            if outage is None or outage.remedy is not Remedy.RECONNECT:
                self._refuse(err, outage)
        self._read_engine.dispose()  # where one connection is dead, the others that rest are
        try:
            return self._read(operation)
        except Exception as err:  # noqa: BLE001 - raised again, in the reader's words
            self._refuse(err, self.outage(err))

    def writing(self) -> list[WriteConnection]:
        """The connections the writer works on."""
        return [
            WriteConnection(self.backend, self._write_engine, self.keys, self.series, self._numbering, slot)
            for slot in slots(self.backend.writers)
        ]

    def outage(self, error: BaseException) -> Outage | None:
        """How the database failed; None if it was no failure of the database."""
        outage = self.backend.outage(error)
        if outage is not None and outage.remedy is Remedy.RECONNECT:
            self.keys.forget()  # a server that crashed, or was replaced, may have lost what it gave out last
        return outage

    def check(self) -> None:
        """Raises Unavailable: the database cannot be read, or what is under its name is not what was opened."""
        self.backend.check_identity()
        self.read(lambda tx: tx.session.connection.exec_driver_sql("SELECT 1 FROM experiments LIMIT 1"))

    def close(self) -> None:
        """Close all connections."""
        if self._numbering is not None:
            self._numbering.close()
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _read(self, operation: Callable[[SqlTransaction], T]) -> T:
        with self._read_engine.connect() as connection:
            try:
                connection.begin()
                session = Session(connection, self.keys, self.series)
                self.backend.begin_read(session.cursor)
                return operation(SqlTransaction(session))
            except MlkeepException:
                raise
            except Exception as err:
                outage = self.backend.outage(err)
                if outage is not None and outage.remedy is Remedy.RECONNECT:
                    connection.invalidate()
                raise

    def _refuse(self, error: Exception, outage: Outage | None) -> NoReturn:
        """Raise what the reader is told of an error."""
        if outage is not None:
            raise Unavailable(f"The database cannot be read: {outage.words}. Try again.") from error
        if self.backend.is_too_much(error):
            raise InvalidInput(
                "The request is longer or more deeply nested than the database can work on: shorten it."
            ) from error
        raise error


class WriteConnection:
    """A connection on which one thread runs operations, many to a transaction.

    An operation that fails is undone alone, by a savepoint; a failing commit undoes all of them. Any method may raise
    what the driver raises, after which `abandon` is the only thing to do.
    """

    def __init__(
        self,
        backend: Backend,
        engine: sa.Engine,
        keys: KeyDictionary,
        series: SeriesMemory,
        numbering: GiveNumbers | None,
        slot: int,
    ) -> None:
        self._backend = backend
        self._engine = engine
        self._keys = keys
        self._series = series
        self._numbering = numbering
        self._slot = slot
        self._connection: sa.Connection | None = None
        self._has_savepoint = False
        self._kept_keys: dict[str, int] = {}
        self._kept_events = 0
        self._kept_counts = self._kept_met = 0

    def begin(self, touches: Sequence[str]) -> SqlTransaction:
        """Start a transaction in which nobody else comes in the way of what it touches."""
        if self._connection is None:
            self._connection = self._engine.connect()
        self._connection.begin()
        self._has_savepoint = False
        self._kept_keys, self._kept_events, self._kept_counts, self._kept_met = {}, 0, 0, 0
        session = Session(self._connection, self._keys, self._series, self._numbering)
        self._backend.begin_write(session.cursor, touches)
        return SqlTransaction(session)

    def mark(self, tx: SqlTransaction) -> None:
        """Mark where the next operation starts."""
        session = tx.session
        self._kept_keys, self._kept_events = dict(session.new_keys), len(session.pending_events)
        self._kept_counts, self._kept_met = len(session.pending_counts), len(session.pending_keys)
        release = ("RELEASE operation",) if self._has_savepoint else ()
        self._backend.run(session.cursor, *release, "SAVEPOINT operation")
        self._has_savepoint = True

    def keep(self, tx: SqlTransaction) -> None:
        """Keep what was done since the mark. The savepoint goes with the next mark, or with the commit."""

    def undo(self, tx: SqlTransaction) -> None:
        """Undo what was done since the mark."""
        session = tx.session
        self._backend.run(session.cursor, "ROLLBACK TO operation")
        session.new_keys = self._kept_keys
        del session.pending_events[self._kept_events :]
        del session.pending_counts[self._kept_counts :]
        del session.pending_keys[self._kept_met :]

    def log(self, tx: SqlTransaction, given: Sequence[Logged]) -> list[MlkeepException | None]:
        """Write what was logged, together; why each was refused, if it was."""
        return write_logged(tx, given)

    def complete(self, tx: SqlTransaction) -> None:
        """Do what comes last in a transaction."""
        write_counts(tx.session, self._slot)
        if tx.session.pending_events:
            self._backend.last_in_line(tx.session.cursor)
            write_pending(tx.session)

    def commit(self, tx: SqlTransaction) -> None:
        """Make everything durable."""
        tx.session.connection.commit()
        self._keys.learn(tx.session.new_keys)
        self._keys.learn_met(tx.session.pending_keys)

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
