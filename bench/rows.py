"""Runs written as rows into the databases of FastTrackML and MLflow, which would take hours for them by their own API.

The tables are made by the server itself, and so is one run, by its API. Its rows are the pattern: what is written for
each other run are these rows with another id, name, keys and values. As in `bench.filling`, indexes beside the primary
keys are made at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from bench import filling
from mlkeep.core.states import RunStatus

TABLES = ("runs", "params", "tags", "metrics", "latest_metrics")
Row = tuple[Any, ...]


class Tables(Protocol):
    """A database with the tables of MLflow, which those of FastTrackML resemble."""

    def pattern(self, table: str, run_id: str) -> dict[str, Any]:
        """A row that belongs to a run, by column."""

    def without(self, run_id: str) -> None:
        """Remove a run, and all indexes beside primary keys."""

    def add(self, table: str, columns: list[str], rows: Iterable[Row]) -> None:
        """Add rows."""

    def close(self) -> None:
        """Make the indexes again, and commit."""


class SqliteTables:
    """Tables in a file."""

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for setting in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -400000"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("BEGIN")
        self._indexes: list[tuple[str, str]] = []

    def pattern(self, table: str, run_id: str) -> dict[str, Any]:
        cursor = self._connection.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run_id,))
        return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))

    def without(self, run_id: str) -> None:
        for table in reversed(TABLES):
            self._connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))
        self._indexes = self._connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN "
            "('runs', 'params', 'tags', 'metrics', 'latest_metrics')"
        ).fetchall()
        for name, _ in self._indexes:
            self._connection.execute(f"DROP INDEX {name}")

    def add(self, table: str, columns: list[str], rows: Iterable[Row]) -> None:
        marks = ", ".join("?" * len(columns))
        named = ", ".join(f'"{column}"' for column in columns)
        self._connection.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks})", rows)

    def close(self) -> None:
        for _, statement in self._indexes:
            self._connection.execute(statement)
        self._connection.execute("COMMIT")
        self._connection.close()


class PostgresTables:
    """Tables of a PostgreSQL database, which is a superuser's: foreign keys are not looked at."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SET session_replication_role = replica")
        self._indexes: list[tuple[Any, ...]] = []

    def pattern(self, table: str, run_id: str) -> dict[str, Any]:
        cursor = self._connection.execute(f"SELECT * FROM {table} WHERE run_uuid = %s".encode(), (run_id,))
        row = cursor.fetchone()
        return dict(zip((column.name for column in cursor.description or ()), row or (), strict=True))

    def without(self, run_id: str) -> None:
        for table in reversed(TABLES):
            self._connection.execute(f"DELETE FROM {table} WHERE run_uuid = %s".encode(), (run_id,))
        self._indexes = self._connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND NOT EXISTS "
            "(SELECT 1 FROM pg_constraint WHERE conname = indexname)",
            (list(TABLES),),
        ).fetchall()
        for name, _ in self._indexes:
            self._connection.execute(f"DROP INDEX {name}".encode())

    def add(self, table: str, columns: list[str], rows: Iterable[Row]) -> None:
        named = ", ".join(f'"{column}"' for column in columns)
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} ({named}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def close(self) -> None:
        for _, statement in self._indexes:
            self._connection.execute(statement.encode())
        self._connection.execute(b"VACUUM ANALYZE")
        self._connection.close()


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a part, and its values."""

    id: str
    place: int
    part: filling.Part

    @property
    def number(self) -> int:
        return self.part.numbers[self.place]

    @property
    def start_ms(self) -> int:
        return self.part.starts[self.place]


def fill(tables: Tables, pattern_run: str, runs: int, seed: int) -> None:
    """Write the runs that `bench.filling` writes for a seed; the run that is the pattern is removed."""
    patterns = {table: tables.pattern(table, pattern_run) for table in TABLES}
    tables.without(pattern_run)
    for part in filling.generated(runs, seed):
        ids = filling.run_ids(part.numbers, 0, seed)
        all_of_them = [_Run(run_id, place, part) for place, run_id in enumerate(ids)]
        for table, rows in (
            ("runs", _run_rows(all_of_them, patterns["runs"], pattern_run)),
            ("params", _text_rows(all_of_them, filling.PARAMS, part.params)),
            ("tags", _text_rows(all_of_them, filling.TAGS, part.tags)),
            ("metrics", _metric_rows(all_of_them, patterns["metrics"])),
            ("latest_metrics", _metric_rows(all_of_them, patterns["latest_metrics"])),
        ):
            columns = list(patterns[table])
            tables.add(table, columns, _completed(patterns[table], columns, rows))
    tables.close()


def _completed(pattern: dict[str, Any], columns: list[str], rows: Iterable[dict[str, Any]]) -> Iterator[Row]:
    """Rows as the pattern has them but for what is told; a text is in the column that has it in the pattern."""
    text = "value_str" if "value_str" in pattern else "value"
    for told in rows:
        if "text" in told:
            told[text] = told.pop("text")
        yield tuple([told.get(column, pattern[column]) for column in columns])


def _run_rows(runs: list[_Run], pattern: dict[str, Any], pattern_run: str) -> Iterator[dict[str, Any]]:
    for run in runs:
        status = RunStatus(run.part.statuses[run.place])
        is_deleted = run.number % filling.DELETED_EVERY == 0
        end = None if status == RunStatus.RUNNING else run.start_ms + 1000
        yield {
            "run_uuid": run.id,
            "name": run.part.names[run.place],
            "user_id": run.part.tags[1][run.place],
            "status": status.name,
            "start_time": run.start_ms,
            "end_time": end,
            "lifecycle_stage": "deleted" if is_deleted else "active",
            "deleted_time": end if is_deleted else None,
            "artifact_uri": pattern["artifact_uri"].replace(pattern_run, run.id),
            "row_num": run.number,
        }


def _text_rows(runs: list[_Run], keys: list[str], values: list[list[str]]) -> Iterator[dict[str, Any]]:
    for run in runs:
        for key, of_key in zip(keys, values, strict=True):
            yield {"run_uuid": run.id, "key": key, "text": of_key[run.place]}


def _metric_rows(runs: list[_Run], pattern: dict[str, Any]) -> Iterator[dict[str, Any]]:
    flag = type(pattern["is_nan"])
    no, yes = flag(False), flag(True)
    for run in runs:
        time = run.start_ms + 1000
        for number, of_key in enumerate(run.part.metrics):
            value = of_key[run.place]
            key = run.part.metric_key(number, run.number)
            is_nan = yes if value is None else no
            yield {"run_uuid": run.id, "key": key, "value": value or 0.0, "timestamp": time, "is_nan": is_nan}
