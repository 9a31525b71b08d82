"""Ways through the indexes by value: the values of one key in one experiment, in order, in stretches.

Equal values are not in the order of a search, so a walk sorts them before it goes on. Where very many are equal, as of a
param with three values, that would be most of the runs; there it is better to go through all runs by the next term of
the order, and to take those with the value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, select

from mlkeep.core.filters.ast import Entity, OrderTerm
from mlkeep.storage.sql import schema
from mlkeep.storage.sql.searching.leads import KEYED
from mlkeep.storage.sql.searching.search import Rank
from mlkeep.storage.sql.session import Session

GROWTH = 4
"""How much longer each stretch is than the one before it."""


IsCommon = Callable[[Any], bool]
"""Whether a value is so common that runs with it are found fast among all runs."""


class Stretch(msgspec.Struct, frozen=True):
    """Some values of a walk: all that are equal to `same`, or else those that pass `tests`."""

    same: Any = None
    tests: Sequence[ColumnElement[bool]] = ()


class Walk:
    """The values of a term's key. `rows` are those of the index, for statements of which it is the beginning."""

    def __init__(self, session: Session, term: OrderTerm, number: int) -> None:
        self.term = term
        self.rows: FromClause = KEYED[term.field.entity].alias("walked")
        self.is_number = term.field.entity is Entity.METRIC
        self.has_key = self.rows.c.key_id == number
        self._session = session
        self._sorted: ColumnElement[Any] = (
            self.rows.c.value if self.is_number else schema.indexed_start(self.rows.c.value)
        )

    def has_rank(self, rank: Rank) -> list[ColumnElement[bool]]:
        """What is true of rows of a rank, which are among `rows`."""
        if not self.is_number:
            return []
        return [self.rows.c.value.is_not(None) if rank is Rank.HAS_VALUE else self.rows.c.value.is_(None)]

    def has_many_null(self, experiment: int, many: int) -> bool:
        """Whether more than so many values of a metric are NaN."""
        entries = self._entries(experiment, Rank.HAS_NULL).limit(1).offset(many)
        return self._session.execute(entries).first() is not None

    def stretches(self, experiment: int, low: Any, length: int, is_common: IsCommon) -> Iterator[Stretch]:
        """All values from `low` on (None is the first), cut where more than `length` are equal, and then more.

        Those that are common come apart as `same`.
        """
        at = None if low is None else self._bound(low, is_open=False)
        while True:
            entries = self._entries(experiment, Rank.HAS_VALUE)
            if at is not None:
                entries = entries.where(at)
            entries = entries.order_by(self._sorted.desc() if self.term.descending else self._sorted.asc()).limit(1)
            first, last = self._session.execute(
                select(entries.scalar_subquery(), entries.offset(length).scalar_subquery())
            ).one()
            within = [] if at is None else [at]
            if last is None:  # what is left is no more than that
                yield Stretch(tests=within)
                return
            if first == last:
                is_whole = self.is_number or len(first) < schema.VALUE_PREFIX
                is_same = is_whole and is_common(first)
                yield Stretch(same=first) if is_same else Stretch(tests=[self._sorted == first])
                at = self._bound(first, is_open=True)
            else:
                yield Stretch(tests=[*within, self._before(last)])
                at = self._bound(last, is_open=False)
            length *= GROWTH

    def _entries(self, experiment: int, rank: Rank) -> sa.Select[Any]:
        return select(self._sorted).where(self.rows.c.experiment_id == experiment, self.has_key, *self.has_rank(rank))

    def _bound(self, low: Any, *, is_open: bool) -> ColumnElement[bool]:
        """From a value on, in the order of the walk, or after it."""
        value = low if self.is_number else low[: schema.VALUE_PREFIX]
        compare = (
            (operator.lt if is_open else operator.le)
            if self.term.descending
            else (operator.gt if is_open else operator.ge)
        )
        return sa.and_(compare(self._sorted, value))

    def _before(self, high: Any) -> ColumnElement[bool]:
        return sa.and_(operator.gt(self._sorted, high) if self.term.descending else operator.lt(self._sorted, high))
