"""Checks that all searches share."""

from __future__ import annotations

from collections.abc import Sequence

from mlkeep.core.filters import Grammar, complete_order, parse, parse_order_by
from mlkeep.core.names import invalid
from mlkeep.storage.contract import Search


def checked_limit(max_results: int, most: int, *, least: int = 1) -> int:
    """`max_results`, if a page may have so many. Raises InvalidInput."""
    if not least <= max_results <= most:
        raise invalid("max_results", max_results, f"it must be at least {least} and at most {most}.")
    return max_results


def search_for(
    grammar: Grammar,
    filter_text: str,
    order_by: Sequence[str],
    max_results: int,
    most: int,
    token: str,
    *,
    count: bool = False,
) -> Search:
    """A search out of the texts of a request; one that only counts may have no page. Raises InvalidInput."""
    return Search(
        where=parse(filter_text, grammar),
        order=complete_order(parse_order_by(order_by, grammar), grammar),
        limit=checked_limit(max_results, most, least=0 if count else 1),
        token=token or None,
        count=count,
    )
