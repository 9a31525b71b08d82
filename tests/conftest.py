"""Databases for all tests, started when first asked for, and an environment in which nothing is tracked yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mlkeep
from bench.objectstore import S3Server
from mlkeep.sdk import active_experiment, local, nowhere, recording
from mlkeep.sdk.doors import door_to, hasty_door_to
from mlkeep.sdk.local import open_local
from mlkeep.sdk.threads import own
from mlkeep.services.dispatch import Dispatcher

if TYPE_CHECKING:
    from bench.postgres import PgBouncer, PostgresServer  # the environments of tests/flavors have no driver for it


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the older of the versions at hand."""
    from bench.postgres import PostgresServer

    server = PostgresServer(16)
    yield server
    server.end()


@pytest.fixture(scope="session")
def newer_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the newer of the versions at hand."""
    from bench.postgres import PostgresServer

    server = PostgresServer(18)
    yield server
    server.end()


@pytest.fixture(scope="session")
def pgbouncer(newer_postgres: PostgresServer) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode, before the newer PostgreSQL."""
    from bench.postgres import PgBouncer

    bouncer = PgBouncer(newer_postgres)
    yield bouncer
    bouncer.end()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server that wants signed requests."""
    server = S3Server()
    yield server
    server.remove()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Server:
    """The S3 server, with an environment in which it is the one that `s3://` URIs mean, and no other AWS settings."""
    for name in [name for name in os.environ if name.startswith("AWS_") or "S3_" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no credentials"))
    settings = {**s3_server.variables, "MLKEEP_HTTP_REQUEST_BACKOFF_FACTOR": "0.05"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def no_database_stays_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Databases that a test opens in this process are closed after it: a process may have only so many files open."""
    opened: list[Dispatcher] = []

    def opened_here(url: str) -> Dispatcher:
        opened.append(open_local(url))
        return opened[-1]

    monkeypatch.setattr(local, "open_local", opened_here)
    yield
    _end_everything()
    door_to.cache_clear()
    hasty_door_to.cache_clear()
    nowhere.door.cache_clear()
    for dispatcher in opened:
        dispatcher.close()


@pytest.fixture(scope="session", autouse=True)
def _journals_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests log in this process does not leave journals in the working folder."""
    os.environ["MLKEEP_JOURNAL_DIR"] = str(tmp_path_factory.mktemp("journals"))


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[pytest.MonkeyPatch]:
    """An empty folder and an environment that says nothing of tracking; no run, experiment or model is left active.

    Journals are in a folder of their own, which `MLKEEP_JOURNAL_DIR` names.
    """
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("MLKEEP_", "MLFLOW_"))}
    recording.forget()
    monkeypatch.setenv("MLKEEP_JOURNAL_DIR", str(tmp_path_factory.mktemp("journal")))
    monkeypatch.chdir(tmp_path)
    yield monkeypatch
    _end_everything()
    monkeypatch.undo()
    mlkeep.set_tracking_uri(None)
    active_experiment._active_experiment_id = None
    own.last_run_id = own.last_model_id = own.model_choice = None
    for name in [name for name in os.environ if name.startswith(("MLKEEP_", "MLFLOW_"))]:
        del os.environ[name]
    os.environ.update(kept)


def _end_everything() -> None:
    """No run is active or logged to any more."""
    while mlkeep.active_run() is not None:
        mlkeep.end_run()
    recording.forget()
