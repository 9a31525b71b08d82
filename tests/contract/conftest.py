"""The installations that are held to the promises: each database through each door."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from bench.postgres import PgBouncer, PostgresServer
from mlkeep import MlkeepClient
from mlkeep.sdk.local import open_local
from mlkeep.services.dispatch import Dispatcher

pytest.register_assert_rewrite("mlkeep.testing.conformance")

DATABASES = ("sqlite", "postgres")
INSTALLATIONS = [
    "in-process+sqlite",
    "http+sqlite",
    "http+postgres",
    # Neither has a part that is in none of those before.
    pytest.param("in-process+postgres", marks=pytest.mark.combinations),
    pytest.param("http+pgbouncer", marks=pytest.mark.combinations),
]


def empty_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of an empty database of a kind; `folder` is nobody else's."""
    match kind:
        case "sqlite":
            return f"sqlite:///{folder / 'mlkeep.db'}"
        case "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            return server.new_database()
        case _:
            bouncer: PgBouncer = request.getfixturevalue("pgbouncer")
            return bouncer.url(bouncer.server.new_database())


@contextmanager
def server(backend_store_uri: str, folder: Path) -> Iterator[str]:
    """The address of an `mlkeep server` on a database, in a process of its own that works in `folder`."""
    main = "from mlkeep.cli.main import main; main()"
    command = [sys.executable, "-c", main, "server", "--port", "0", "--no-access-log"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLKEEP_", "MLFLOW_"))}
    environment["PYTHONUNBUFFERED"] = "1"
    with subprocess.Popen(
        [*command, "--backend-store-uri", backend_store_uri],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=folder,
    ) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert " is listening on " in said, said + process.stderr.read()
            yield said.split(" is listening on ")[1].split()[0]
        finally:
            process.terminate()


@pytest.fixture(scope="session", params=INSTALLATIONS)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepClient]:
    """A client of an installation that all tests of the session share."""
    door, database = request.param.split("+")
    folder = tmp_path_factory.mktemp(door)
    backend_store_uri = empty_database(database, request, folder)
    if door == "in-process":
        with contextlib.chdir(folder):
            yield MlkeepClient(tracking_uri=backend_store_uri)
        return
    with server(backend_store_uri, folder) as address:
        yield MlkeepClient(tracking_uri=address)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is sent to databases from now on."""
    sent: list[str] = []

    def trace_sqlite(connection: Any, _record: Any) -> None:
        if hasattr(connection, "set_trace_callback"):
            connection.set_trace_callback(sent.append)

    execute = psycopg.Cursor.execute

    def traced_execute(cursor: Any, query: Any, *rest: Any, **options: Any) -> Any:
        sent.append(str(query))
        return execute(cursor, query, *rest, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", traced_execute)
    for name in ("commit", "rollback"):
        monkeypatch.setattr(psycopg.Connection, name, traced(getattr(psycopg.Connection, name), name.upper(), sent))
    event.listen(Engine, "connect", trace_sqlite)
    yield sent
    event.remove(Engine, "connect", trace_sqlite)


def traced(method: Callable[[Any], None], name: str, sent: list[str]) -> Callable[[Any], None]:
    """The end of a transaction; where none is open, nothing is sent."""

    def end(connection: Any) -> None:
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            sent.append(name)
        method(connection)

    return end


@pytest.fixture(params=DATABASES)
def dispatcher(
    request: pytest.FixtureRequest, statements: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dispatcher]:
    monkeypatch.chdir(tmp_path)
    dispatcher = open_local(empty_database(request.param, request, tmp_path))
    yield dispatcher
    dispatcher.close()
