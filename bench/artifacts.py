"""Moving artifacts: mlkeep beside the newest official MLflow, and both beside a plain copy and `rclone copy`.

A file of 1 GB and a folder of 10,000 files of 4 KB go up and come down: through the server, straight into a folder, and
straight into an S3 endpoint (`rclone serve s3`). Contestants take turns; the medians over the rounds are shown. Then the
memory that a server needs for eight uploads at once.

Both servers write without waiting for the disk, and everything fits into the memory of the system, so this measures
programs, not disks. Nothing goes up twice in one experiment: mlkeep would not send it again.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.environments import Library, newest, output_of, plain_environment
from bench.objectstore import KEY_ID, SECRET, S3Server
from bench.processes import MlflowServer, MlkeepServer
from mlkeep.version import __version__

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
LARGE_BYTES = 1024**3
SMALL_FILES, SMALL_BYTES = 10_000, 4096
UPLOADS_AT_ONCE = 8
LIMIT_S = 1800
MIB = 1024 * 1024
RCLONE = str(Path(sys.executable).parent / "rclone")

_SEND = """
import http.client, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.hostname, url.port)
connection.request("PUT", url.path, open(sys.argv[2], "rb"))
sys.exit(connection.getresponse().status != 200)
"""

MEASURES = ("large up", "large down", "small up", "small down")


@dataclass
class Way:
    """A way that files take, and how long each measure took in each round, for each who takes part."""

    name: str
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def note(self, who: str, taken: dict[str, float]) -> None:
        """Add the seconds of a round."""
        mine = self.seconds.setdefault(who, {measure: [] for measure in MEASURES})
        for measure, seconds in taken.items():
            mine[measure].append(seconds)


@dataclass(frozen=True)
class Files:
    """What is moved."""

    large: Path
    small: Path


def make_files(folder: Path) -> Files:
    """Random bytes: nothing on the way can make them shorter."""
    large, small = folder / "large.bin", folder / "small"
    source = random.Random(1)
    with large.open("wb") as file:
        for _ in range(LARGE_BYTES // MIB):
            file.write(source.randbytes(MIB))
    small.mkdir()
    for number in range(SMALL_FILES):
        (small / f"{number:05}.bin").write_bytes(source.randbytes(SMALL_BYTES))
    return Files(large, small)


def by_client(library: Library, url: str, location: str, files: Files, scratch: Path, env: dict[str, str]) -> Taken:
    """One round of a library's client."""
    scratch.mkdir(parents=True, exist_ok=True)
    command = [str(library.python), str(Path(__file__).with_name("artifact_client.py")), library.name, url]
    command += [f"e{time.time_ns()}", location, str(files.large), str(files.small), str(scratch)]
    quiet = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLKEEP_CACHE_MAX_BYTES": "0"}
    answer = output_of(command, env={**plain_environment(), **quiet, **env}, limit_s=LIMIT_S)
    taken: Taken = json.loads(answer.splitlines()[-1])
    return taken


Taken = dict[str, float]


def by_commands(
    up: Callable[[Path], list[str]],
    down: Callable[[Path, Path], list[str]],
    files: Files,
    scratch: Path,
    env: dict[str, str],
) -> Taken:
    """One round of a command that copies: what no client can be faster than by much."""
    taken = {}
    for measure, source in (("large", files.large), ("small", files.small)):
        target = scratch / "down"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for direction, command in (("up", up(source)), ("down", down(source, target))):
            started = time.perf_counter()
            subprocess.run(command, check=True, env={**os.environ, **env}, capture_output=True, timeout=LIMIT_S)
            taken[f"{measure} {direction}"] = time.perf_counter() - started
        shutil.rmtree(target)
    return taken


def plain_copy(files: Files, scratch: Path) -> Taken:
    """`cp` into a folder and out of it."""
    store = scratch / "store"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    taken = by_commands(
        lambda source: ["cp", "-r", str(source), str(store)],
        lambda source, target: ["cp", "-r", str(store / source.name), str(target)],
        files,
        scratch,
        {},
    )
    shutil.rmtree(store)
    return taken


