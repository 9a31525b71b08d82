"""Logging from a program: mlkeep beside MLflow, wandb, trackio, aim and tensorboardX, each in a virtualenv of its own.

Measures what a call that logs two values costs, with the server up, slow and down; how long it takes until all is stored;
imports and sizes. Prints a table, and writes docs/benchmarks-sdk.md if everything was measured. `--only calls --who mlkeep`
measures a part, `--quick` all of it with few calls; neither writes the page unless `--page` says where.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import psutil  # type: ignore[import-untyped]  # no stubs in the development environment

from bench import sdk_report
from bench.environments import ROOT, output_of
from bench.sdk_peers import CASES, PEERS, Case, Outcome, environment, library, outcome_of
from bench.sdk_report import Findings, Installed, Topic

PAGE = ROOT / "docs" / "benchmarks-sdk.md"
ROUNDS = 3
IMPORTS = 7

CALLS, QUICK_CALLS = 10_000, 1_000
CALLS_LIMIT_S, QUICK_LIMIT_S = 30, 5
"""How long a program logs at the most; who needs longer for its calls is measured by those that it made."""

POINTS, QUICK_POINTS = 100_000, 10_000
STORED_LIMIT_S = 300

FAILURES = (AssertionError, OSError, subprocess.SubprocessError)
"""What of one library is no reason to throw away what was measured of the others."""

_TIMED_IMPORT = """
import time
started = time.perf_counter()
import LIBRARY
print(time.perf_counter() - started)
NAMES
print(time.perf_counter() - started)
"""

_SIZE = """
import importlib.metadata, pathlib, sys
others = [one for one in importlib.metadata.distributions() if one.name.lower() not in ("pip", "setuptools")]
files = {pathlib.Path(file.locate()) for one in others for file in one.files or ()}
print(sum(file.stat().st_size for file in files if file.is_file()), len(others))
"""


def measure(topics: list[Topic], who: list[str], rounds: int, *, is_quick: bool) -> Findings:
    """All that is asked for; rounds in turns."""
    calls, points = (QUICK_CALLS, QUICK_POINTS) if is_quick else (CALLS, POINTS)
    found = Findings(calls=calls, points=points, is_quick=is_quick)
    cases = [case for case in CASES if case.peer in who and not (case.is_long and is_quick)]
    peers = [peer for peer in PEERS if peer in who]
    if "imports" in topics:
        for peer in peers:
            tell(f"import and size of {peer}")
            found.installed[peer] = installed(peer)
    if "calls" in topics:
        limit_s = QUICK_LIMIT_S if is_quick else CALLS_LIMIT_S
        for number in range(rounds):
            for case in cases:
                if not (case.is_once and number):
                    tell(f"calls, round {number + 1} of {rounds}: {case.key}")
                    attempt(found, found.calls_of, case, case.few or calls, limit_s)
    if "stored" in topics:
        for number in range(rounds):
            for case in cases:
                if case.is_stored and not (case.is_once and number):
                    tell(f"stored, round {number + 1} of {rounds}: {case.key}")
                    attempt(found, found.stored_of, case, case.few_stored or points // 2, STORED_LIMIT_S)
    return found


def attempt(found: Findings, into: dict[str, list[Outcome]], case: Case, calls: int, limit_s: float) -> None:
    """One program; what went wrong is noted."""
    with tempfile.TemporaryDirectory(prefix="mlkeep-bench-", ignore_cleanup_errors=True) as folder:
        try:
            outcome = outcome_of(case, calls, limit_s, Path(folder), counts=into is found.stored_of)
        except FAILURES as error:
            traceback.print_exc()
            last = str(error).strip().rpartition("\n")[2]
            found.note(f"{case.who} ({case.key}) failed: {type(error).__name__}: {last[:300]}")
            return
    if outcome.stored is not None and outcome.stored != 2 * outcome.calls:
        found.note(
            f"{case.who} ({case.key}): of {2 * outcome.calls:,} points {outcome.stored:,} were found afterwards."
        )
    into.setdefault(case.key, []).append(outcome)


def installed(peer: str) -> Installed:
    """How long it takes to be imported, the median of several fresh processes, and what it takes on disk."""
    one = library(peer)
    module, names = PEERS[peer]
    script = _TIMED_IMPORT.replace("LIBRARY", module).replace("NAMES", names)
    with tempfile.TemporaryDirectory(prefix="mlkeep-bench-") as folder:
        env = environment(peer, Path(folder))
        told = [output_of([str(one.python), "-c", script], env=env, cwd=Path(folder)) for _ in range(IMPORTS + 1)]
        size, packages = (int(text) for text in output_of([str(one.python), "-c", _SIZE], env=env).split())
    # What a library says comes before; the first time does not count, as the files are not in memory then.
    times = [[float(line) for line in text.split()[-2:]] for text in told[1:]]
    if peer == "mlkeep":  # it is not installed, but lies beside
        size += sum(file.stat().st_size for file in (ROOT / "src").rglob("*") if file.is_file())
        packages += 1
    imported, at_hand = (statistics.median(column) for column in zip(*times, strict=True))
    return Installed(one.version, imported, at_hand, size, packages)


def surroundings() -> str:
    """When and where this is measured."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
        f"{memory:.0f} GiB of memory, Python {platform.python_version()}, load average before: {load}."
    )


def tell(progress: str) -> None:
    print(f"... {progress}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=get_args(Topic), help="measure this topic; may be repeated")
    parser.add_argument("--who", action="append", choices=list(PEERS), help="measure this library; may be repeated")
    parser.add_argument("--rounds", type=int, help="rounds of calls and of what is stored")
    parser.add_argument("--quick", action="store_true", help="few calls in one round, to see that it works")
    parser.add_argument("--page", type=Path, help="write the page here")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write the page if all was measured."""
    given = _arguments()
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    who, topics = given.who or list(PEERS), given.only or list(get_args(Topic))
    tell("the libraries (they are installed the first time, which takes minutes)")
    for peer in who:
        library(peer)
    before, started = surroundings(), time.monotonic()
    rounds = given.rounds or (1 if given.quick else ROUNDS)
    found = measure(topics, who, rounds, is_quick=given.quick)
    minutes = (time.monotonic() - started) / 60
    told = f"Medians of {rounds} rounds in turns" if rounds > 1 else "One round"
    found.surroundings = [before, f"{told}; {minutes:.0f} minutes in all."]
    page = sdk_report.page(found)
    print(page)
    is_whole = not given.only and not given.who and not given.quick
    if place := given.page or (PAGE if is_whole else None):
        place.write_text(page)
    sys.exit(bool(found.notes))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
