"""mlkeep beside the newest official MLflow: starting, memory, logging a metric, importing. Prints a Markdown table.

Servers run one at a time, in turns, and the medians over the rounds are shown. Each library runs from a virtualenv of its
own; MLflow's is made on first use.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.environments import Library, newest, output_of, plain_environment
from bench.load import Load
from bench.processes import ServerProcess, free_port, is_healthy, mlkeep_server
from mlkeep.version import __version__

ROUNDS = 3
IMPORTS = 5
CONNECTIONS = (1, 16)
MAX_REQUESTS = 20_000
LOAD_S = 1.5
SETTLE_LIMIT_S = 20

_TIMED_IMPORT = """
import time
started = time.perf_counter()
import LIBRARY
print(time.perf_counter() - started)
LIBRARY.start_run, LIBRARY.log_metric
print(time.perf_counter() - started)
"""


@dataclass
class Contestant:
    """A server as it is started, and what was measured of it."""

    name: str
    library: Library
    command: list[str]
    start_s: list[float] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)
    processes: int = 0
    loads: dict[int, list[Load]] = field(default_factory=lambda: {count: [] for count in CONNECTIONS})

    def start(self, folder: Path) -> tuple[ServerProcess, int]:
        """A running server on a fresh folder, and its port; notes how long it took until it was healthy."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        port = free_port()
        command = [part.replace("FOLDER", str(folder)) for part in self.command]
        started = time.perf_counter()
        server = ServerProcess(
            [*command, "--port", str(port)], folder / "server.log", env=plain_environment(), cwd=folder
        )
        try:
            server.until(lambda: is_healthy(port))
        except AssertionError:
            server.end()
            raise
        self.start_s.append(time.perf_counter() - started)
        return server, port


def contestants(ours: Library, official: Library) -> list[Contestant]:
    """Who takes part; ours in the setting it comes with stands first, and the others are compared with it."""
    mlkeep = mlkeep_server("sqlite:///FOLDER/mlkeep.db")
    mlflow = [str(official.python), "-m", "mlflow", "server"]
    mlflow += ["--backend-store-uri", "sqlite:///FOLDER/mlflow.db", "--artifacts-destination", "FOLDER/artifacts"]
    return [
        Contestant(f"mlkeep {ours.version}", ours, mlkeep),
        Contestant(f"mlkeep {ours.version}, `--durability full`", ours, [*mlkeep, "--durability", "full"]),
        Contestant(f"MLflow {official.version}, `--workers 1`", official, [*mlflow, "--workers", "1"]),
        Contestant(f"MLflow {official.version}, as it comes (4 workers)", official, mlflow),
    ]


def measure_servers(all_of_them: list[Contestant], folder: Path) -> None:
    """In each round every server is started, comes to rest, is weighed, loaded and killed."""
    for number in range(ROUNDS):
        for contestant in all_of_them:
            tell(f"round {number + 1} of {ROUNDS}: {contestant.name}")
            server, port = contestant.start(folder / "fresh")
            try:
                settle(server)
                contestant.resident_bytes.append(server.resident_bytes())
                contestant.processes = len(server.family())
                for connections in CONNECTIONS:
                    contestant.loads[connections].append(load_on(port, connections))
            finally:
                server.end()


def settle(server: ServerProcess) -> None:
    """Wait until a server that is healthy has ended what it does in the background at first: MLflow starts jobs."""
    ends = time.monotonic() + SETTLE_LIMIT_S
    used = server.cpu_seconds()
    while time.monotonic() < ends:
        time.sleep(1)
        before, used = used, server.cpu_seconds()
        if used - before < 0.1:
            return


def load_on(port: int, connections: int) -> Load:
    """One load, from a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("load.py"))]
    arguments = [str(port), str(connections), str(MAX_REQUESTS), str(LOAD_S)]
    return msgspec.json.decode(output_of([*command, *arguments], env=plain_environment()), type=Load)


def measure_imports(libraries: list[Library]) -> list[tuple[float, float]]:
    """Median seconds until each library is imported, and until its functions are at hand; both may load lazily.

    Their files are in the cache of the system by then.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in libraries]
    for _ in range(IMPORTS + 1):
        for library, times in zip(libraries, taken, strict=True):
            command = [str(library.python), "-c", _TIMED_IMPORT.replace("LIBRARY", library.name)]
            imported, at_hand = output_of(command, env=plain_environment()).split()
            times.append((float(imported), float(at_hand)))
    return [
        (statistics.median(first for first, _ in times[1:]), statistics.median(second for _, second in times[1:]))
        for times in taken
    ]


def table(all_of_them: list[Contestant], imports: dict[str, tuple[float, float]]) -> str:
    """The results as Markdown."""
    lines = [
        "| | " + " | ".join(each.name for each in all_of_them) + " |",
        "|---|" + "---|" * len(all_of_them),
        row("start to healthy, fresh folder", [statistics.median(each.start_s) for each in all_of_them], seconds),
        row("memory at rest", [statistics.median(each.resident_bytes) / 2**20 for each in all_of_them], mebibytes),
        row("processes", [each.processes for each in all_of_them], str, ratios=False),
    ]
    for count in CONNECTIONS:
        told = f"`log-metric`, {count} connection{'s' if count > 1 else ''}"
        loads = [each.loads[count] for each in all_of_them]
        lines.append(row(told, [statistics.median(load.per_second for load in them) for them in loads], per_second))
        lines.append(row(f"{told}, p50", [statistics.median(load.p50_ms for load in them) for them in loads], millis))
    for number, title in enumerate(("`import`", "`import` and look up `start_run`, `log_metric`")):
        lines.append(row(title, [imports[each.library.name][number] for each in all_of_them], seconds))
    return "\n".join(lines)


def row(title: str, values: list[float], spell: Callable[[float], str], *, ratios: bool = True) -> str:
    """A line of the table, with how many times the first value each other one is."""
    cells = [spell(values[0])]
    for value in values[1:]:
        ratio = value / values[0]
        times = f"1/{1 / ratio:.0f}" if ratio < 0.1 else f"{ratio:.1f}×" if ratio < 10 else f"{ratio:.0f}×"
        cells.append(f"{spell(value)} ({times})" if ratios else spell(value))
    return f"| {title} | " + " | ".join(cells) + " |"


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def millis(value: float) -> str:
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms"


def mebibytes(value: float) -> str:
    return f"{value:,.0f} MiB"


def per_second(value: float) -> str:
    return f"{value:,.0f}/s"


def surroundings() -> str:
    """Where and when this was measured."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load average before: {load}."
    )


def tell(progress: str) -> None:
    print(f"... {progress}", file=sys.stderr)


def main() -> None:
    """Measure and print."""
    tell("the official MLflow (it is installed the first time, which takes minutes)")
    ours, official = Library(Path(sys.executable), __version__, "mlkeep"), newest(3)
    before, started = surroundings(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlkeep-bench-") as folder:
        all_of_them = contestants(ours, official)
        tell("imports")
        imports = measure_imports([ours, official])
        measure_servers(all_of_them, Path(folder))
    print(f"\n{before}\n")
    print(table(all_of_them, {"mlkeep": imports[0], "mlflow": imports[1]}))
    print(
        f"\nMedians of {ROUNDS} rounds, loads of up to {LOAD_S} s, and of {IMPORTS} imports, in turns; "
        f"{time.monotonic() - started:.0f} s in all. Every answer comes after its commit. Ratios are to the first column."
    )


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as error:
        sys.exit(f"it took too long: {error}")
