"""Records that memory holds while the disk takes nothing."""

from __future__ import annotations

from collections import deque

MAX_HELD_BYTES = 64 * 1024 * 1024
"""What memory takes."""


class Held:
    """Records in order, up to a bound. Not for several threads at once."""

    def __init__(self) -> None:
        self._records: deque[bytes] = deque()
        self._bytes = 0
        self.before = 0
        """How many were held that are no more."""

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: bytes) -> bool:
        """Whether there is room for a record."""
        if self._bytes + len(record) > MAX_HELD_BYTES:
            return False
        self._records.append(record)
        self._bytes += len(record)
        return True

    def first(self, most: int) -> tuple[bytes, int]:
        """The first of them, about `most` bytes, one record at the least; and how many they are."""
        some: list[bytes] = []
        size = 0
        for record in self._records:
            if some and size + len(record) > most:
                break
            some.append(record)
            size += len(record)
        return b"".join(some), len(some)

    def drop(self, count: int) -> None:
        """Forget the first of them."""
        for _ in range(min(count, len(self._records))):
            self._bytes -= len(self._records.popleft())
            self.before += 1
