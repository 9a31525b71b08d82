"""The dictionary of keys: the names of metrics, params and tags, each kept once and known by a number."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from mlkeep.storage.sql.schema import Counted

MOST_MET = 500_000
"""Keys of experiments that are remembered as counted, at some 60 bytes each."""


class KeyDictionary:
    """Numbers of names, as far as this process has met them. A number never changes, so knowing one is enough.

    Numbers given out in a transaction count for others only after its commit. Where transactions run beside each other,
    numbers are given out apart from them, for good.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self._met: dict[tuple[int, Counted], set[int]] = {}
        self._lock = threading.Lock()

    def number(self, name: str) -> int | None:
        """The number of `name`, if known here."""
        return self._numbers.get(name)

    def learn(self, numbers: Mapping[str, int]) -> None:
        """Remember numbers that are committed."""
        if numbers:
            with self._lock:
                self._numbers.update(numbers)
                self.names.update((number, name) for name, number in numbers.items())

    def met(self, experiment: int, kind: Counted) -> Collection[int]:
        """The keys that are known here to be among those of an experiment."""
        return self._met.get((experiment, kind), ())

    def learn_met(self, keys: Collection[tuple[int, Counted, int]]) -> None:
        """Remember keys of experiments that are committed. Forgetting them, as happens to too many, only costs time."""
        if not keys:
            return
        with self._lock:
            for experiment, kind, number in keys:
                self._met.setdefault((experiment, kind), set()).add(number)
            if sum(map(len, self._met.values())) > MOST_MET:
                self._met = {}

    def forget(self) -> None:
        """Know nothing: the database may not be in the state it was in."""
        with self._lock:
            self._numbers = {}
            self.names = {}
            self._met = {}
