"""Checks that all searches share."""

from __future__ import annotations

from collections.abc import Sequence

from mlkeep.core.filters import Grammar, complete_order, parse, parse_order_by
from mlkeep.core.names import invalid
from mlkeep.storage.contract import Search


def checked_limit(max_results: int, most: int) -> int:
    """`max_results`, if a page may have so many. Raises InvalidInput."""
    if not 1 <= max_results <= most:
        raise invalid("max_results", max_results, f"it must be at least 1 and at most {most}.")
    return max_results


def search_for(
    grammar: Grammar, filter_text: str, order_by: Sequence[str], max_results: int, most: int, token: str
) -> Search:
    """A search out of the texts of a request. Raises InvalidInput."""
    return Search(
        where=parse(filter_text, grammar),
        order=complete_order(parse_order_by(order_by, grammar), grammar),
        limit=checked_limit(max_results, most),
        token=token or None,
    )
