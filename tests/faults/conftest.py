"""Servers that may be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.processes import MlkeepServer
from tests.faults.drivers import Driven
from tests.faults.misbehaving import MisbehavingServer


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[[], MlkeepServer]]:
    """Starts a server; each one after the first goes on with the database of the one before."""
    with ExitStack() as running:

        def start() -> MlkeepServer:
            server = MlkeepServer(tmp_path, "--no-access-log")
            running.callback(lambda: print(server.output))
            running.callback(server.end)
            return server

        yield start


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepServer]:
    """A server for all tests of a module, which nobody kills."""
    running = MlkeepServer(tmp_path_factory.mktemp("server"), "--no-access-log")
    yield running
    print(running.output)
    running.end()


@pytest.fixture
def front(shared_server: MlkeepServer) -> Iterator[MisbehavingServer]:
    """The way to that server for one test, which may be cut off."""
    running = MisbehavingServer(shared_server.url)
    yield running
    running.end()


@pytest.fixture
def start_trainer(tmp_path: Path) -> Iterator[Callable[..., Driven]]:
    """Starts trainers that do what they are told, their journals in a folder of the test unless it names another."""
    started: list[Driven] = []

    def start(uri: str, journals: Path = tmp_path / "journals", **options: Any) -> Driven:
        started.append(Driven(journals, uri, **options))
        return started[-1]

    yield start
    for trainer in started:
        trainer.end()
