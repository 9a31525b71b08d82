"""Comparisons of a column with a number of another type, exact where databases would round one of the two."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from mlkeep.core import limits
from mlkeep.core.filters.ast import Op

_COMPARE: dict[Op, Callable[[Any, Any], ColumnElement[bool]]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def compare_number(column: ColumnElement[Any], op: Op, number: float) -> ColumnElement[bool]:
    """`column op number`, true of exactly those values of a double or integer column that it is true of in arithmetic."""
    is_real = isinstance(column.type, sa.Float)
    below, above = _doubles_around(number) if is_real else _integers_around(number)
    if below is not None and below == above:
        return _COMPARE[op](column, below)
    test: ColumnElement[bool]
    match op:  # no value of the column is equal to the number
        case Op.EQ:
            test = sa.false()
        case Op.NE:
            test = column.is_not(None)
        case Op.LT | Op.LE:
            test = sa.false() if below is None else column <= below
        case _:
            test = sa.false() if above is None else column >= above
    return test


def _doubles_around(number: float) -> tuple[float, float]:
    """The greatest double that is not above `number`, and the least that is not below."""
    try:
        nearest = float(number)
    except OverflowError:
        nearest = math.inf if number > 0 else -math.inf
    if nearest > number:
        return math.nextafter(nearest, -math.inf), nearest
    if nearest < number:
        return nearest, math.nextafter(nearest, math.inf)
    return nearest, nearest


def _integers_around(number: float) -> tuple[int | None, int | None]:
    """The greatest 64-bit integer that is not above `number`, and the least that is not below; None if there is none."""
    if number > limits.MAX_INT64:
        return limits.MAX_INT64, None
    if number < limits.MIN_INT64:
        return None, limits.MIN_INT64
    return math.floor(number), math.ceil(number)
