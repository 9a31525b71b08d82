"""The installations that are held to the promises: each database through each door."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlkeep import MlkeepClient

pytest.register_assert_rewrite("mlkeep.testing.conformance")

DATABASES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder / 'mlkeep.db'}",
}
"""How to name an empty database of each kind, given a folder that is nobody else's."""

DOORS = ("in-process", "http")


@contextmanager
def server(backend_store_uri: str) -> Iterator[str]:
    """The address of an `mlkeep server` on a database, in a process of its own."""
    main = "from mlkeep.cli.main import main; main()"
    command = [sys.executable, "-c", main, "server", "--port", "0", "--no-access-log"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLKEEP_", "MLFLOW_"))}
    environment["PYTHONUNBUFFERED"] = "1"
    with subprocess.Popen(
        [*command, "--backend-store-uri", backend_store_uri], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert " is listening on " in said, said + process.stderr.read()
            yield said.split(" is listening on ")[1].split()[0]
        finally:
            process.terminate()


@pytest.fixture(scope="session", params=[f"{door}+{database}" for door in DOORS for database in DATABASES])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepClient]:
    """A client of an installation that all tests of the session share."""
    door, database = request.param.split("+")
    backend_store_uri = DATABASES[database](tmp_path_factory.mktemp(door))
    if door == "in-process":
        yield MlkeepClient(tracking_uri=backend_store_uri)
        return
    with server(backend_store_uri) as address:
        yield MlkeepClient(tracking_uri=address)
