"""Whether a server answers, and when it is asked again if it does not."""

from __future__ import annotations

import random
import time

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30
"""Up to how long a server that did not answer is left alone: at first, and at last."""

SHORTEST_PAUSE_S = 0.05

MAX_RETRY_AFTER_S = 600
"""Up to how long a server is left alone because it asks for it."""


dice = random.Random()  # noqa: S311 - no secret
"""Of our own: a program that trains may count on what it makes of `random.seed`."""


class Health:
    """What is known of one server. Times are those of `time.monotonic`. The link's lock guards all that changes."""

    def __init__(self) -> None:
        self.has_answered = False
        self.is_out = False
        """From the first failure on, until everything is sent that waited."""
        self.try_at = 0.0
        self.held_until = 0.0
        """By the server; not even who waits for it asks it before."""
        self.back_at = 0.0
        """Since when it answers again."""
        self._failures = 0
        self._caught_up = 0

    @property
    def is_down(self) -> bool:
        """Whether it did not answer the last time."""
        return self._failures > 0

    def failed(self, retry_after_s: float | None) -> bool:
        """It has not answered, or wants to be asked later; whether this is news."""
        self._failures += 1
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10))
        now = time.monotonic()
        # All of the pause is by chance, for those whom a server has left at the same moment not to come back at one.
        self.try_at = now + max(SHORTEST_PAUSE_S, dice.uniform(0, longest))
        self.held_until = now + min(retry_after_s or 0, MAX_RETRY_AFTER_S)
        was_out, self.is_out = self.is_out, True
        return not was_out

    def answered(self, count: int) -> None:
        """It has answered, and taken so many records."""
        if self.is_down:
            self.back_at = time.monotonic()
        self.has_answered = True
        self._failures = 0
        self.try_at = self.held_until = 0.0
        if self.is_out:
            self._caught_up += count

    def end_outage(self) -> int:
        """Everything is sent that waited: so many records."""
        self.is_out = False
        count, self._caught_up = self._caught_up, 0
        return count
