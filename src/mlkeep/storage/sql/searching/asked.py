"""A search for runs as it was asked, and the statements that all ways to a page are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import ColumnElement, select

from mlkeep.core.filters.ast import And, Comparison, IsNull, Node, Not, Or, OrderTerm
from mlkeep.storage.contract import Search
from mlkeep.storage.sql.counters import runs_counted
from mlkeep.storage.sql.schema import runs
from mlkeep.storage.sql.searching.leads import KEYED, Lead, lead_of
from mlkeep.storage.sql.searching.search import Order, Searchable, among, condition
from mlkeep.storage.sql.session import Session

MOST_WALKS = 16
"""Experiments whose indexes are walked side by side; of more of them all runs are sorted."""

Test = Callable[[Searchable], ColumnElement[bool]]
"""A test on runs that may be known by no more than their number."""


class Part(msgspec.Struct, frozen=True):
    """One of the conditions that must all be true, and where to begin for it."""

    node: Node
    lead: Lead | None


class Scope(msgspec.Struct, frozen=True):
    """Which runs are searched at all."""

    experiments: Sequence[int]
    lifecycles: Sequence[int]

    def within(self, column: ColumnElement[int]) -> ColumnElement[bool]:
        """`column` is one of the experiments."""
        return one_of(column, self.experiments)

    @property
    def tests(self) -> list[ColumnElement[bool]]:
        """What is true of the runs in scope."""
        return [self.within(runs.c.experiment_id), *self.in_view]

    @property
    def in_view(self) -> list[ColumnElement[bool]]:
        """What is true of those of their runs that are in scope."""
        return [] if len(self.lifecycles) == 2 else [runs.c.lifecycle == self.lifecycles[0]]


class Asked:
    """One search under way. Raises InvalidInput, when made: its token is of another search."""

    def __init__(self, session: Session, of: Searchable, search: Search, scope: Scope) -> None:
        self.session = session
        self.of = of
        self.search = search
        self.scope = scope
        nodes = search.where.children if isinstance(search.where, And) else [search.where] if search.where else []
        self.parts = [Part(node, lead_of(node, session.key_number, scope.within)) for node in nodes]
        self.order = Order(search.order, of, runs)
        if search.token:
            self.order.place(search.token)
        self.terms = [term for term in search.order if self._tells_apart(term)]

    def _tells_apart(self, term: OrderTerm) -> bool:
        """Whether runs may differ in it: of a key that was never used, there is nothing to sort by."""
        return term.field.entity not in KEYED or self.session.key_number(term.field.key) is not None

    @cached_property
    def counted(self) -> tuple[int, int]:
        """How many active and how many deleted runs the experiments have."""
        return runs_counted(self.session, self.scope.experiments)

    @property
    def in_scope(self) -> int:
        """How many runs there are to search."""
        return sum(self.counted[lifecycle] for lifecycle in self.scope.lifecycles)

    def testing(self, node: Node) -> Test:
        """A test on runs, which may be known by no more than their number if it needs no more."""
        is_enough = is_keyed(node)
        return lambda of: condition(node, of if is_enough else self.of)

    def tests(self) -> list[ColumnElement[bool]]:
        """What is true of the runs that are found."""
        return [condition(part.node, self.of) for part in self.parts]

    def by_time(self, order: Order, tests: Sequence[ColumnElement[bool]]) -> list[sa.Select[Any]]:
        """The runs in scope, each statement in the order of the index by time."""
        apart = self.apart(runs.c.experiment_id)
        stages = [one_of(runs.c.lifecycle, [stage]) for stage in self.scope.lifecycles]
        if len(apart) < len(self.scope.experiments):
            return [self.sorted(self.scope.tests, order, tests)]
        return [self.sorted([within, stage], order, tests) for within in apart for stage in stages]

    def apart(self, column: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """`column` is an experiment, for each of them; for all at once where they are many."""
        if len(self.scope.experiments) > MOST_WALKS:
            return [self.scope.within(column)]
        return [column == experiment for experiment in self.scope.experiments]

    def sorted(
        self, begin: Sequence[ColumnElement[bool]], order: Order, tests: Sequence[ColumnElement[bool]]
    ) -> sa.Select[Any]:
        """Runs in an order, after the place of the token if that is among them."""
        after = [order.after(self.search.token)] if self.search.token else []
        return (
            select(*runs.c, *order.columns)
            .select_from(order.source)
            .where(*begin, *after, *tests)
            .order_by(*order.clauses)
        )

    def fetch(self, statements: Sequence[sa.Select[Any]], order: Order, have: int = 0) -> list[Any]:
        """The first of all rows of the statements, each of which has them in order, and one more than fit into the page."""
        most = self.search.limit + 1 - have
        if len(statements) == 1:
            return list(self.session.execute(statements[0].limit(most)))
        parts = sa.union_all(*(select(each.limit(most).subquery()) for each in statements)).subquery()
        return list(self.session.execute(select(parts).order_by(*order.clauses_of(parts)).limit(most)))


def one_of(column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    """`column` is one of `numbers`."""
    return column == numbers[0] if len(numbers) == 1 else among(column, numbers)


def is_keyed(node: Node) -> bool:
    """Whether a condition is about nothing of a run but its metrics, params and tags."""
    match node:
        case Comparison(field=field) | IsNull(field=field):
            return field.entity in KEYED
        case And(children) | Or(children):
            return all(is_keyed(child) for child in children)
        case Not(child):
            return is_keyed(child)
