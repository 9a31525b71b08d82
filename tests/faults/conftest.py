"""Servers that may be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.processes import MlkeepServer


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
