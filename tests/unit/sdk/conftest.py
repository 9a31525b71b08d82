"""A tracking store of one's own, through each door; no run, experiment or model is left active."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlkeep
from bench.processes import MlkeepServer
from mlkeep.sdk import active_experiment
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.threads import own


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    running = MlkeepServer(tmp_path_factory.mktemp("server"))
    try:
        yield running.url
    finally:
        running.end()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment that says nothing of tracking, whatever a test adds to it."""
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


@pytest.fixture
def embedded(tmp_path: Path) -> str:
    """The URI of a database in this process."""
    uri = f"sqlite:///{tmp_path / 'mlkeep.db'}"
    mlkeep.set_tracking_uri(uri)
    return uri


@pytest.fixture(params=["in-process", "http"])
def tracking(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URI that the functions track at: a database in this process, then a server that all tests share."""
    uri: str = request.getfixturevalue("server") if request.param == "http" else f"sqlite:///{tmp_path / 'mlkeep.db'}"
    mlkeep.set_tracking_uri(uri)
    return uri


@pytest.fixture
def client(tracking: str) -> MlkeepClient:
    return MlkeepClient(tracking)
