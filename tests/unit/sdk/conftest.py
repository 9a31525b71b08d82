"""A tracking store of one's own, through each door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mlkeep
from bench.processes import MlkeepServer
from mlkeep.sdk.client import MlkeepClient
from tests.unit.sdk.programs import Program

Start = Callable[..., Program]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    running = MlkeepServer(tmp_path_factory.mktemp("server"))
    try:
        yield running.url
    finally:
        running.end()


@pytest.fixture(autouse=True)
def _alone(environment: pytest.MonkeyPatch, no_database_stays_open: None) -> None:
    """No test here knows of another."""


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


@pytest.fixture
def start(tracking: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a program that tracks at `tracking`."""
    started: list[Program] = []

    def begin(script: str, *options: str, **variables: str) -> Program:
        started.append(Program(script, tracking, tmp_path, *options, **variables))
        return started[-1]

    yield begin
    for program in started:
        program.end()
