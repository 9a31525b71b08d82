"""The official MLflow, each major version in a virtualenv of its own, and a server to talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.environments import Library, newest
from bench.processes import MlflowServer, MlkeepServer


@pytest.fixture(scope="session", params=[2, 3], ids=["newest 2.x", "newest 3.x"])
def official_mlflow(request: pytest.FixtureRequest) -> Library:
    """An official MLflow; made on first use, which takes some minutes."""
    return newest(request.param)


@pytest.fixture(scope="session")
def official_server(official_mlflow: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an official `mlflow server` on an empty SQLite database, with its artifact proxy."""
    running = MlflowServer(official_mlflow, tmp_path_factory.mktemp("official"))
    yield running.url
    running.end()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlkeepServer]:
    """A `mlkeep server` on an empty database; what it wrote is shown if the test fails."""
    running = MlkeepServer(tmp_path / "server")
    try:
        yield running
        assert running.stop() == 0
    finally:
        running.end()
        print(running.output)
