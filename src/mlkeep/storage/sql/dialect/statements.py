"""Statements that every database understands in its own words, and statements made ready for the hot path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ClauseElement, ColumnElement, Table, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def insert(table: Table) -> Any:
    """An insert that can say what happens on a conflict. (SQLite and PostgreSQL write it alike.)"""
    return postgresql.insert(table)


class _Like(FunctionElement[bool]):
    """LIKE without an escape character."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(_Like)
def _write_like(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    """SQLite has no escape character unless one is named."""
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} LIKE {pattern})"


@compiles(_Like, "postgresql")
def _write_like_for_postgresql(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    """PostgreSQL has the backslash unless told otherwise."""
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} LIKE {pattern} ESCAPE '')"


def like(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """LIKE with `%` and `_`, no escape character, minding case. (SQLite minds it by a setting of the connection.)"""
    return _Like(column, sa.literal(pattern, sa.Text))


def ilike(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """LIKE that does not mind case, in any alphabet. Column and pattern are lowered by the same function."""
    lowered = [sa.func.unicode_lower(text, type_=sa.Text) for text in (column, sa.literal(pattern, sa.Text))]
    return _Like(*lowered)


class Prepared:
    """A statement compiled once for each kind of database, to be run on a driver's cursor.

    Hot paths cannot pay SQLAlchemy's toll on every execution.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...]]] = {}

    def on(self, dialect: sa.Dialect) -> tuple[str, tuple[str, ...]]:
        """The text for `dialect`, and the names of its parameters in order."""
        if (known := self._compiled.get(dialect.name)) is None:
            known = self._compiled[dialect.name] = _compiled(self._statement, dialect)
        return known


class InsertRows:
    """An insert of many rows of values named `names`, two at least, made ready for the hot path.

    `ending` adds what happens on a conflict; then no two of the rows may be in conflict with each other.
    """

    def __init__(
        self, table: Table, names: Sequence[str], ending: Callable[[Any], Any] = lambda insert: insert
    ) -> None:
        self._names = tuple(names)
        self._each = Prepared(ending(insert(table).values({name: bindparam(name) for name in names})))
        self._whole = Prepared(ending(insert(table).from_select(names, _unnested(table, names))))

    def run(self, cursor: Any, dialect: sa.Dialect, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert `rows`: by one statement where the database takes whole columns, else by one for each row.

        How many were inserted, or changed because of a conflict.
        """
        if not rows:
            return 0
        if dialect.name == "postgresql" and len(rows) > 1:
            sql, order = self._whole.on(dialect)
            cursor.execute(sql, tuple([row[name] for row in rows] for name in order))
        else:
            sql, order = self._each.on(dialect)
            if len(rows) == 1:
                cursor.execute(sql, itemgetter(*order)(rows[0]))
            else:
                cursor.executemany(sql, map(itemgetter(*order), rows))
        return int(cursor.rowcount)

    def run_returning(
        self, cursor: Any, dialect: sa.Dialect, rows: Sequence[Mapping[str, Any]]
    ) -> list[tuple[Any, ...]]:
        """Insert `rows` as `run` does; what `ending` says is to be returned of each, in any order."""
        if dialect.name == "postgresql" and len(rows) > 1:
            sql, order = self._whole.on(dialect)
            every = cursor.execute(sql, tuple([row[name] for row in rows] for name in order))
            return list(every.fetchall())
        sql, order = self._each.on(dialect)
        return [cursor.execute(sql, values).fetchone() for values in map(itemgetter(*order), rows)]


def _unnested(table: Table, names: Sequence[str]) -> sa.Select[Any]:
    """Rows out of one array for each column."""
    arrays = [bindparam(name, type_=postgresql.ARRAY(_plain(table.c[name].type))) for name in names]
    rows = sa.func.unnest(*arrays).table_valued(*names, name="given").render_derived()
    return sa.select(*(rows.c[name] for name in names))


def _plain(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """The type without a collation, which an array cannot have."""
    return sa.Text() if isinstance(kind, sa.Text) else kind


def _compiled(statement: ClauseElement, dialect: sa.Dialect) -> tuple[str, tuple[str, ...]]:
    compiled = statement.compile(dialect=dialect)
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"not a statement with parameters: {statement}")
    return compiled.string, tuple(compiled.positiontup or ())
