"""The filter language and its orders as SQL, with pages that go on after the last row seen.

A page token holds the sort values of the last row. Going on is a comparison with them, so rows that come or go meanwhile
neither repeat nor hide others.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never

import msgspec
import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters.ast import And, Comparison, Entity, Field, IsNull, Node, Not, Op, Or, OrderTerm
from mlkeep.storage.contract import Search
from mlkeep.storage.sql import dialect, schema
from mlkeep.storage.sql.numbers import compare_number
from mlkeep.storage.sql.tokens import place_of, refused, token_of

MOST_JOINS = 6
"""Conditions of a filter by which a database may choose to find the rows; the further ones are tested on what is found."""


class Children(msgspec.Struct, frozen=True):
    """A table that holds, for each owner, values by key.

    `key` turns the name of a key into a condition on the table, None when no row can have it. With `looked_up`, an owner
    has at most one row under a key, and conditions are tested on it owner by owner; else the database may also start
    from the values.
    """

    table: FromClause
    owner: str
    key: Callable[[FromClause, str], ColumnElement[bool] | None]
    looked_up: bool = False


class Searchable(msgspec.Struct, frozen=True):
    """A kind of thing that can be searched: its key, the columns of its attributes, its child tables.

    `numbers` are attributes that are kept as numbers, each with its column and the number of each text. `sorts` are
    columns to sort by where they differ from the one compared with; `nullable` are attributes that may have no value.
    `sorted_by` gives the rows to sort by, one an owner, where `children` may have several under a key.
    """

    id: ColumnElement[Any]
    attributes: Mapping[str, ColumnElement[Any]]
    children: Mapping[Entity, Children]
    numbers: Mapping[str, tuple[ColumnElement[int], Mapping[str, int]]] = {}
    sorts: Mapping[str, ColumnElement[Any]] = {}
    nullable: frozenset[str] = frozenset()
    datasets: Callable[[Comparison], ColumnElement[bool]] | None = None
    sorted_by: Callable[[OrderTerm], Children | None] | None = None


# Conditions


def condition(node: Node, of: Searchable) -> ColumnElement[bool]:
    """The rows that `node` is true of."""
    match node:
        case And(children):
            return _all([condition(child, of) for child in children])
        case Or(children):
            return sa.or_(*(condition(child, of) for child in children))
        case Not(child):
            return _negation(child, of)
        case IsNull(field, negated):
            return _is_null(field, of, negated=negated)
        case Comparison():
            return _comparison(node, of)
        case _:
            assert_never(node)


def _all(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """All of `conditions`. PostgreSQL turns those that look into other tables into joins, and the time to plan these
    grows out of all bounds with their number; inside of a function they are looked up row by row."""
    first, rest = conditions[:MOST_JOINS], conditions[MOST_JOINS:]
    return sa.and_(*first, *(sa.func.coalesce(each, sa.false()) == sa.true() for each in rest))


def _negation(node: Node, of: Searchable) -> ColumnElement[bool]:
    """The rows that `node` is not true of. NOT goes down to the comparisons: SQL parsers allow little nesting."""
    match node:
        case And(children):
            return sa.or_(*(_negation(child, of) for child in children))
        case Or(children):
            return sa.and_(*(_negation(child, of) for child in children))
        case Not(child):
            return condition(child, of)
        case IsNull() | Comparison():
            return sa.func.coalesce(condition(node, of), sa.false()) == sa.false()
        case _:
            assert_never(node)


def _comparison(node: Comparison, of: Searchable) -> ColumnElement[bool]:
    if node.field.entity is Entity.ATTRIBUTE:
        if node.field.key in of.numbers and node.op is Op.EQ:  # as numbers, they may be in an index and have statistics
            column, numbers = of.numbers[node.field.key]
            return column == numbers[str(node.value)] if node.value in numbers else sa.false()
        return compare(of.attributes[node.field.key], node.op, node.value)
    if node.field.entity is Entity.DATASET and of.datasets is not None:
        return of.datasets(node)
    children = of.children[node.field.entity]
    has_key = children.key(children.table, node.field.key)
    if has_key is None:
        return sa.false()
    return _has_row(children, of, [has_key, value_test(children.table.c.value, node)])


def value_test(value: ColumnElement[Any], node: Comparison) -> ColumnElement[bool]:
    """Whether a value of the field is one that `node` is true of."""
    test = compare(value, node.op, node.value)
    if node.field.entity is Entity.METRIC and node.op is Op.NE:
        test = sa.or_(value.is_(None), test)  # NaN differs from every number
    return test


def _is_null(field: Field, of: Searchable, *, negated: bool) -> ColumnElement[bool]:
    if field.entity is Entity.ATTRIBUTE:
        column = of.attributes[field.key]
        return column.is_not(None) if negated else column.is_(None)
    children = of.children[field.entity]
    has_key = children.key(children.table, field.key)
    if has_key is None:
        return sa.true() if not negated else sa.false()
    return _has_row(children, of, [has_key], negated=not negated)


def _has_row(
    children: Children, of: Searchable, tests: Sequence[ColumnElement[bool]], *, negated: bool = False
) -> ColumnElement[bool]:
    """Whether an owner has a row that passes."""
    owner = children.table.c[children.owner]
    if not children.looked_up:
        rows = sa.select(owner).where(*tests)
        return of.id.not_in(rows) if negated else of.id.in_(rows)
    # No database makes a join of this, and so none begins with the values.
    row = (
        sa.select(sa.literal_column("1"))
        .where(owner == of.id, *tests)
        .correlate_except(children.table)
        .scalar_subquery()
    )
    return row.is_(None) if negated else row.is_not(None)


def compare(column: ColumnElement[Any], op: Op, value: Any) -> ColumnElement[bool]:
    """`column op value`, where the value fits the operator."""
    if isinstance(value, (int, float)):
        return compare_number(column, op, value)
    test: ColumnElement[bool]
    match op:
        case Op.EQ:
            test = column == value
        case Op.NE:
            test = column != value
        case Op.LT | Op.LE | Op.GT | Op.GE:
            raise TypeError(f"{op.value} compares numbers only, not {value!r}")
        case Op.LIKE:
            test = dialect.like(column, value)
        case Op.ILIKE:
            test = dialect.ilike(column, value)
        case Op.IN:
            test = column.in_(value)
        case Op.NOT_IN:
            test = column.not_in(value)
        case _:
            assert_never(op)
    return test


def among(column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    """`column` is one of `numbers`, however many: they are written out, as statements take only so many parameters."""
    return column.in_(sa.bindparam(None, list(numbers), sa.BigInteger, expanding=True, literal_execute=True))


# Orders


class _Sort(msgspec.Struct, frozen=True):
    """One column of an order. Where it may be NULL, a rank column before it decides about the NULLs.

    With `is_fixed`, all rows have the same `value`. `index` sorts as the column does, if less finely, by an index.
    """

    column: ColumnElement[Any]
    descending: bool
    is_fixed: bool = False
    value: Any = None
    index: ColumnElement[Any] | None = None


class Rank(enum.IntEnum):
    """How a row stands to a key that rows are sorted by; the values are the order, whichever way values are sorted."""

    HAS_VALUE = 0
    HAS_NULL = 1
    LACKS_KEY = 2


class Led(msgspec.Struct, frozen=True):
    """A term of an order in which all rows have one rank.

    With `rows`, these have the values, and `starts` says that an index of them holds the beginnings; without, all have the
    same `value`.
    """

    term: OrderTerm
    rank: Rank
    value: Any = None
    rows: FromClause | None = None
    starts: bool = False


class Order:
    """An order of a search: what to join, what to sort by, how to go on after a row.

    `led` are terms in which rows are alike, before which there is none in which they are not.
    """

    def __init__(self, terms: Sequence[OrderTerm], of: Searchable, source: FromClause, led: Sequence[Led] = ()) -> None:
        self.source = source
        self._sorts: list[_Sort] = []
        alike = {each.term: each for each in led}
        for term in terms:
            if term in alike:
                self._add_led(alike[term])
            else:
                self._add_term(term, of)
        self._digest = hashlib.sha256(repr([repr(term) for term in terms]).encode()).hexdigest()[:8]

    def _add_led(self, led: Led) -> None:
        rank: ColumnElement[Any] = sa.literal_column(str(int(led.rank)), sa.Integer)
        self._sorts.append(_Sort(rank, False, is_fixed=True, value=int(led.rank)))
        if led.rows is None:
            same = sa.null() if led.value is None else sa.literal(led.value)
            self._sorts.append(_Sort(same, False, is_fixed=True, value=led.value))
            return
        value = led.rows.c.value
        index = schema.indexed_start(value) if led.starts else None
        self._sorts.append(_Sort(value, led.term.descending, index=index))

    def _add_term(self, term: OrderTerm, of: Searchable) -> None:
        if term.field.entity is Entity.ATTRIBUTE:
            self._add_attribute(term.field.key, term.descending, of)
            return
        children = (of.sorted_by and of.sorted_by(term)) or of.children[term.field.entity]
        rows = children.table.alias()
        has_key = children.key(rows, term.field.key)
        if has_key is None:  # nothing was ever logged under this key: all rows are equal in it
            return
        self.source = self.source.outerjoin(rows, sa.and_(rows.c[children.owner] == of.id, has_key))
        value = rows.c.value
        rank = sa.case(
            (rows.c[children.owner].is_(None), int(Rank.LACKS_KEY)),
            (value.is_(None), int(Rank.HAS_NULL)),
            else_=int(Rank.HAS_VALUE),
        )
        self._sorts += [_Sort(rank, False), _Sort(value, term.descending)]

    def _add_attribute(self, name: str, descending: bool, of: Searchable) -> None:
        column = of.sorts.get(name, of.attributes[name])
        if name in of.nullable:
            self._sorts.append(_Sort(sa.case((column.is_(None), 1), else_=0), False))
        self._sorts.append(_Sort(column, descending))

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """The sort values, to be selected beside each row."""
        return [sort.column.label(f"sort_{i}") for i, sort in enumerate(self._sorts)]

    @property
    def clauses(self) -> list[ColumnElement[Any]]:
        """What to put into ORDER BY."""
        sorted_by = [
            (column, sort.descending)
            for sort in self._sorts
            if not sort.is_fixed
            for column in ((sort.column,) if sort.index is None else (sort.index, sort.column))
        ]
        return [column.desc() if descending else column.asc() for column, descending in sorted_by]

    def clauses_of(self, rows: FromClause) -> list[ColumnElement[Any]]:
        """What to sort rows by that were selected with `columns`."""
        columns = [(rows.c[f"sort_{i}"], sort) for i, sort in enumerate(self._sorts) if not sort.is_fixed]
        return [column.desc() if sort.descending else column.asc() for column, sort in columns]

    def token(self, row: Sequence[Any]) -> str:
        """The token to go on after the row with these sort values."""
        return token_of([self._digest, *row])

    def after(self, token: str) -> ColumnElement[bool]:
        """The rows after the one a token was made of. Raises InvalidInput: the token is not of this search."""
        sorts = list(zip(self._sorts, self.place(token), strict=True))
        while sorts[0][0].is_fixed:
            sort, value = sorts.pop(0)
            if sort.value != value:  # all rows come after it, else nobody would ask for them
                return sa.true()
        alternatives: list[ColumnElement[bool]] = []
        equal: list[ColumnElement[bool]] = []
        for sort, value in sorts:
            if value is not None:
                beyond = sort.column < value if sort.descending else sort.column > value
                alternatives.append(sa.and_(*equal, beyond))
            equal.append(sort.column.is_(None) if value is None else sort.column == value)
        return sa.and_(*_start_of(*sorts[0]), sa.or_(*alternatives))

    def place(self, token: str) -> list[Any]:
        """The sort values of the row a token was made of: of a key, the rank and then the value.

        Raises InvalidInput: the token is not of this search.
        """
        digest, *values = place_of(token) or [None]
        if digest != self._digest or len(values) != len(self._sorts):
            raise InvalidInput(
                "The page token belongs to a search with another order_by: repeat the request that gave it, or begin "
                "again without a token."
            )
        if not all(_comparable(sort.column, value) for sort, value in zip(self._sorts, values, strict=True)):
            raise refused(token)
        return values


def _start_of(sort: _Sort, value: Any) -> list[ColumnElement[bool]]:
    """Where the rows begin that have this sort value or one after it: where an index can go to at once."""
    if value is None:
        return []
    column = sort.column
    if sort.index is not None:
        column, value = sort.index, value[: schema.VALUE_PREFIX]
    return [column <= value if sort.descending else column >= value]


def _comparable(column: ColumnElement[Any], value: object) -> bool:
    """Whether `value` is of the kind that `column` holds: some databases do not compare texts with numbers."""
    if value is None or isinstance(column.type, sa.types.NullType):
        return True
    return isinstance(value, str) == isinstance(column.type, sa.types.String)


class Found(msgspec.Struct, frozen=True):
    """Rows of one page, the token of the next, and the number of all rows if it was asked for."""

    rows: list[Any]
    token: str | None
    total: int | None = None


def page_of(
    connection: sa.Connection,
    of: Searchable,
    columns: Sequence[ColumnElement[Any]],
    source: FromClause,
    conditions: Sequence[ColumnElement[bool]],
    search: Search,
) -> Found:
    """Run a search. One row more than asked for is read, to know whether there is a further page."""
    tests = list(conditions)
    if search.where is not None:
        tests.append(condition(search.where, of))
    total = _count(connection, source, tests) if search.count else None
    if search.limit == 0:
        return Found([], None, total)
    order = Order(search.order, of, source)
    if search.token:
        tests.append(order.after(search.token))
    statement = (
        sa.select(*columns, *order.columns)
        .select_from(order.source)
        .where(*tests)
        .order_by(*order.clauses)
        .limit(search.limit + 1)
    )
    rows = list(connection.execute(statement))
    if len(rows) <= search.limit:
        return Found(rows, None, total)
    return Found(rows[: search.limit], order.token(rows[search.limit - 1][len(columns) :]), total)


def _count(connection: sa.Connection, source: FromClause, tests: Sequence[ColumnElement[bool]]) -> int:
    """How many rows pass: no row is read out, nothing is sorted, and nothing is joined for the sake of an order."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(source).where(*tests)).scalar_one())
