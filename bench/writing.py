"""Starting, memory, and everything that logs: one round of one contestant, on a fresh database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.figures import Scale
from bench.load import BATCH_POINTS, COLUMN_POINTS, Kind, Load, Plan
from bench.peers import Contestant, running

CONNECTIONS = (1, 16, 64)
CLIENTS = (1, 16)
MOST_REQUESTS, MOST_BATCHES, MOST_COLUMNS, MOST_RUNS = 40_000, 400, 150, 20_000

Record = Callable[[str, str, float], None]
"""Takes a figure, a contestant and a value."""


def measure(contestant: Contestant, folder: Path, scale: Scale, record: Record, note: Callable[[str], None]) -> None:
    """One round."""
    key = contestant.key
    with running(contestant, folder) as one:

        def load(kind: Kind, connections: int, most: int) -> Load | None:
            try:
                done = one.load(Plan(0, kind, connections, most, scale.load_s))
            except AssertionError as error:
                # MLflow with SQLite gives up on some of many clients at once; what it can do otherwise counts.
                if contestant.is_ours:
                    raise
                why = str(error).strip().rpartition("\n")[2]
                note(f"{contestant.name} failed at `{kind}` over {connections} connections: {why[:300]}")
                return None
            if done.refused:
                note(f"{contestant.name} was not measured at `{kind}`: it {done.refused}")
                return None
            return done

        record("start", key, one.start_s)
        one.settle()
        record("memory", key, one.server.resident_bytes() / 2**20)
        record("processes", key, len(one.server.family()))
        for connections in CONNECTIONS:
            if done := load("log-metric", connections, MOST_REQUESTS):
                record(f"log-metric-{connections}", key, done.per_second)
                record(f"log-metric-{connections}-p50", key, done.p50_ms)
        if done := load("log-batch", 1, MOST_BATCHES):
            record("batch", key, done.per_second * BATCH_POINTS)
        if contestant.is_ours and (done := load("columns", 1, MOST_COLUMNS)):
            record("columns", key, done.per_second * COLUMN_POINTS)
        for clients in CLIENTS:
            if done := load("runs", clients, MOST_RUNS):
                record(f"runs-{clients}", key, done.per_second)
