"""Statements that every database understands in its own words, and statements made ready for the hot path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import ClauseElement, ColumnElement, CompoundSelect, FromClause, Join, Select, Table, bindparam
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


class _LeadingJoin(Join):
    """A join whose left side is gone through first."""

    inherit_cache = True


@compiles(_LeadingJoin)
def _write_leading_join(element: _LeadingJoin, compiler: SQLCompiler, **options: Any) -> str:
    """PostgreSQL sees it from the order that is asked for; to SQLite, CROSS JOIN says to keep to that of the tables."""
    word = "CROSS JOIN" if compiler.dialect.name == "sqlite" else "JOIN"
    left, right = (compiler.process(side, **{**options, "asfrom": True}) for side in (element.left, element.right))
    on = element.onclause
    return f"{left} {word} {right} ON {compiler.process(sa.true() if on is None else on, from_linter=options.get('from_linter'))}"


def leading_join(left: FromClause, right: FromClause, on: ColumnElement[bool]) -> Join:
    """`left JOIN right`, for the rows of `left` in the order of an index of it."""
    return _LeadingJoin(left, right, on)


class _OneByOne(FunctionElement[Any]):
    """A column that is unique is one of what a statement gives, which are looked up one by one.

    It has no type: SQLAlchemy compares booleans with 1 where databases have none, and then no index is used.
    """

    inherit_cache = True


@compiles(_OneByOne)
def _write_one_by_one(element: _OneByOne, compiler: SQLCompiler, **options: Any) -> str:
    column, statement = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN {statement}"


@compiles(_OneByOne, "postgresql")
def _write_one_by_one_for_postgresql(element: _OneByOne, compiler: SQLCompiler, **options: Any) -> str:
    """An array is made first, and to make a join of it does not come to the planner's mind."""
    column, statement = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY(ARRAY{statement})"


def one_by_one(column: ColumnElement[int], statement: Select[Any] | CompoundSelect[Any]) -> ColumnElement[bool]:
    """`column` is among what `statement` gives, which is little: each is looked up by the index of the column."""
    return _OneByOne(column, statement.scalar_subquery())


def makes_sets(dialect: sa.Dialect) -> bool:
    """Whether `IN (SELECT ...)` is a set that is made once, however many it has.

    PostgreSQL may as well search through the rows for each that it tests: if they are too many for a hash table, or if it
    has no statistics and thinks that there is one.
    """
    return dialect.name == "sqlite"


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
    """An insert of many rows of values named `names`, which are two or more, made ready for the hot path.

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


Given = Sequence[int] | Sequence[str] | int
"""The values that a column may have, or a single number."""


class FindRows:
    """A select of rows in which each of some named columns has one of many values, made ready for the hot path.

    `where` is a condition besides, whose parameters are single numbers. The rows are removed from `removing`, if it is given.
    """

    def __init__(
        self,
        columns: Sequence[ColumnElement[Any]],
        among: Mapping[str, ColumnElement[Any]],
        where: ColumnElement[bool] | None = None,
        removing: Table | None = None,
    ) -> None:
        def by_json(name: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
            given = sa.func.json_each(bindparam(name)).table_valued("value", name=f"given_{name}")
            return column.in_(sa.select(given.c.value))

        def by_array(name: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
            return column == sa.any_(bindparam(name, type_=postgresql.ARRAY(_plain(column.type))))

        def statement(conditions: Iterable[ColumnElement[bool]]) -> ClauseElement:
            every = [*conditions, *([] if where is None else [where])]
            if removing is not None:
                return sa.delete(removing).where(*every).returning(*columns)
            return sa.select(*columns).where(*every)

        self._by_json = Prepared(statement(by_json(*each) for each in among.items()))
        self._by_array = Prepared(statement(by_array(*each) for each in among.items()))

    def run(self, cursor: Any, dialect: sa.Dialect, values: Mapping[str, Given]) -> list[Any]:
        """The rows that have one of the values of each name."""
        if dialect.name == "postgresql":
            sql, order = self._by_array.on(dialect)
            given: tuple[Any, ...] = tuple(_as_array(values[name]) for name in order)
        else:
            sql, order = self._by_json.on(dialect)
            given = tuple(_as_json(values[name]) for name in order)
        rows: list[Any] = cursor.execute(sql, given).fetchall()
        return rows


def _as_array(given: Given) -> int | list[Any]:
    return given if isinstance(given, int) else list(given)


def _as_json(given: Given) -> int | str:
    return given if isinstance(given, int) else msgspec.json.encode(given).decode()


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
