"""The command line in this process, on a real database in a folder of the test's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.processes import MlkeepServer
from mlkeep.cli.main import main


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_database_stays_open: None) -> Path:
    """The database that commands use unless a test says otherwise; there is none before the first command."""
    for name in os.environ:
        if name.startswith(("MLKEEP_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "kept" / "mlkeep.db"
    monkeypatch.setenv("MLKEEP_TRACKING_URI", f"sqlite:///{file}")
    return file


@pytest.fixture
def mlkeep() -> Callable[..., Result]:
    """Runs `mlkeep` with words from a prompt; `env` adds to the environment, None takes away from it."""

    def run(*words: str, env: Mapping[str, str | None] | None = None) -> Result:
        return CliRunner().invoke(main, words, env=env)

    return run


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlkeepServer]:
    """A server in a process of its own, on an empty database."""
    running = MlkeepServer(tmp_path / "server")
    try:
        yield running
    finally:
        running.end()
