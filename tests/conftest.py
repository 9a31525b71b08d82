"""Databases for all tests, started when first asked for, and an environment in which nothing is tracked yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlkeep
from bench.postgres import PgBouncer, PostgresServer
from mlkeep.sdk import active_experiment
from mlkeep.sdk.threads import own


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the older of the versions at hand."""
    server = PostgresServer(16)
    yield server
    server.end()


@pytest.fixture(scope="session")
def newer_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the newer of the versions at hand."""
    server = PostgresServer(18)
    yield server
    server.end()


@pytest.fixture(scope="session")
def pgbouncer(newer_postgres: PostgresServer) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode, before the newer PostgreSQL."""
    bouncer = PgBouncer(newer_postgres)
    yield bouncer
    bouncer.end()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An empty folder and an environment that says nothing of tracking; no run, experiment or model is left active."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("MLKEEP_", "MLFLOW_"))}
    monkeypatch.chdir(tmp_path)
    yield monkeypatch
    monkeypatch.undo()
    while mlkeep.active_run() is not None:
        mlkeep.end_run()
    mlkeep.set_tracking_uri(None)
    active_experiment._active_experiment_id = None
    own.last_run_id = own.last_model_id = own.model_choice = None
    for name in [name for name in os.environ if name.startswith(("MLKEEP_", "MLFLOW_"))]:
        del os.environ[name]
    os.environ.update(kept)
