"""Lists that come a page at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


class PagedList(list[T]):
    """One page of results. `token` fetches the next page; it is None after the last one.

    `total` is the number of all results, if they were counted.
    """

    def __init__(self, items: Iterable[T] = (), token: str | None = None, total: int | None = None) -> None:
        super().__init__(items)
        self.token = token
        self.total = total

    def to_list(self) -> list[T]:
        """The items of this page as a plain list."""
        return list(self)
