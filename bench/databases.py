"""Filled databases, made once for a version and a size and kept below `.cache/bench/filled`; who uses one copies it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

import mlkeep
from bench import content, filling, rows
from bench.environments import ROOT
from bench.figures import Scale
from bench.load import BATCH_POINTS, Load, Plan
from bench.peers import Contestant, Running, running

CACHE = ROOT / ".cache" / "bench" / "filled"
FILL_LIMIT_S = 1000
SEED = 1
"""Of `filling.generated`: that of the experiment which `filling.fill` makes first, whose id is 1."""


class Filled(msgspec.Struct, frozen=True):
    """What a filled database has. `runs` are the ids of the runs with few and with many points."""

    experiment_id: str = "0"
    few_run: str = ""
    many_run: str = ""
    bytes_per_point: float = 0


def with_runs(contestant: Contestant, runs: int, scratch: Path) -> tuple[Path, Filled]:
    """The runs of `bench.filling`, for all the same."""

    def fill(one: Running) -> Filled:
        if contestant.is_ours:
            one.stop()
            return Filled(filling.fill(one.url, runs).experiment_id)
        pattern = one.load(Plan(0, "runs", 1, 1, 60, warm_up=False)).run_id
        one.stop()
        tables = rows.PostgresTables(one.url) if contestant.on_postgres else rows.SqliteTables(str(one.sqlite_file))
        rows.fill(tables, pattern, runs, SEED)
        return Filled()

    return _kept(contestant, f"runs-{runs}", scratch, fill)


def with_points(contestant: Contestant, scale: Scale, scratch: Path) -> tuple[Path, Filled]:
    """A run with few points and one with many, sent in batches of 1,000 through the API."""

    def fill(one: Running) -> Filled:
        few, many = (_logged(one, points) for points in (scale.few_points, scale.many_points))
        one.stop()
        taken = one.database_bytes() - empty_bytes(contestant, scratch)
        return Filled("0", few.run_id, many.run_id, taken / (scale.few_points + scale.many_points))

    return _kept(contestant, f"points-{scale.few_points}-{scale.many_points}", scratch, fill)


def _logged(one: Running, points: int) -> Load:
    load = one.load(Plan(0, "log-batch", 1, points // BATCH_POINTS, FILL_LIMIT_S, warm_up=False))
    if load.units * BATCH_POINTS != points:
        raise TimeoutError(f"{one.contestant.name} took more than {FILL_LIMIT_S} s for {points} points")
    return load


def empty_bytes(contestant: Contestant, scratch: Path) -> int:
    """What a database takes in which nothing is but the tables, and one run with one point."""
    with running(contestant, scratch / "empty") as one:
        one.load(Plan(0, "log-metric", 1, 1, 60, warm_up=False))
        one.stop()
        return one.database_bytes()


def _kept(contestant: Contestant, what: str, scratch: Path, fill: Callable[[Running], Filled]) -> tuple[Path, Filled]:
    database = "postgresql" if contestant.on_postgres else "sqlite"
    kind = f"{contestant.system.lower()}-{database}-{what}"
    place = CACHE / f"{kind}-{contestant.version}-{_digest(contestant)}"
    told = place / "filled.json"
    if not told.exists():
        for outdated in CACHE.glob(f"{kind}-*"):
            shutil.rmtree(outdated)
        building = place.with_name(f"{place.name}.building")
        with running(contestant, scratch / "fill") as one:
            filled = fill(one)
            CACHE.mkdir(parents=True, exist_ok=True)
            building.mkdir()
            one.leave(building / "database")
        (building / "filled.json").write_bytes(msgspec.json.encode(filled))
        building.rename(place)
    return place / "database", msgspec.json.decode(told.read_bytes(), type=Filled)


def _digest(contestant: Contestant) -> str:
    """Of the code that decides what lies in the database."""
    files = [Path(str(module.__file__)) for module in (content, filling, rows)]
    if contestant.is_ours:
        files += sorted((Path(mlkeep.__file__).parent / "storage").rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
