"""What a kind of database must be able to do for the rest of the storage to be one for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from mlkeep.storage.writer import Outage

DURABILITY = ("normal", "full")
"""`normal` survives the death of the process, `full` also the loss of power."""

READ_CONNECTIONS = 8
"""Connections for reading that one process may hold, unless told otherwise."""


class GiveNumbers(Protocol):
    """Gives keys numbers, for good."""

    def __call__(self, names: Sequence[str], /) -> dict[str, int]:
        """The number of each name, a new one where there is none."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Backend(Protocol):
    """One database of some kind. Cursors and connections are the driver's."""

    url: sa.URL
    writers: int
    """Threads that may write at once."""

    max_group: int
    """Operations that may share a transaction."""

    upgrades_itself: bool
    """Whether an older schema is carried forward when the database is opened, or only by a command."""

    @property
    def place(self) -> str:
        """How messages name the database, without its password."""
        ...

    def exists(self) -> bool:
        """Whether there is something to connect to, as far as can be told without connecting."""
        ...

    def prepare(self) -> None:
        """Make what must be there before the first connection. Raises Unavailable."""
        ...

    def engine(self, *, read_only: bool) -> sa.Engine:
        """Connections that begin no transactions by themselves."""
        ...

    def check_server(self, connection: sa.Connection) -> None:
        """Raises InvalidInput: the database cannot hold what mlkeep keeps."""
        ...

    def remember_identity(self) -> None:
        """Note what is under the name."""
        ...

    def check_identity(self) -> None:
        """Raises Unavailable: what is under the name is not what was noted."""
        ...

    def begin_read(self, cursor: Any) -> None:
        """Begin a transaction that sees one consistent state and can change nothing."""
        ...

    def begin_write(self, cursor: Any, touches: Sequence[str]) -> None:
        """Begin a transaction that nobody else comes in the way of who touches one of the same names."""
        ...

    def begin_migration(self, cursor: Any) -> None:
        """Begin a transaction that changes the schema, alone."""
        ...

    def last_in_line(self, cursor: Any) -> None:
        """Wait until all transactions that called this before are committed; those after wait for this one."""
        ...

    def run(self, cursor: Any, *statements: str) -> None:
        """Execute statements without parameters, one after another."""
        ...

    def numbering(self, engine: sa.Engine) -> GiveNumbers | None:
        """What gives keys their numbers outside of the transaction that needs them; None if they may be given in it."""
        ...

    def outage(self, error: BaseException) -> Outage | None:
        """How the database failed; None if it was no failure of the database."""
        ...

    def is_too_much(self, error: BaseException) -> bool:
        """Whether a statement was longer or deeper than the database takes."""
        ...
