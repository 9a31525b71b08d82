"""When a run whose trainer says nothing any more is taken for lost, and how that is told."""

from __future__ import annotations

from datetime import UTC, datetime

LOST_TAG = "mlkeep.lost"
"""The tag of a run that is RUNNING, but whose trainer has vanished; its value is when it was last heard of."""

LOST_AFTER_S = 120.0
"""How long a run is silent at the least before it is lost, unless told otherwise."""

MOST_LOST_AFTER_S = 30 * 24 * 60 * 60.0
"""The longest that may be set."""

MISSED_INTERVALS = 3
"""How many heartbeats in a row have to be missing."""


def patience_ms(interval_ms: int, least_s: float) -> int:
    """How long to wait for the next heartbeat of who promised one every `interval_ms`."""
    return max(MISSED_INTERVALS * interval_ms, round(least_s * 1000))


def told_time(at_ms: int) -> str:
    """A time in the form of ISO 8601, in UTC, to the second: the value of the tag."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
