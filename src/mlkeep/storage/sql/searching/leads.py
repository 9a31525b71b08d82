"""Where a search for runs may begin: the entries of an index that hold all runs a condition is true of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Table, select

from mlkeep.core.filters.ast import And, Comparison, Entity, Field, IsNull, Node, Not, Op, Or
from mlkeep.storage.sql import schema
from mlkeep.storage.sql.schema import VALUE_PREFIX
from mlkeep.storage.sql.searching.search import value_test

KEYED: dict[Entity, Table] = {
    Entity.METRIC: schema.latest_metrics,
    Entity.PARAM: schema.params,
    Entity.TAG: schema.run_tags,
}
"""The tables of values of runs, each with an index by experiment, key and value."""

FindKey = Callable[[str], int | None]
InExperiments = Callable[[ColumnElement[int]], ColumnElement[bool]]


class Entries(msgspec.Struct, frozen=True):
    """Entries of the search index of one table: `rows` under its own name in the statement, and which of them."""

    rows: FromClause
    tests: Sequence[ColumnElement[bool]]
    is_number: bool

    def select(self, *columns: ColumnElement[Any]) -> sa.Select[Any]:
        """A statement over the entries; of the runs if nothing else is named."""
        return select(*(columns or (self.rows.c.run_id,))).select_from(self.rows).where(*self.tests)


class Lead(msgspec.Struct, frozen=True):
    """Entries that together have all runs that a condition is true of; `is_exact` if they have no others.

    Without entries, the condition is true of none.
    """

    entries: Sequence[Entries]
    is_exact: bool

    def runs(self) -> sa.Select[Any]:
        """The runs of all entries, as a statement."""
        parts = [each.select() for each in self.entries]
        return parts[0] if len(parts) == 1 else select(sa.union_all(*parts).subquery())


def lead_of(node: Node, find_key: FindKey, within: InExperiments) -> Lead | None:
    """Where to begin to find the runs of some experiments that `node` is true of; None if no index tells."""
    match node:
        case Comparison(field=field) if field.entity in KEYED:
            return _lead(field, find_key, within, node)
        case IsNull(field=field, negated=True) if field.entity in KEYED:
            return _lead(field, find_key, within)
        case And(children):
            leads = [lead for child in children if (lead := lead_of(child, find_key, within)) is not None]
            return msgspec.structs.replace(leads[0], is_exact=False) if leads else None
        case Or(children):
            given = [lead_of(child, find_key, within) for child in children]
            found = [lead for lead in given if lead is not None]
            if len(found) < len(given):
                return None
            return Lead([each for lead in found for each in lead.entries], all(lead.is_exact for lead in found))
        case Comparison() | IsNull() | Not():
            return None


def _lead(field: Field, find_key: FindKey, within: InExperiments, node: Comparison | None = None) -> Lead | None:
    number = find_key(field.key)
    if number is None:
        return Lead([], is_exact=True)
    rows = KEYED[field.entity].alias()
    is_number = field.entity is Entity.METRIC
    tests = [within(rows.c.experiment_id), rows.c.key_id == number]
    if node is None:
        return Lead([Entries(rows, tests, is_number)], is_exact=True)
    if is_number:
        return Lead([Entries(rows, [*tests, value_test(rows.c.value, node)], is_number)], is_exact=True)
    of_index = _text_tests(schema.indexed_start(rows.c.value), node)
    return Lead([Entries(rows, [*tests, *of_index], is_number)], is_exact=_is_told_by_index(node))


def _text_tests(start: ColumnElement[str], node: Comparison) -> list[ColumnElement[bool]]:
    """What the beginning of a text that `node` is true of is like, as far as an index can look for it."""
    text = str(node.value)
    if node.op is Op.EQ:
        return [start == text[:VALUE_PREFIX]]
    if node.op is not Op.LIKE:
        return []
    fixed = text[: min(text.find(wild) % (len(text) + 1) for wild in "%_")][:VALUE_PREFIX]
    if not fixed:
        return []
    following = _following(fixed)
    return [start >= fixed] if following is None else [start >= fixed, start < following]


def _is_told_by_index(node: Comparison) -> bool:
    """Whether the beginning of a text is all of it, and all that was looked for."""
    return node.op is Op.EQ and len(str(node.value)) < VALUE_PREFIX


def _following(text: str) -> str | None:
    """The first text after all those that begin with `text`, by code points; None if there is none."""
    for i in range(len(text) - 1, -1, -1):
        code = ord(text[i]) + 1
        if code == 0xD800:  # what is from here to 0xDFFF are no characters
            code = 0xE000
        if code <= 0x10FFFF:
            return text[:i] + chr(code)
    return None
