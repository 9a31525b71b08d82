"""Models: mlkeep beside the official MLflow, each in a virtualenv of its own, with a server of its own.

Measures what it costs beside the model itself to save one with an example, to load it from a folder, from a registry and
from there again, and to call it with one row and with 10,000. Prints a table, and writes docs/benchmarks-models.md;
`--quick` measures everything once, briefly, and does not write the page unless `--page` says where.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # no stubs in the development environment

from bench.environments import ROOT, output_of
from bench.models_report import Findings, page
from bench.processes import MlflowServer, MlkeepServer
from bench.sdk_peers import environment, library

PAGE = ROOT / "docs" / "benchmarks-models.md"
PEERS = ("mlkeep", "mlflow")
ROUNDS = 3
SAVES = 3
CALLS_S, QUICK_CALLS_S = 1.0, 0.1
LIMIT_S = 1800


def measure(peer: str, saves: int, calls_s: float) -> dict[str, float]:
    """One round of one library: seconds by model and measure. Raises AssertionError: it failed, with what it printed."""
    one = library(peer)
    with tempfile.TemporaryDirectory(prefix="mlkeep-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        started = MlflowServer(one, folder / "server") if peer == "mlflow" else MlkeepServer(folder / "server")
        try:
            (folder / "models").mkdir()
            script = str(Path(__file__).with_name("models_client.py"))
            given = [started.url, str(folder / "models"), str(saves), str(calls_s)]
            told = output_of(
                [str(one.python), script, peer, *given], env=environment(peer, folder), cwd=folder, limit_s=LIMIT_S
            )
        finally:
            started.end()
    found: dict[str, float] = json.loads(told.strip().splitlines()[-1])
    return found


def measured(rounds: int, saves: int, calls_s: float) -> dict[str, dict[str, float]]:
    """The medians of rounds in turns, by library."""
    values: dict[str, dict[str, list[float]]] = {peer: defaultdict(list) for peer in PEERS}
    for number in range(rounds):
        for peer in PEERS:
            print(f"... round {number + 1} of {rounds}: {peer}", file=sys.stderr, flush=True)
            for key, seconds in measure(peer, saves, calls_s).items():
                values[peer][key].append(seconds)
    return {peer: {key: statistics.median(each) for key, each in of_peer.items()} for peer, of_peer in values.items()}


def surroundings() -> str:
    """When and where this is measured."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
        f"{memory:.0f} GiB of memory, Python {platform.python_version()}, load average before: {load}."
    )


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, help="rounds in turns")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    parser.add_argument("--page", type=Path, help="write the page here")
    given = parser.parse_args()
    rounds = given.rounds or (1 if given.quick else ROUNDS)
    before, started = surroundings(), time.monotonic()
    versions = {peer: library(peer).version for peer in PEERS}
    values = measured(rounds, 1 if given.quick else SAVES, QUICK_CALLS_S if given.quick else CALLS_S)
    minutes = (time.monotonic() - started) / 60
    told = f"Medians of {rounds} rounds in turns" if rounds > 1 else "One round"
    text = page(Findings([before, f"{told}; {minutes:.0f} minutes in all."], versions, values, is_quick=given.quick))
    print(text)
    if place := given.page or (None if given.quick else PAGE):
        place.write_text(text)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
