"""How long searches for runs take, shape by shape, through the HTTP API of a server on a filled database.

`python -m bench.search 10000 100000` fills SQLite databases (kept in a folder, to be used again) and prints a table. With
`--postgres` a PostgreSQL is started and filled for it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bench.filling import Filled, fill
from bench.postgres import PostgresServer
from bench.processes import MlkeepServer

PATH = "/api/2.0/mlflow/runs/search"
ROUNDS = 15
LIMIT_S = 6
"""No shape is asked longer than this."""

INFO = {"fields": ["info"]}
"""What is found, and nothing of it: the time to find, without that to tell."""

SHAPES: dict[str, dict[str, Any]] = {
    "100 newest, whole": {},
    "100 newest": INFO,
    "by a metric": {"order_by": ["metrics.loss DESC"], **INFO},
    "by a metric, whole": {"order_by": ["metrics.loss DESC"]},
    "by a metric with ten values": {"order_by": ["metrics.epochs"], **INFO},
    "by a metric few runs have": {"order_by": ["metrics.rare"], **INFO},
    "by a param": {"order_by": ["params.`param-15`"], **INFO},
    "by a param with three values": {"order_by": ["params.optimizer"], **INFO},
    "by two metrics": {"order_by": ["metrics.epochs", "metrics.loss"], **INFO},
    "by end_time": {"order_by": ["end_time DESC"], **INFO},
    "by run_name": {"order_by": ["run_name"], **INFO},
    "metric, one run in 1000": {"filter": "metrics.loss < 0.001", **INFO},
    "metric, every other run": {"filter": "metrics.loss < 0.5", **INFO},
    "param, one run in 1000": {"filter": "params.lr = '0.500'", **INFO},
    "param, every third run": {"filter": "params.optimizer = 'adam'", **INFO},
    "tag, every fourth run": {"filter": "tags.team = 'red'", **INFO},
    "status": {"filter": "status = 'FAILED'", **INFO},
    "run_name LIKE": {"filter": "run_name LIKE '%abc%'", **INFO},
    "metric and param, by another metric": {
        "filter": "metrics.loss < 0.1 AND params.optimizer = 'adam'",
        "order_by": ["metrics.accuracy DESC"],
        **INFO,
    },
    "the same, whole": {
        "filter": "metrics.loss < 0.1 AND params.optimizer = 'adam'",
        "order_by": ["metrics.accuracy DESC"],
    },
    "two metrics and a param, few runs": {
        "filter": "metrics.loss < 0.05 AND metrics.accuracy > 0.95 AND params.optimizer = 'adam'",
        **INFO,
    },
    "OR of two rare": {"filter": "metrics.loss < 0.0005 OR params.lr = '0.001'", **INFO},
    "count all": {"count": True, "max_results": 0},
    "count metric": {"filter": "metrics.loss < 0.5", "count": True, "max_results": 0},
    "count metric and param": {
        "filter": "metrics.loss < 0.5 AND params.optimizer = 'adam'",
        "count": True,
        "max_results": 0,
    },
}

DEEP: dict[str, dict[str, Any]] = {
    "newest, half way down": INFO,
    "by a metric, half way down": {"order_by": ["metrics.loss DESC"], **INFO},
    "by a param with three values, half way down": {"order_by": ["params.optimizer"], **INFO},
}
"""Shapes that begin with a page in the middle, after all before it were turned."""


class Searcher:
    """Asks one server, over one connection."""

    def __init__(self, connection: http.client.HTTPConnection, filled: Filled) -> None:
        self._connection = connection
        self._filled = filled

    def ask(self, request: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Milliseconds until the whole answer was there, and the answer. Raises AssertionError: it is an error."""
        asked = {"experiment_ids": [self._filled.experiment_id], "max_results": 100, **request}
        body = json.dumps(asked).encode()
        started = time.perf_counter()
        self._connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        told = answer.read()
        taken = (time.perf_counter() - started) * 1_000
        if answer.status != http.HTTPStatus.OK:
            raise AssertionError(f"{asked}: {told[:500]!r}")
        return taken, json.loads(told)

    def median_ms(self, request: dict[str, Any]) -> float:
        """The median of some rounds, after one that counts for nothing."""
        self.ask(request)
        taken: list[float] = []
        deadline = time.monotonic() + LIMIT_S
        while len(taken) < ROUNDS and (not taken or time.monotonic() < deadline):
            taken.append(self.ask(request)[0])
        return statistics.median(taken)

    def middle(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request for the page in the middle."""
        left, token = self._filled.runs // 2, ""
        while left > 0:
            page = min(left, 50_000)
            _, answer = self.ask({**request, "max_results": page, "page_token": token, "fields": ["metrics.never"]})
            left, token = left - page, answer["next_page_token"]
        return {**request, "page_token": token}


def measured(folder: Path, url: str, filled: Filled, shapes: Sequence[str]) -> dict[str, float]:
    """Milliseconds by shape."""
    server = MlkeepServer(folder, "--no-access-log", backend=url)
    try:
        with closing(server.connect(timeout_s=600)) as connection:
            searcher = Searcher(connection, filled)
            taken = {name: searcher.median_ms(SHAPES[name]) for name in SHAPES if name in shapes}
            taken |= {name: searcher.median_ms(searcher.middle(DEEP[name])) for name in DEEP if name in shapes}
            return taken
    finally:
        server.stop()


def filled_sqlite(folder: Path, runs: int) -> Filled:
    """A SQLite database in a folder, filled now or by an earlier run."""
    file = folder / f"runs-{runs}.db"
    url = f"sqlite:///{file}"
    if file.exists():
        return Filled(url, "1", [], runs)
    return fill(url, runs)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="*", default=[10_000])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mlkeep-bench-search")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--only", default="", help="shapes whose names have this in them")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    shapes = [name for name in (*SHAPES, *DEEP) if given.only in name]
    columns: dict[str, dict[str, float]] = {}
    with postgres_server(is_wanted=given.postgres) as postgres:
        for runs in given.runs:
            started = time.monotonic()
            filled = filled_sqlite(given.folder, runs) if postgres is None else fill(postgres.new_database(), runs)
            print(f"{runs} runs are there after {time.monotonic() - started:.0f} s", flush=True)
            columns[f"{runs:,} runs"] = measured(given.folder / "server", filled.url, filled, shapes)
    print_table(columns, shapes)


@contextmanager
def postgres_server(*, is_wanted: bool) -> Iterator[PostgresServer | None]:
    """A PostgreSQL of our own, if one is wanted."""
    if not is_wanted:
        yield None
        return
    server = PostgresServer(16)
    try:
        yield server
    finally:
        server.end()


def print_table(columns: dict[str, dict[str, float]], shapes: Sequence[str]) -> None:
    """Milliseconds as a table in Markdown."""
    print(f"| search, median ms | {' | '.join(columns)} |")
    print(f"| --- |{' ---: |' * len(columns)}")
    for name in shapes:
        print(f"| {name} | {' | '.join(f'{column[name]:.1f}' for column in columns.values())} |")


if __name__ == "__main__":
    main()
