"""A real server, as its users start it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.processes import MlkeepServer


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., MlkeepServer]]:
    """Starts a server with more options; at the end each must stop well. What it wrote is shown if the test fails."""
    with ExitStack() as running:

        def start(*options: str) -> MlkeepServer:
            server = MlkeepServer(tmp_path / "server", *options)
            running.callback(lambda: print(server.output))
            running.callback(server.end)
            running.callback(_stop_well, server)
            return server

        yield start


@pytest.fixture
def server(start_server: Callable[..., MlkeepServer]) -> MlkeepServer:
    """A server as it is without options, on an empty database."""
    return start_server()


def _stop_well(server: MlkeepServer) -> None:
    if server.process.poll() is None:
        assert server.stop() == 0
