"""What the stores of a transaction share: the connection, the driver's cursor and the dictionary of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Executable, bindparam, select

from mlkeep.storage.sql import schema
from mlkeep.storage.sql.dialect import Prepared, insert
from mlkeep.storage.sql.keys import KeyDictionary

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

CHUNK = 500
"""Values one `IN (...)` takes, well below what any database allows."""

_FIND_KEY = Prepared(select(schema.keys.c.id).where(schema.keys.c.name == bindparam("name")))
_ADD_KEY = Prepared(insert(schema.keys).values(name=bindparam("name")).returning(schema.keys.c.id))


class Session:
    """One transaction's connection."""

    def __init__(self, connection: sa.Connection, keys: KeyDictionary) -> None:
        self.connection = connection
        self.cursor: Any = connection.connection.cursor()
        self.new_keys: dict[str, int] = {}
        self._keys = keys

    # Hot statements, on the driver's cursor.

    def first(self, statement: Prepared, values: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        sql, order = statement.on(self.connection.dialect)
        return self.cursor.execute(sql, tuple(values[name] for name in order)).fetchone()

    def run_many(self, statement: Prepared, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute once for each row."""
        sql, order = statement.on(self.connection.dialect)
        self.cursor.executemany(sql, [tuple(row[name] for name in order) for row in rows])

    # Everything else.

    def execute(self, statement: Executable) -> sa.CursorResult[*tuple[Any, ...]]:
        """Run a statement through SQLAlchemy."""
        result: sa.CursorResult[*tuple[Any, ...]] = self.connection.execute(statement)
        return result

    # Keys.

    def key_number(self, name: str) -> int | None:
        """The number of a key, None if nothing was ever logged under it."""
        known = self._keys.number(name) or self.new_keys.get(name)
        if known is None and (row := self.first(_FIND_KEY, {"name": name})):
            known = int(row[0])
            self._keys.learn({name: known})
        return known

    def key_number_or_new(self, name: str) -> int:
        """The number of a key, given out now if need be."""
        if (known := self.key_number(name)) is None:
            known = int(self.first(_ADD_KEY, {"name": name})[0])
            self.new_keys[name] = known
        return known


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`values` in pieces that fit into one `IN (...)`."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