def rclone_copy(s3: S3Server, files: Files, scratch: Path) -> Taken:
    """`rclone copy` to the endpoint and back, with its own settings but for the checks that cost a request a file."""
    settings = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": s3.url}
    settings |= {"ACCESS_KEY_ID": KEY_ID, "SECRET_ACCESS_KEY": SECRET}
    place = f"bench:{s3.new_bucket()}/copied"
    quick = ["--s3-no-check-bucket", "--transfers", "8", "--config", os.devnull]
    return by_commands(
        lambda source: [RCLONE, "copy", *quick, str(source), f"{place}/{source.name}"],
        lambda source, target: [RCLONE, "copy", *quick, f"{place}/{source.name}", str(target)],
        files,
        scratch,
        {f"RCLONE_CONFIG_BENCH_{name}": value for name, value in settings.items()},
    )


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """A folder that is empty at first and gone afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(ours: Library, official: Library, files: Files, folder: Path) -> list[Way]:
    """All rounds of all ways."""
    proxied, into_folder, to_s3 = Way("through the server"), Way("straight into a folder"), Way("straight to S3")
    names = {ours: f"mlkeep {ours.version}", official: f"MLflow {official.version}"}
    for number in range(ROUNDS):
        for library in (ours, official):
            tell(f"round {number + 1} of {ROUNDS}: {names[library]}")
            with fresh(folder / "round") as place, ExitStack() as stack:
                server = started(library, place / "server")
                stack.callback(server.end)
                s3 = S3Server()
                stack.callback(s3.remove)
                for way, location, env in (
                    (proxied, "", {}),
                    (into_folder, (place / "direct").as_uri(), {}),
                    (to_s3, f"s3://{s3.new_bucket()}/runs", s3.variables),
                ):
                    taken = by_client(library, server.url, location, files, place / "scratch", env)
                    way.note(names[library], taken)
        tell(f"round {number + 1} of {ROUNDS}: plain copies")
        with fresh(folder / "round") as place:
            copied = plain_copy(files, place)
            proxied.note("`cp`", copied)
            into_folder.note("`cp`", copied)
        with fresh(folder / "round") as place, ExitStack() as stack:
            s3 = S3Server()
            stack.callback(s3.remove)
            to_s3.note("`rclone copy`", rclone_copy(s3, files, place))
    return [proxied, into_folder, to_s3]


def started(library: Library, folder: Path) -> MlkeepServer | MlflowServer:
    """A server of this library that keeps artifacts in a folder."""
    return MlflowServer(library, folder) if library.name == "mlflow" else MlkeepServer(folder)


def memory_of_uploads(library: Library, files: Files, folder: Path) -> int:
    """By how many bytes a server grows at the most while eight clients each send it the large file."""
    with fresh(folder / "memory") as place:
        server = started(library, place / "server")
        try:
            send(server, files.small / "00000.bin", "warm-up")
            before, most = server.resident_bytes(), 0
            senders = [
                threading.Thread(target=send, args=(server, files.large, f"{number}.bin"))
                for number in range(UPLOADS_AT_ONCE)
            ]
            for sender in senders:
                sender.start()
            while any(sender.is_alive() for sender in senders):
                most = max(most, server.resident_bytes())
                time.sleep(0.02)
            return most - before
        finally:
            server.end()


def send(server: MlkeepServer | MlflowServer, file: Path, name: str) -> None:
    """PUT a file from a process of its own, so that the sender's memory and time are not ours."""
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/0/{name}"
    subprocess.run([sys.executable, "-c", _SEND, url, str(file)], check=True, timeout=LIMIT_S)


def table(ways: list[Way]) -> str:
    """The results as Markdown: speeds, and how many times the other's ours are."""
    lines = []
    for way in ways:
        names = list(way.seconds)
        lines += [f"| {way.name} | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        for measure in MEASURES:
            amount, unit = (LARGE_BYTES / 1e6, "MB/s") if measure.startswith("large") else (SMALL_FILES, "files/s")
            speeds = [amount / statistics.median(way.seconds[name][measure]) for name in names]
            cells = [f"{speeds[0]:,.0f} {unit}"]
            cells += [f"{speed:,.0f} {unit} (ours {speeds[0] / speed:.2g}×)" for speed in speeds[1:]]
            title = measure.replace("large", "1 GB").replace("small", "10,000 × 4 KB")
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def tell(progress: str) -> None:
    print(f"... {progress}", file=sys.stderr)


def main() -> None:
    """Measure and print."""
    tell("the official MLflow (it is installed the first time, which takes minutes)")
    ours, official = Library(Path(sys.executable), __version__, "mlkeep"), newest(3)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    with tempfile.TemporaryDirectory(prefix="mlkeep-bench-") as scratch:
        folder = Path(scratch)
        tell("making the files")
        files = make_files(folder)
        ways = measure(ours, official, files, folder)
        tell(f"memory at {UPLOADS_AT_ONCE} uploads at once")
        growth = {library.name: memory_of_uploads(library, files, folder) for library in (ours, official)}
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} CPUs, load average before: {load}. Medians of {ROUNDS} rounds.\n"
    )
    print(table(ways))
    print(
        f"Memory that a server takes on at {UPLOADS_AT_ONCE} uploads of 1 GB at once: mlkeep "
        f"{growth['mlkeep'] / MIB:,.0f} MiB, MLflow {growth['mlflow'] / MIB:,.0f} MiB."
    )


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as error:
        sys.exit(f"it took too long: {error}")
