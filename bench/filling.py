"""Databases of mlkeep with many runs, written straight into the tables.

What is written is what logging would leave behind: points, latest points, params, tags, counters. It is the same for a
seed on every kind of database.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from mlkeep.core.states import RunStatus
from mlkeep.storage.sql.counters import meeting, recounting
from mlkeep.storage.sql.dialect.urls import file_of
from mlkeep.storage.sql.schema import ACTIVE, DELETED
from mlkeep.storage.sql.storage import SqlStorage

START_MS = 1_700_000_000_000
EVERY_MS = 500
"""Two runs begin in a second, some of them at the same time."""

RUNS_PER_PART = 5_000
OTHERS = 3
"""Experiments beside the one that is searched, each with a twentieth of its runs, under the same keys."""

METRICS = ["loss", "accuracy", "epochs", "diverging", *(f"metric-{i:02}" for i in range(4, 20))]
"""`epochs` has few values, `diverging` is NaN in some runs; a run without "metric-19" has "rare" in its place."""

PARAMS = ["optimizer", "batch_size", "layers", "lr", *(f"param-{i:02}" for i in range(4, 20))]
"""`optimizer`, `batch_size`, `layers` and those up to "param-09" have few values, `lr` has a thousand, others a million."""

TAGS = ["mlflow.runName", "mlflow.user", "mlflow.source.name", "team", "note"]
RARE = "rare"
RARE_EVERY = 50
DELETED_EVERY = 40
NAN_SHARE = 0.03

OPTIMIZERS = ["adam", "sgd", "rmsprop"]
TEAMS = ["red", "green", "blue", "yellow"]
USERS = ["ann", "bob", "cho"]
STATUSES = [RunStatus.FINISHED] * 17 + [RunStatus.FAILED] * 2 + [RunStatus.RUNNING]

_BIG = ("metric_tail", "latest_metrics", "params", "run_tags", "runs")
_COLUMNS = {
    "runs": (
        *("id", "run_id", "experiment_id", "name", "user_id", "status", "start_ms", "end_ms", "lifecycle"),
        *("deleted_ms", "artifact_uri"),
    ),
    "metric_tail": ("run_id", "key_id", "step", "timestamp_ms", "value"),
    "latest_metrics": ("run_id", "key_id", "step", "timestamp_ms", "value", "experiment_id"),
    "params": ("run_id", "key_id", "value", "experiment_id"),
    "run_tags": ("run_id", "key_id", "value", "experiment_id"),
}


@dataclass(frozen=True)
class Filled:
    """What is in a database: the experiment with the runs, those beside it, and the keys its runs have values under."""

    url: str
    experiment_id: str
    others: list[str]
    runs: int
    metrics: list[str] = field(default_factory=lambda: [*METRICS, RARE])
    params: list[str] = field(default_factory=lambda: list(PARAMS))
    tags: list[str] = field(default_factory=lambda: list(TAGS))


@dataclass(frozen=True)
class Part:
    """Some runs, by column: `metrics[i]` has the value of each run under key i of METRICS, texts the like."""

    numbers: range
    names: list[str]
    statuses: list[int]
    starts: list[int]
    metrics: list[list[float | None]]
    params: list[list[str]]
    tags: list[list[str]]

    def metric_key(self, i: int, number: int) -> str:
        """The key of a run's metric i."""
        return RARE if i == len(METRICS) - 1 and number % RARE_EVERY == 0 else METRICS[i]


def generated(runs: int, seed: int) -> Iterator[Part]:
    """Runs numbered from 0, in parts. The values of a run depend on the seed and on how many there are."""
    chance = np.random.default_rng(seed)
    for begin in range(0, runs, RUNS_PER_PART):
        numbers = range(begin, min(begin + RUNS_PER_PART, runs))
        yield _part(numbers, chance)


def _part(numbers: range, chance: np.random.Generator) -> Part:
    size = len(numbers)
    metrics: list[list[float | None]] = [chance.random(size).tolist() for _ in METRICS]
    metrics[2] = chance.integers(1, 11, size).astype(float).tolist()
    metrics[3] = [None if chosen < NAN_SHARE else chosen for chosen in chance.random(size).tolist()]
    params = [_choices(chance, OPTIMIZERS, size), _choices(chance, ["16", "32", "64", "128"], size)]
    params += [[str(n) for n in chance.integers(1, 9, size).tolist()]]
    params += [[f"{n / 1000:.3f}" for n in chance.integers(1, 1001, size).tolist()]]
    params += [_choices(chance, [f"choice-{n}" for n in range(5)], size) for _ in PARAMS[4:10]]
    params += [[f"{n:06}" for n in chance.integers(0, 1_000_000, size).tolist()] for _ in PARAMS[10:]]
    names = [
        f"run-{n:05x}-{number}" for n, number in zip(chance.integers(0, 2**20, size).tolist(), numbers, strict=True)
    ]
    tags = [names, _choices(chance, USERS, size), ["train.py"] * size, _choices(chance, TEAMS, size)]
    tags += [[f"note {n}" for n in chance.integers(0, 1_000_000, size).tolist()]]
    jitter: NDArray[np.int64] = chance.integers(0, 3, size) * EVERY_MS
    return Part(
        numbers=numbers,
        names=names,
        statuses=[int(STATUSES[n]) for n in chance.integers(0, len(STATUSES), size).tolist()],
        starts=(START_MS + np.asarray(numbers) * EVERY_MS + jitter).tolist(),
        metrics=metrics,
        params=params,
        tags=tags,
    )


def _choices(chance: np.random.Generator, among: list[str], size: int) -> list[str]:
    return [among[n] for n in chance.integers(0, len(among), size).tolist()]


