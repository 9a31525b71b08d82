"""The dictionary of keys: the names of metrics, params and tags, each kept once and known by a number."""

from __future__ import annotations

import threading
from collections.abc import Mapping


class KeyDictionary:
    """Numbers of names, as far as this process has met them. A number never changes, so knowing one is enough.

    Numbers given out in a transaction count for others only after its commit. Where transactions run beside each other,
    numbers are given out apart from them, for good.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def number(self, name: str) -> int | None:
        """The number of `name`, if known here."""
        return self._numbers.get(name)

    def learn(self, numbers: Mapping[str, int]) -> None:
        """Remember numbers that are committed."""
        if numbers:
            with self._lock:
                self._numbers.update(numbers)

    def forget(self) -> None:
        """Know nothing: the database may not be in the state it was in."""
        with self._lock:
            self._numbers = {}
