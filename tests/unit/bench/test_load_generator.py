"""The load generator of the benchmarks does what it is told to a real server, and looks at what became of it."""

import sys
from pathlib import Path

import msgspec
import pytest

from bench.environments import ROOT, output_of
from bench.load import Kind, Load, Plan
from bench.processes import MlkeepServer, environment


@pytest.mark.parametrize(("kind", "connections"), [("log-metric", 3), ("log-batch", 1), ("columns", 1), ("runs", 2)])
def test_a_load_stops_after_as_many_units_as_it_was_told(kind: Kind, connections: int, tmp_path: Path) -> None:
    server = MlkeepServer(tmp_path)
    try:
        plan = Plan(server.port, kind, connections, 6, 60)
        command = [sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode()]
        load = msgspec.json.decode(output_of(command, env=environment(), cwd=ROOT), type=Load)
    finally:
        server.end()
    assert not load.refused
    assert load.units == 6
    assert 0 < load.p50_ms <= load.p99_ms < load.seconds * 1000
