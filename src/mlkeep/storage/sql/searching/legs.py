"""Walks through the indexes that have the order of a search, piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import ColumnElement, select

from mlkeep.core.filters.ast import Comparison, Entity, Field, IsNull, Not, Op, OrderTerm
from mlkeep.storage.sql.dialect import leading_join
from mlkeep.storage.sql.schema import runs
from mlkeep.storage.sql.searching.asked import Asked, Test
from mlkeep.storage.sql.searching.search import Led, Order, Rank, Searchable, condition
from mlkeep.storage.sql.searching.walks import Stretch, Walk
from mlkeep.storage.sql.tokens import refused

FEW_EQUAL = 4
"""Equal values are sorted if there are no more of them than so many pages have."""

SAMPLE = 500
LEAST_COMMON = 1 / 16
"""Values that more runs have are common if they are among so many of the newest; in this share of them where conditions may
leave few runs, and going through all runs by another order may take long."""

Leg = tuple[list[sa.Select[Any]], Order]
"""Statements that each give rows in an order."""


class Legs:
    """The pieces of a walk, to be read one after another until the page is full."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __iter__(self) -> Iterator[Leg]:
        tests = [self._asked.testing(part.node) for part in self._asked.parts]
        return self._legs(self._asked.terms, [], tests)

    def _legs(self, terms: Sequence[OrderTerm], led: Sequence[Led], tests: Sequence[Test]) -> Iterator[Leg]:
        """What to read one after another for the rest of an order, where all runs are alike in what is `led`."""
        term = terms[0]
        if term.field.entity is Entity.ATTRIBUTE:
            yield self._leg_by_attribute(term, led, tests)
            return
        token = self._place_in(led)
        walk = Walk(self._asked.session, term, self._number(term))
        if token is None or token[0] == Rank.HAS_VALUE:
            for stretch in self._stretches(walk, None if token is None else token[1]):
                if stretch.same is None:
                    yield self._leg_of_walk(walk, Rank.HAS_VALUE, led, [*stretch.tests], tests)
                else:
                    has_it = partial(self._has_value, term.field, stretch.same)
                    same = Led(term, Rank.HAS_VALUE, stretch.same)
                    yield from self._legs(terms[1:], [*led, same], [has_it, *tests])
        if walk.is_number and (token is None or token[0] <= Rank.HAS_NULL):
            yield from self._legs_of_null(walk, terms, led, tests)
        if not any(isinstance(part.node, Comparison) and part.node.field == term.field for part in self._asked.parts):
            lacking = [*led, Led(term, Rank.LACKS_KEY)]
            yield from self._legs(terms[1:], lacking, [self._asked.testing(IsNull(term.field)), *tests])

    def _legs_of_null(
        self, walk: Walk, terms: Sequence[OrderTerm], led: Sequence[Led], tests: Sequence[Test]
    ) -> Iterator[Leg]:
        """Runs in which a metric is NaN."""
        experiments, many = self._asked.scope.experiments, FEW_EQUAL * self._asked.search.limit
        if len(experiments) > 1 or not walk.has_many_null(experiments[0], many) or not self._is_common(walk, None):
            yield self._leg_of_walk(walk, Rank.HAS_NULL, led, [], tests)
            return
        is_null = partial(self._has_value, walk.term.field, None)
        yield from self._legs(terms[1:], [*led, Led(walk.term, Rank.HAS_NULL)], [is_null, *tests])

    def _leg_by_attribute(self, term: OrderTerm, led: Sequence[Led], tests: Sequence[Test]) -> Leg:
        order = Order(self._asked.search.order, self._asked.of, runs, led)
        tested = [test(self._asked.of) for test in tests]
        if term.field.key == "start_time":
            return self._asked.by_time(order, tested), order
        return [self._asked.sorted(self._asked.scope.tests, order, tested)], order

    def _leg_of_walk(
        self, walk: Walk, rank: Rank, led: Sequence[Led], within: Sequence[ColumnElement[bool]], tests: Sequence[Test]
    ) -> Leg:
        rows = walk.rows
        has_value = rank is Rank.HAS_VALUE
        last = Led(walk.term, rank, rows=rows, starts=not walk.is_number) if has_value else Led(walk.term, rank)
        order = Order(
            self._asked.search.order, self._asked.of, leading_join(rows, runs, rows.c.run_id == runs.c.id), [*led, last]
        )
        of_rows = msgspec.structs.replace(self._asked.of, id=rows.c.run_id)
        tested = [*walk.has_rank(rank), *within, *self._asked.scope.in_view, *(test(of_rows) for test in tests)]
        apart = self._asked.apart(rows.c.experiment_id)
        return [self._asked.sorted([each, walk.has_key], order, tested) for each in apart], order

    def _stretches(self, walk: Walk, low: Any) -> Iterator[Stretch]:
        if len(self._asked.scope.experiments) > 1:
            return iter([Stretch()])
        return walk.stretches(
            self._asked.scope.experiments[0], low, FEW_EQUAL * self._asked.search.limit, partial(self._is_common, walk)
        )

    def _is_common(self, walk: Walk, value: Any) -> bool:
        """Whether going through all runs soon fills a page with those that have a value (None is NaN)."""
        stage = self._asked.scope.lifecycles[0]
        newest = (
            select(runs.c.id)
            .where(runs.c.experiment_id == self._asked.scope.experiments[0], runs.c.lifecycle == stage)
            .order_by(runs.c.start_ms.desc(), runs.c.run_id)
            .limit(SAMPLE)
            .subquery()
        )
        of_newest = msgspec.structs.replace(self._asked.of, id=newest.c.id)
        has_it = self._has_value(walk.term.field, value, of_newest)
        found = self._asked.session.execute(select(sa.func.count()).select_from(newest).where(has_it)).scalar_one()
        least = (
            LEAST_COMMON if self._asked.parts else math.sqrt(self._asked.search.limit / max(self._asked.in_scope, 1))
        )
        return bool(found > least * min(SAMPLE, self._asked.in_scope))

    def _has_value(self, field: Field, value: Any, of: Searchable) -> ColumnElement[bool]:
        """A test on runs: the value under a key is this one (None is NaN)."""
        if value is not None:
            return condition(Comparison(field, Op.EQ, value), of)
        return sa.and_(
            condition(IsNull(field, negated=True), of), condition(Not(Comparison(field, Op.GE, -math.inf)), of)
        )

    def _place_in(self, led: Sequence[Led]) -> tuple[int, Any] | None:
        """The rank and value of the next term in the place of the token, if that is among the runs that are led."""
        if not self._asked.search.token:
            return None
        place = self._asked.order.place(self._asked.search.token)
        before, (rank, value) = place[: 2 * len(led)], place[2 * len(led) :][:2]
        if rank not in set(Rank):
            raise refused(self._asked.search.token)
        return (rank, value) if before == [part for each in led for part in (int(each.rank), each.value)] else None

    def _number(self, term: OrderTerm) -> int:
        number = self._asked.session.key_number(term.field.key)
        if number is None:
            raise LookupError(f"nothing was ever logged under {term.field.key!r}")
        return number
