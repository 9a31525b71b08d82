"""What the stores of a transaction share: the connection, the driver's cursor and the dictionary of keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Executable, bindparam, select

from mlkeep.storage.contract import Event
from mlkeep.storage.sql import schema
from mlkeep.storage.sql.dialect import FindRows, Given, InsertRows, Prepared, insert
from mlkeep.storage.sql.dialect.backend import GiveNumbers
from mlkeep.storage.sql.keys import KeyDictionary
from mlkeep.storage.sql.schema import Counted
from mlkeep.storage.sql.series.sealing import SeriesMemory

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

CHUNK = 500
"""Values one `IN (...)` takes, well below what any database allows."""

_FIND_KEY = Prepared(select(schema.keys.c.id).where(schema.keys.c.name == bindparam("name")))
_ADD_KEY = Prepared(insert(schema.keys).values(name=bindparam("name")).returning(schema.keys.c.id))


class Session:
    """One transaction's connection. `numbering` gives keys their numbers where that is not done in the transaction.

    `series` is what the process remembers of series.
    """

    def __init__(
        self,
        connection: sa.Connection,
        keys: KeyDictionary,
        series: SeriesMemory,
        numbering: GiveNumbers | None = None,
    ) -> None:
        self.connection = connection
        self.series = series
        self.cursor: Any = connection.connection.cursor()
        self.new_keys: dict[str, int] = {}
        self.pending_events: list[Event] = []
        self.pending_counts: list[tuple[int, int, int]] = []
        self.pending_keys: list[tuple[int, Counted, int]] = []
        self._keys = keys
        self._numbering = numbering

    # Hot statements, on the driver's cursor.

    def first(self, statement: Prepared, values: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        sql, order = statement.on(self.connection.dialect)
        return self.cursor.execute(sql, tuple(values[name] for name in order)).fetchone()

    def all(self, statement: Prepared, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows."""
        sql, order = statement.on(self.connection.dialect)
        rows: list[tuple[Any, ...]] = self.cursor.execute(sql, tuple(values[name] for name in order)).fetchall()
        return rows

    def change(self, statement: Prepared, values: Mapping[str, Any]) -> None:
        """Run a statement that gives no rows."""
        sql, order = statement.on(self.connection.dialect)
        self.cursor.execute(sql, tuple(values[name] for name in order))

    def insert(self, statement: InsertRows, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert rows; how many were inserted or replaced."""
        return statement.run(self.cursor, self.connection.dialect, rows)

    def find(self, statement: FindRows, values: Mapping[str, Given]) -> list[Any]:
        """The rows that have one of the values of each name."""
        return statement.run(self.cursor, self.connection.dialect, values)

    def insert_returning(self, statement: InsertRows, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Insert rows; what the statement returns of each, in any order."""
        return statement.run_returning(self.cursor, self.connection.dialect, rows)

    # Everything else.

    def execute(self, statement: Executable) -> sa.CursorResult[*tuple[Any, ...]]:
        """Run a statement through SQLAlchemy."""
        result: sa.CursorResult[*tuple[Any, ...]] = self.connection.execute(statement)
        return result

    def rows(self, statement: Executable) -> Sequence[tuple[Any, ...]]:
        """What a statement gives, as the driver has it: for very many rows of plain numbers and bytes."""
        cursor: Any = self.execute(statement).cursor
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return rows

    # What is written when the transaction is about to be committed: see `counters`.

    def count(self, experiment: int, what: int, added: int) -> None:
        """Count something of an experiment; `what` is a `Counted`, or one of `COUNTERS_OF_RUNS`."""
        self.pending_counts.append((experiment, what, added))

    def meet(self, experiment: int, kind: Counted, numbers: Iterable[int]) -> None:
        """Note that something of an experiment was logged under these keys."""
        met = self._keys.met(experiment, kind)
        self.pending_keys += [(experiment, kind, number) for number in numbers if number not in met]

    # Keys.

    def key_number(self, name: str) -> int | None:
        """The number of a key, None if nothing was ever logged under it."""
        known = self._keys.number(name) or self.new_keys.get(name)
        if known is None and (row := self.first(_FIND_KEY, {"name": name})):
            known = int(row[0])
            self._keys.learn({name: known})
        return known

    def key_numbers(self, names: Iterable[str]) -> dict[str, int]:
        """The numbers of keys, given out now if need be."""
        wanted = dict.fromkeys(names)
        if self._numbering is None:
            return {name: self.key_number(name) or self._new_key(name) for name in wanted}
        numbers = {name: number for name in wanted if (number := self._keys.number(name)) is not None}
        if missing := [name for name in wanted if name not in numbers]:
            given = self._numbering(missing)
            self._keys.learn(given)
            numbers.update(given)
        return numbers

    def key_names(self, numbers: Collection[int]) -> Mapping[int, str]:
        """The names of keys by number, of these and perhaps of others."""
        known = self._keys.names
        if missing := [number for number in numbers if number not in known]:
            rows: list[tuple[int, str]] = []
            for part in chunks(missing):
                listed = ", ".join(map(str, part))
                rows += self.cursor.execute(f"SELECT id, name FROM keys WHERE id IN ({listed})").fetchall()  # noqa: S608
            self._keys.learn({name: number for number, name in rows})
            known = self._keys.names
        return known

    def _new_key(self, name: str) -> int:
        number = self.new_keys[name] = int(self.first(_ADD_KEY, {"name": name})[0])
        return number


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`values` in pieces that fit into one `IN (...)`."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
