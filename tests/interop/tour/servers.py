"""The servers that are toured, and what the tour of one brings home."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.environments import ROOT, Library
from bench.processes import MlflowServer, MlkeepServer
from tests.interop.tour.normalise import Normaliser


@dataclass(frozen=True, slots=True)
class Recording:
    """What one client met on one server: names of its public methods and functions, and all calls, normalised."""

    version: str
    client: list[str]
    fluent: list[str]
    calls: list[dict[str, Any]]


@contextlib.contextmanager
def official_server(library: Library, folder: Path) -> Iterator[str]:
    """The address of an official server that nobody has used before."""
    server = MlflowServer(library, folder)
    try:
        yield server.url
    finally:
        server.end()


@contextlib.contextmanager
def mlkeep_server(backend: str, folder: Path) -> Iterator[str]:
    """The address of our server on an empty database."""
    server = MlkeepServer(folder, backend=backend)
    try:
        yield server.url
        assert server.stop() == 0
    finally:
        server.end()


def toured(library: Library, tracking_uri: str, folder: Path) -> Recording:
    """What the MLflow of `library` records on a fresh server; `folder` is made for its files.

    Raises:
        AssertionError: the tour did not come to its end.
    """
    files, temporary = folder / "files", folder / "files" / "temporary"
    temporary.mkdir(parents=True)
    output = folder / "tour.json"
    env = {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(temporary),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the official server answers some mistakes with a 500
    }
    library.run("-m", "tests.interop.tour", tracking_uri, str(output), str(files), env=env, cwd=files)
    told = json.loads(output.read_text())
    normaliser = Normaliser(told["tracking_uri"], told["folder"], told["started_ms"], told["ended_ms"])
    return Recording(told["version"], told["client"], told["fluent"], normaliser.calls(told["calls"]))
