"""Files of all sizes, up to 5 GB, and a folder of 10,000, there and back: by every way, by our client and the official ones.

Run by `make test-large`; it takes some minutes and 16 GB of disk.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.environments import Library, newest
from bench.objectstore import S3Server
from bench.processes import MlkeepServer
from mlkeep.sdk.client import MlkeepClient
from mlkeep.version import __version__
from tests.large.round_trip import digest

pytestmark = pytest.mark.large

MIB = 1024 * 1024
SIZES = {"empty.bin": 0, "one.bin": 1, "medium.bin": 5 * MIB, "large.bin": 200 * MIB}
HUGE_BYTES = 5 * 1024 * MIB
WAYS = ("folder, proxied", "folder, direct", "S3, proxied", "S3, direct")

SCRIPT = Path(__file__).with_name("round_trip.py")


def write_random(file: Path, size: int) -> None:
    """Fill a file with bytes that cannot be made shorter, and that differ from block to block."""
    block = random.Random(size).randbytes(MIB)
    with file.open("wb") as opened:
        for number in range(-(-size // MIB)):
            opened.write((number.to_bytes(8, "big") + block[8:])[: size - number * MIB])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each size but the largest, and the folder `many` with 10,000 small ones."""
    folder = tmp_path_factory.mktemp("files")
    for name, size in SIZES.items():
        write_random(folder / name, size)
    many = folder / "many"
    for number in range(10_000):
        inner = many / f"{number % 10}"
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"{number}.bin").write_bytes(b"%d " % number * (number % 1000))
    return folder


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of 5 GB."""
    folder = tmp_path_factory.mktemp("huge")
    if (free := shutil.disk_usage(folder).free) < 3.2 * HUGE_BYTES:
        pytest.skip(f"this test needs 16 GB of disk, and there are {free / 1e9:.0f}")
    write_random(folder / "huge.bin", HUGE_BYTES)
    yield folder / "huge.bin"
    shutil.rmtree(folder)


@dataclass
class Place:
    """A server, an experiment whose artifacts go one of the ways, and where its client finds S3."""

    server: MlkeepServer
    experiment_id: str
    environment: dict[str, str]

    def round_trip(self, library: Library, scratch: Path, *sources: Path) -> int:
        """Send and fetch; what came must be what went. The most memory the client had, in bytes."""
        arguments = [library.name, self.server.url, self.experiment_id, str(scratch), *map(str, sources)]
        quiet = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "PYTHONPATH": str(SCRIPT.parents[2])}
        told = json.loads(library.run(SCRIPT, *arguments, env={**self.environment, **quiet}).splitlines()[-1])
        for source in sources:
            size, sha256 = digest(source)
            listed = None if source.is_dir() else size
            # MLflow's proxy protocol does not tell the size of an empty file, and its client gives None or 0 for it.
            assert told["fetched"][source.name][1:] == [size, sha256]
            assert told["fetched"][source.name][0] == listed or not size
        peak: int = told["peak_bytes"]
        return peak


@pytest.fixture(params=WAYS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    store, _, way = request.param.partition(", ")
    with ExitStack() as stack:
        environment: dict[str, str] = {}
        root = (tmp_path / "store").as_uri()
        if store == "S3":
            s3 = S3Server()
            stack.callback(s3.remove)
            environment, root = s3.variables, f"s3://{s3.new_bucket()}/artifacts"
        options = ["--artifacts-destination", root] if way == "proxied" else []
        server = MlkeepServer(tmp_path / "server", *options, env=environment)
        stack.callback(server.end)
        location = "" if way == "proxied" else root
        experiment_id = MlkeepClient(server.url).create_experiment("round trips", artifact_location=location or None)
        yield Place(server, experiment_id, environment if way == "direct" else {})
        assert server.stop() == 0
    shutil.rmtree(tmp_path)


def ours() -> Library:
    """This interpreter's mlkeep."""
    return Library(Path(sys.executable), __version__, "mlkeep")


def test_files_of_all_sizes_and_folders_go_there_and_back(place: Place, files: Path, tmp_path: Path) -> None:
    place.round_trip(ours(), tmp_path / "scratch", *sorted(files.iterdir()))


@pytest.mark.parametrize("major", [2, 3])
def test_so_they_do_by_the_official_clients(place: Place, files: Path, tmp_path: Path, major: int) -> None:
    sources = [files / name for name in SIZES] + [files / "many" / "7"]
    place.round_trip(newest(major), tmp_path / "scratch", *sources)


def test_five_gigabytes_need_little_memory_in_client_and_server(place: Place, huge: Path, tmp_path: Path) -> None:
    place.round_trip(ours(), tmp_path / "scratch", SCRIPT)  # what both need for anything
    before = place.server.resident_bytes()
    peak = place.round_trip(ours(), tmp_path / "scratch", huge)
    assert peak < 300 * MIB
    assert place.server.resident_bytes() - before < 64 * MIB
