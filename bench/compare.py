"""mlkeep beside FastTrackML and the official MLflow: measures, prints a table, and writes docs/benchmarks.md.

`python -m bench.compare --only searching --rounds 1` measures a part, `--quick` all of it with small sizes; neither
writes the page unless `--page` says where.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import psutil  # type: ignore[import-untyped]  # no stubs in the development environment

from bench import histories, imports, report, searching, sizes, writing
from bench.environments import ROOT
from bench.figures import FULL, QUICK, Column, Results, Scale, Topic
from bench.load import UnexpectedAnswerError
from bench.peers import POSTGRES, Contestant, contestants

PAGE = ROOT / "docs" / "benchmarks.md"
ROUNDS: dict[Topic, int] = {"imports": 1, "writing": 3, "searching": 2, "histories": 2, "sizes": 1}
"""Where fewer, a value of a round is itself the median of several, or is the same each time."""

QUICK_WITHOUT = ("ours-full", "mlflow", "mlflow-pg")
LOGGING_ONLY = ("ours-full", "mlflow")
"""Settings that make no difference to one client that reads, or only that of the delayed acknowledgements."""

FAILURES = (UnexpectedAnswerError, AssertionError, OSError, http.client.HTTPException, subprocess.SubprocessError)
"""What of one server is no reason to throw away what was measured of the others."""

NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


class Measurements:
    """Values of all rounds, and what there is to say about them."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.bounds: set[tuple[str, str]] = set()
        self.notes: list[str] = []
        self.has_failures = False
        self.was_ended = False

    def record(self, figure: str, contestant: str, value: float) -> None:
        """Add the value of a round."""
        self._values[figure][contestant].append(value)

    def record_bound(self, figure: str, contestant: str, least: float) -> None:
        """Say that the value of a round is more than this."""
        self.bounds.add((figure, contestant))
        self.record(figure, contestant, least)

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def fail(self, topic: Topic, contestant: Contestant, error: BaseException) -> None:
        """Say that what is missing of a contestant is missing because it failed."""
        self.has_failures = True
        last = str(error).strip().rpartition("\n")[2]
        self.note(f"{contestant.name} failed in {topic}: {type(error).__name__}: {last[:300]}")

    def medians(self) -> dict[str, dict[str, float]]:
        """By figure and contestant."""
        return {
            figure: {key: statistics.median(values) for key, values in of_figure.items()}
            for figure, of_figure in self._values.items()
        }


def measure(rounds: dict[Topic, int], taking_part: list[Contestant], scale: Scale, folder: Path) -> Measurements:
    """All topics one after the other, in each of them round by round everyone."""
    found = Measurements()
    if "imports" in rounds:
        tell("imports")
        imports.measure(found.record)
    for topic, count in rounds.items():
        for number in range(count):
            for one in taking_part:
                if topic == "imports" or (topic != "writing" and one.key in LOGGING_ONLY):
                    continue
                tell(f"{topic}, round {number + 1} of {count}: {one.name}")
                try:
                    measure_one(topic, one, scale, folder, found)
                except FAILURES as error:
                    traceback.print_exc()
                    found.fail(topic, one, error)
                except (KeyboardInterrupt, SystemExit) as ended:
                    found.fail(topic, one, ended)
                    found.was_ended = True
                    return found
    return found


def measure_one(topic: Topic, contestant: Contestant, scale: Scale, folder: Path, found: Measurements) -> None:
    """One round of one contestant."""
    match topic:
        case "writing":
            writing.measure(contestant, folder, scale, found.record, found.note)
        case "searching":
            for size, runs in (("few", scale.few_runs), ("many", scale.many_runs)):
                searching.measure(quiet(contestant), folder, runs, size, found.record, found.record_bound)
        case "histories":
            histories.measure(quiet(contestant), folder, scale, found.record)
        case "sizes":
            sizes.measure(quiet(contestant), folder, scale, found.record, found.note)
        case "imports":
            raise ValueError("imports are measured for all at once")


def quiet(contestant: Contestant) -> Contestant:
    """MLflow without its background jobs: where they are not what is measured, it comes to rest sooner."""
    return contestant.with_env(NO_JOBS) if contestant.system == "MLflow" else contestant


def columns(taking_part: list[Contestant]) -> list[Column]:
    """The columns of the table; each is compared with ours on the same database."""
    return [
        Column(one.key, one.name, one.durability, one.is_ours, "ours-pg" if one.on_postgres else "ours")
        for one in taking_part
    ]


def surroundings() -> list[str]:
    """When and where this is measured."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    memory = psutil.virtual_memory().total / 2**30
    return [
        (
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
            f"{memory:.0f} GiB of memory, load average before: {load}."
        ),
        (
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} (FastTrackML brings its own), "
            f"PostgreSQL {POSTGRES} on the same machine."
        ),
    ]


def tell(progress: str) -> None:
    print(f"... {progress}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=get_args(Topic), help="measure this topic; may be repeated")
    parser.add_argument(
        "--who", action="append", help="the key of a contestant, such as ours or mlflow-1; may be repeated"
    )
    parser.add_argument("--rounds", type=int, help="rounds of each topic")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round, to see that it works")
    parser.add_argument("--page", type=Path, help="write the page here")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write the page if all was measured."""
    given = _arguments()
    # Whoever ends this ends what it started, too, and what it wrote.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    tell("the peers (they are installed the first time, which takes minutes)")
    without = QUICK_WITHOUT if given.quick else ()
    taking_part = [one for one in contestants() if one.key in (given.who or {one.key} - set(without))]
    topics = [topic for topic in ROUNDS if not given.only or topic in given.only]
    rounds = {topic: given.rounds or (1 if given.quick else ROUNDS[topic]) for topic in topics}
    scale = QUICK if given.quick else FULL
    told, started = surroundings(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlkeep-bench-", ignore_cleanup_errors=True) as folder:
        found = measure(rounds, taking_part, scale, Path(folder))
    minutes = (time.monotonic() - started) / 60
    counted = ", ".join(f"{topic} {count}" for topic, count in rounds.items() if topic != "imports")
    told.append(
        f"Medians of rounds in turns ({counted}), loads of up to {scale.load_s} s; {minutes:.0f} minutes in all."
    )
    results = Results(told, columns(taking_part), found.medians(), found.notes, scale, found.bounds)
    page = report.page(results)
    print(page)
    is_whole = not given.only and not given.who and not given.quick and not found.was_ended
    if place := given.page or (PAGE if is_whole else None):
        place.write_text(page)
    sys.exit(found.has_failures)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
