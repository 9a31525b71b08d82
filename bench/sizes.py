"""What a point takes on disk when it comes alone, or fills its 64 bits; in batches it is measured with the histories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.databases import empty_bytes
from bench.figures import Scale
from bench.load import BATCH_POINTS, Plan
from bench.peers import Contestant, running
from bench.writing import Record


def measure(contestant: Contestant, folder: Path, scale: Scale, record: Record, note: Callable[[str], None]) -> None:
    """One round; more would tell the same."""
    empty = empty_bytes(contestant, folder)

    def taken(plan: Plan) -> tuple[float, int]:
        with running(contestant, folder / "sized") as one:
            units = one.load(plan).units
            one.stop()
            return one.database_bytes() - empty, units

    size, points = taken(Plan(0, "log-metric", 16, scale.single_points, scale.single_limit_s, warm_up=False))
    record("bytes-single", contestant.key, size / points)
    if points < scale.single_points:
        note(f"Points one by one: {contestant.name} took {points:,} within {scale.single_limit_s:.0f} s.")
    if contestant.is_ours:
        batches = scale.few_points // BATCH_POINTS
        size, done = taken(Plan(0, "log-batch", 1, batches, 300, warm_up=False, bits=64))
        record("bytes-64", contestant.key, size / (done * BATCH_POINTS))
