"""How a search for runs is carried out: where it begins, and what it looks at on its way.

There are three ways to a page. A *walk* goes through an index that has the order of the search and stops when the page is
full; conditions are tested run by run. A *lead* begins with the few entries of an index that a condition is true of, and
sorts what is left of them. Where neither can be, all runs are sorted. The way is chosen by numbers read off the indexes,
and the database is told by the form of the statement: no statistics are needed, and a page takes the way it takes today
tomorrow as well. Every way gives the same rows and tokens.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import ColumnElement, select

from mlkeep.core.entities import ViewType
from mlkeep.core.filters.ast import Entity, Field
from mlkeep.storage.contract import Search
from mlkeep.storage.sql.dialect import makes_sets, one_by_one
from mlkeep.storage.sql.schema import ACTIVE, DELETED, experiments, runs
from mlkeep.storage.sql.searching.asked import Asked, Scope, is_keyed
from mlkeep.storage.sql.searching.leads import KEYED, Entries, Lead
from mlkeep.storage.sql.searching.legs import Legs
from mlkeep.storage.sql.searching.search import Found, Order, Searchable, condition
from mlkeep.storage.sql.session import Session

MOST_LEGS = 24
"""Pieces in which an index is walked until all runs are sorted after all: they do not meet the conditions there."""

LEAST_COUNTED = 1_000
SHARE_COUNTED, SHARE_OF_SEVERAL = 100, 8
"""Entries of an index are counted up to so many and a part of all runs: a hundredth, but an eighth of metrics where there are
several conditions, which together may leave very few runs."""

UNCOUNTED_SHARE = 0.3
"""The share of runs a condition is taken to be true of where there are more than were counted."""

SHORT_LIST = 8
"""A list is met with the shortest one if it is no more times longer."""

COST_OF_LEAD = 3
"""What it takes to fetch, test and sort a run that a lead gives, in runs tested on a walk."""

MOST_IN_SET = 100_000
"""Numbers of runs that any database makes a hash table of, with or without statistics."""

_LIFECYCLES = {ViewType.ACTIVE_ONLY: [ACTIVE], ViewType.DELETED_ONLY: [DELETED], ViewType.ALL: [ACTIVE, DELETED]}


def page_of_runs(
    session: Session, of: Searchable, search: Search, experiment_keys: Sequence[int] | None, view: ViewType
) -> Found:
    """Rows of `runs`. Experiments of None are all that are active."""
    if experiment_keys is None:
        has_runs = select(runs.c.id).where(runs.c.experiment_id == experiments.c.id).exists()
        named = select(experiments.c.id).where(experiments.c.lifecycle == ACTIVE, has_runs).order_by(experiments.c.id)
        experiment_keys = list(session.execute(named).scalars())
    scope = Scope(sorted(set(experiment_keys)), _LIFECYCLES[view])
    if not scope.experiments:
        if search.token:
            Order(search.order, of, runs).place(search.token)
        return Found([], None, 0 if search.count else None)
    return _RunSearch(Asked(session, of, search, scope)).page()


class _RunSearch:
    """Finds the way to a page, and takes it."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def page(self) -> Found:
        """The page, and the number of all rows if it is asked for."""
        led = {i: part.lead for i, part in enumerate(self._asked.parts) if part.lead is not None}
        if any(not lead.entries for lead in led.values()):  # nothing was ever logged under a key
            return Found([], None, 0 if self._asked.search.count else None)
        counted = self._counted(led)
        total = self._total(counted) if self._asked.search.count else None
        limit = self._asked.search.limit
        if limit == 0:
            return Found([], None, total)
        rows = self._rows(counted)
        if len(rows) <= limit:
            return Found(rows, None, total)
        return Found(rows[:limit], self._asked.order.token(rows[limit - 1][len(runs.c) :]), total)

    def _counted(self, leads: dict[int, Lead]) -> dict[int, int | None]:
        """The number of entries of each lead; None if there are too many to be counted."""
        if not leads:
            return {}
        entries = [each for lead in leads.values() for each in lead.entries]
        most = [self._most_counted(each) for each in entries]
        counts = [
            select(sa.func.count())
            .select_from(each.select(sa.literal_column("1").label("one")).limit(limit + 1).subquery())
            .scalar_subquery()
            for each, limit in zip(entries, most, strict=True)
        ]
        found = zip(self._asked.session.execute(select(*counts)).one(), most, strict=True)
        by_lead = {i: [next(found) for _ in lead.entries] for i, lead in leads.items()}
        return {
            i: None if any(count > limit for count, limit in counts) else sum(count for count, _ in counts)
            for i, counts in by_lead.items()
        }

    def _most_counted(self, entries: Entries) -> int:
        """How many entries are worth counting. The index of metrics alone holds all that it takes."""
        share = SHARE_COUNTED if len(self._asked.parts) == 1 or not entries.is_number else SHARE_OF_SEVERAL
        return LEAST_COUNTED + self._asked.in_scope // share

    def _total(self, counted: dict[int, int | None]) -> int:
        if not self._asked.parts:
            return self._asked.in_scope
        return int(self._asked.session.execute(self._counting(counted)).scalar_one())

    def _counting(self, counted: dict[int, int | None]) -> sa.Select[Any]:
        """A statement that counts: over one index, if runs need not be looked at for anything but their stage."""
        begins = [i for i in counted if (lead := self._lead(i)).is_exact and len(lead.entries) == 1]
        if not begins or not all(is_keyed(part.node) for part in self._asked.parts):
            return select(sa.func.count()).select_from(runs).where(*self._asked.scope.tests, *self._asked.tests())
        begin = min(begins, key=lambda i: math.inf if (count := counted[i]) is None else count)
        (entries,) = self._lead(begin).entries
        number = entries.rows.c.run_id
        of_entries = msgspec.structs.replace(self._asked.of, id=number)
        sets = makes_sets(self._asked.session.connection.dialect) or sum(self._asked.counted) <= MOST_IN_SET
        tests = [
            # Inside of a function it stays what it is, and no database makes a join of it.
            sa.func.coalesce(number.in_(part.lead.runs()), sa.false()) == sa.true()
            if sets and part.lead is not None and part.lead.is_exact
            else condition(part.node, of_entries)
            for i, part in enumerate(self._asked.parts)
            if i != begin
        ]
        return entries.select(sa.func.count()).where(*tests, *self._in_view(number, sets=sets))

    def _in_view(self, number: ColumnElement[int], *, sets: bool) -> list[ColumnElement[bool]]:
        """What is true of the numbers of runs that are in scope, of those of the experiments."""
        if len(self._asked.scope.lifecycles) == 2:
            return []
        stage = self._asked.scope.lifecycles[0]
        hidden = ACTIVE + DELETED - stage
        if sets:
            within = self._asked.scope.within(runs.c.experiment_id)
            return [number.not_in(select(runs.c.id).where(within, runs.c.lifecycle == hidden))]
        of_run = select(runs.c.lifecycle).where(runs.c.id == number).correlate_except(runs)
        return [of_run.scalar_subquery() == stage]

    def _lead(self, i: int) -> Lead:
        lead = self._asked.parts[i].lead
        if lead is None:
            raise LookupError(f"nothing leads to what condition {i} is true of")
        return lead

    def _rows(self, counted: dict[int, int | None]) -> list[Any]:
        """The rows of the page, and one more if there is one."""
        fewest, is_walk = _fewest(counted), self._is_walk()
        if fewest is not None and (not is_walk or self._is_shorter(counted, fewest)):
            return self._led(counted, fewest)
        rows: list[Any] = []
        legs = iter(Legs(self._asked)) if is_walk else iter(())
        for statements, order in itertools.islice(legs, MOST_LEGS):
            rows += self._asked.fetch(statements, order, len(rows))
            if len(rows) > self._asked.search.limit:
                return rows
        if is_walk and next(legs, None) is None:
            return rows
        return self._asked.fetch(
            [self._asked.sorted(self._asked.scope.tests, self._asked.order, self._asked.tests())], self._asked.order
        )

    def _is_walk(self) -> bool:
        """Whether an index has the order of the search."""
        field = self._asked.terms[0].field
        return field.entity in KEYED or field == Field(Entity.ATTRIBUTE, "start_time")

    def _is_shorter(self, counted: dict[int, int | None], fewest: int) -> bool:
        """Whether it takes less to fetch what a lead gives than to walk until the page is full."""
        share = 1.0
        for count in counted.values():
            share *= UNCOUNTED_SHARE if count is None else count / max(self._asked.in_scope, count, 1)
        tested = (
            self._asked.in_scope if share == 0 else min(self._asked.in_scope, (self._asked.search.limit + 1) / share)
        )
        return (counted[fewest] or 0) * COST_OF_LEAD <= max(tested, self._asked.search.limit)

    def _led(self, counted: dict[int, int | None], fewest: int) -> list[Any]:
        """The page by way of the fewest entries, and of other short lists that leave still fewer."""
        most = (counted[fewest] or 0) * SHORT_LIST
        short = [i for i, count in counted.items() if count is not None and count <= most]
        begin = [i for i in short if i == fewest or self._lead(i).is_exact]
        met = [self._lead(i).runs() for i in begin]
        found = one_by_one(runs.c.id, met[0] if len(met) == 1 else sa.intersect(*met))
        done = [i for i in begin if self._lead(i).is_exact]
        tests = [condition(part.node, self._asked.of) for i, part in enumerate(self._asked.parts) if i not in done]
        return self._asked.fetch(
            [self._asked.sorted([found, *self._asked.scope.in_view], self._asked.order, tests)], self._asked.order
        )


def _fewest(counted: dict[int, int | None]) -> int | None:
    """The lead with the fewest entries, None if none is counted to the end."""
    known = [(count, i) for i, count in counted.items() if count is not None]
    return min(known)[1] if known else None