def run_ids(numbers: Iterable[int], seed: int, experiment: int) -> list[str]:
    """Ids of runs by number, of 32 hexadecimal digits, in no order."""
    return [f"{random.Random(f'{seed}/{experiment}/{number}').getrandbits(128):032x}" for number in numbers]


def fill(url: str, runs: int, *, seed: int = 0) -> Filled:
    """Fill a database that is empty with an experiment of `runs` runs, and smaller ones beside it.

    Each run has 20 metrics (one point each), 20 params and 5 tags; every fortieth is deleted.
    """
    storage = SqlStorage(url)
    try:
        ids = storage.write(
            lambda tx: [tx.experiments.add(f"filled {i}", "s3://b", {}, START_MS) for i in range(OTHERS + 1)]
        )
        experiments = [int(experiment_id) for experiment_id in ids.result()]
        keys = storage.write(lambda tx: _numbers(tx, [*METRICS, RARE, *PARAMS, *TAGS])).result()
    finally:
        storage.close()
    target: _Target = _Postgres(url) if (file := file_of(url)) is None else _Sqlite(str(file))
    target.begin()
    first = 1
    for experiment, count in zip(experiments, [runs] + [runs // 20] * OTHERS, strict=True):
        for part in generated(count, seed + experiment):
            rows = _rows(part, experiment, first, keys, run_ids(part.numbers, seed, experiment))
            for table, of_table in rows.items():
                target.add(table, of_table)
        first += count
    target.end([*meeting(), *recounting()])
    return Filled(url, ids.result()[0], ids.result()[1:], runs)


def _numbers(tx: Any, names: list[str]) -> dict[str, int]:
    numbers: dict[str, int] = tx.session.key_numbers(names)
    return numbers


def _rows(
    part: Part, experiment: int, first: int, keys: dict[str, int], ids: list[str]
) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}
    metric_keys = [keys[key] for key in METRICS]
    by_key = [
        sorted((keys[key], values) for key, values in zip(names, given, strict=True))
        for names, given in ((PARAMS, part.params), (TAGS, part.tags))
    ]
    for i, number in enumerate(part.numbers):
        run, start, status = first + number, part.starts[i], part.statuses[i]
        end = None if status == RunStatus.RUNNING else start + 1000 * (number * 7919 % 5_000)
        lifecycle = DELETED if number % DELETED_EVERY == 0 else ACTIVE
        deleted_ms = end if lifecycle == DELETED else None
        rows["runs"].append(
            (
                *(run, ids[i], experiment, part.names[i], part.tags[1][i], status, start, end, lifecycle),
                *(deleted_ms, f"s3://b/{experiment}/{ids[i]}/artifacts"),
            )
        )
        logged = start + 1000
        points = [
            (run, keys[part.metric_key(m, number)] if m == len(METRICS) - 1 else metric_keys[m], 0, logged, values[i])
            for m, values in enumerate(part.metrics)
        ]
        rows["metric_tail"] += points
        rows["latest_metrics"] += [(*point, experiment) for point in points]
        for table, columns in zip(("params", "run_tags"), by_key, strict=True):
            rows[table] += [(run, key, values[i], experiment) for key, values in columns]
    return rows


class _Target:
    """A database that takes rows fast: without indexes until the end."""

    def begin(self) -> None:
        raise NotImplementedError

    def add(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        raise NotImplementedError

    def end(self, statements: list[str]) -> None:
        raise NotImplementedError


class _Sqlite(_Target):
    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._indexes: list[tuple[str, str]] = []

    def begin(self) -> None:
        for setting in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -400000"):
            self._connection.execute(f"PRAGMA {setting}")
        marks = ", ".join("?" * len(_BIG))
        self._indexes = self._connection.execute(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})",
            _BIG,
        ).fetchall()
        for name, _ in self._indexes:
            self._connection.execute(f"DROP INDEX {name}")
        self._connection.execute("BEGIN")

    def add(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        columns = _COLUMNS[table]
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    def end(self, statements: list[str]) -> None:
        for statement in (*(sql for _, sql in self._indexes), *statements, "COMMIT", "PRAGMA journal_mode = WAL"):
            self._connection.execute(statement)
        self._connection.close()


class _Postgres(_Target):
    """Who fills it has to be a superuser: foreign keys are not looked at."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._indexes: list[tuple[str, str]] = []

    def begin(self) -> None:
        self._connection.execute("SET session_replication_role = replica")
        self._connection.execute("SET maintenance_work_mem = '512MB'")
        self._indexes = self._connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexname LIKE 'ix_%%'",
            (list(_BIG),),
        ).fetchall()
        for name, _ in self._indexes:
            self._run(f"DROP INDEX {name}")

    def add(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        copying = f"COPY {table} ({', '.join(_COLUMNS[table])}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(copying.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def end(self, statements: list[str]) -> None:
        numbering = "SELECT setval(pg_get_serial_sequence('{0}', 'id'), (SELECT max(id) FROM {0}))"
        for statement in (*(sql for _, sql in self._indexes), *statements, numbering.format("runs"), "VACUUM ANALYZE"):
            self._run(statement)
        self._connection.close()

    def _run(self, statement: str) -> None:
        self._connection.execute(statement.encode())


def main() -> None:
    """Fill a database from the command line."""
    parser = argparse.ArgumentParser(description=fill.__doc__)
    parser.add_argument("url")
    parser.add_argument("runs", type=int)
    given = parser.parse_args()
    started = time.monotonic()
    filled = fill(given.url, given.runs)
    print(f"experiment {filled.experiment_id}: {filled.runs} runs in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
