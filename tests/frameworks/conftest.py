"""An environment with the frameworks and the official client, our server, and the official server to compare with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.environments import Library, environment
from bench.processes import MlflowServer, MlkeepServer
from tests.frameworks.recorded import Recorded, recorded

SCRIPTS = Path(__file__).parent / "scripts"

# One thread for each library: the same numbers in the same order each time, and two scripts run beside each other.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_NO_NETWORK = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script left on a server, and what its last line says as JSON."""

    recorded: Recorded
    printed: Any


@dataclass(frozen=True, slots=True)
class Frameworks:
    """Runs scripts that log to the server MLFLOW_TRACKING_URI names: on ours and on the official one at once."""

    library: Library
    ours: str
    official: str
    folder: Path

    def run(self, script: str, experiments: Sequence[str], registered: Sequence[str] = ()) -> tuple[Outcome, Outcome]:
        """What a script left on our server and on the official one, of the experiments and registered models it made."""

        def outcome(name: str, url: str) -> Outcome:
            folder = self.folder / name
            folder.mkdir()
            env = {"MLFLOW_TRACKING_URI": url, "LOGNAME": "somebody", **_ONE_THREAD, **_NO_NETWORK}
            output = self.library.run(SCRIPTS / f"{script}.py", env=env, cwd=folder)
            printed = json.loads(output.splitlines()[-1])
            return Outcome(recorded(url, experiments, registered), printed)

        with ThreadPoolExecutor(2) as both:
            ours, official = both.map(outcome, ("here", "there"), (self.ours, self.official))
        return ours, official


@pytest.fixture(scope="session")
def library() -> Library:
    """The environment; made on first use, which takes some minutes."""
    return environment("frameworks3")


@pytest.fixture(scope="session")
def official_server(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the official server of the same version listens; all scripts share it, each with experiments of its own."""
    server = MlflowServer(library, tmp_path_factory.mktemp("official"))
    yield server.url
    server.end()


@pytest.fixture
def frameworks(library: Library, official_server: str, tmp_path: Path) -> Iterator[Frameworks]:
    """Ready to run a script on a fresh server of ours beside the official one."""
    server = MlkeepServer(tmp_path / "server")
    try:
        yield Frameworks(library, server.url, official_server, tmp_path)
        assert server.stop() == 0
    finally:
        server.end()
        print(server.output)
