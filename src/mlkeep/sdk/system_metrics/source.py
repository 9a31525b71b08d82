"""What samples are taken of."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

MEGABYTE = 1_000_000

Sample = dict[str, float]
"""Values by the names of their metrics, without the prefix."""


class Source(msgspec.Struct, frozen=True):
    """One of the things that are sampled, and what it is called in a warning. `sample` may raise anything."""

    name: str
    sample: Callable[[], Sample]
