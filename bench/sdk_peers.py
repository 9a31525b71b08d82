"""Who logs in `bench.sdk`, to what, and what a call of theirs that has returned has done."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from bench.environments import ROOT, Library, bench_environment, plain_environment
from bench.processes import MlflowServer, MlkeepServer, ServerProcess
from mlkeep.version import __version__

SLOW_S = 0.2
"""By how much a request to a slow server is delayed."""

LIMIT_S = 900

Situation = Literal["up", "slow", "down", "database", "offline", "alone"]

SITUATIONS: dict[Situation, str] = {
    "up": "up",
    "slow": f"slow: each request {SLOW_S * 1000:.0f} ms later",
    "down": "down since the run was started",
    "database": "none: a SQLite file",
    "offline": "none: `MLKEEP_MODE=offline`",
    "alone": "none",
}


class Task(msgspec.Struct, frozen=True):
    """What `sdk_client.py` is told. It stops after `limit_s` if `calls` take longer."""

    library: str
    uri: str
    folder: str
    calls: int
    limit_s: float
    project: str = "bench"
    asynchronous: bool = False
    waits: bool = False
    finishes: bool = True
    counts: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What it tells. `failed` counts calls that raised; `stored` is how many points were found afterwards."""

    calls: int
    failed: int
    begun_s: float
    p50_s: float
    p99_s: float
    mean_s: float
    finished_s: float | None
    stored: int | None


@dataclass(frozen=True, slots=True)
class Case:
    """A line of the table of calls. `few` calls are enough where one takes long; 0 is as many as for the others."""

    key: str
    who: str
    peer: str
    situation: Situation
    promise: str
    server: Literal["mlkeep", "mlflow", ""] = ""
    few: int = 0
    asynchronous: bool = False
    finishes: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    is_once: bool = False
    """It takes so long that it is not done in further rounds."""
    is_long: bool = False
    """It takes so long that it is not done in a quick check."""
    is_stored: bool = False
    """It is asked how long it takes until many points are stored, too."""
    few_stored: int = 0
    """As `few`, there."""


_FILE = "in a file, and survives `kill -9`"
_SERVER = "stored"
_DATABASE = "in a database, and survives `kill -9`"
_MEMORY = "in memory"
_PROCESS = "in memory, and soon with another process, which writes a file"
_LOST = "in memory, and lost"
_RAISED = "lost: it raises"

CASES = (
    Case("mlkeep-up", "mlkeep", "mlkeep", "up", _FILE, "mlkeep", is_stored=True),
    Case("mlkeep-slow", "mlkeep", "mlkeep", "slow", _FILE, "mlkeep"),
    Case("mlkeep-down", "mlkeep", "mlkeep", "down", _FILE, "mlkeep"),
    Case("mlkeep-database", "mlkeep", "mlkeep", "database", _FILE, is_stored=True),
    Case("mlkeep-offline", "mlkeep", "mlkeep", "offline", _FILE, env={"MLKEEP_MODE": "offline"}),
    Case("mlkeep-mlflow", "mlkeep, to a server of MLflow", "mlkeep", "up", _FILE, "mlflow", is_stored=True),
    Case("mlflow-up", "MLflow", "mlflow", "up", _SERVER, "mlflow"),
    Case("mlflow-slow", "MLflow", "mlflow", "slow", _SERVER, "mlflow", few=50),
    Case(
        "mlflow-down-0",
        "MLflow, told to make no retries",
        "mlflow",
        "down",
        _RAISED,
        "mlflow",
        few=50,
        finishes=False,
        env={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"},
    ),
    Case(
        "mlflow-down", "MLflow", "mlflow", "down", _RAISED, "mlflow", few=1, finishes=False, is_once=True, is_long=True
    ),
    Case("mlflow-database", "MLflow", "mlflow", "database", _SERVER),
    Case(
        "mlflow-async-up",
        "MLflow, asynchronous",
        "mlflow",
        "up",
        _MEMORY,
        "mlflow",
        asynchronous=True,
        is_once=True,
        is_stored=True,
        few_stored=5_000,
    ),
    Case(
        "mlflow-async-slow",
        "MLflow, asynchronous",
        "mlflow",
        "slow",
        _MEMORY,
        "mlflow",
        asynchronous=True,
        is_once=True,
    ),
    Case(
        "mlflow-async-down",
        "MLflow, asynchronous",
        "mlflow",
        "down",
        _LOST,
        "mlflow",
        asynchronous=True,
        finishes=False,
    ),
    Case("wandb", "wandb, offline", "wandb", "alone", _PROCESS, is_stored=True),
    Case("trackio", "trackio", "trackio", "alone", _MEMORY, is_stored=True),
    Case("aim", "aim", "aim", "alone", _DATABASE, is_stored=True),
    Case("tensorboardx", "tensorboardX, two calls", "tensorboardx", "alone", _MEMORY, is_stored=True),
)

PEERS = {
    "mlkeep": ("mlkeep", "mlkeep.start_run, mlkeep.log_metrics"),
    "mlflow": ("mlflow", "mlflow.start_run, mlflow.log_metrics"),
    "wandb": ("wandb", "wandb.init, wandb.log"),
    "trackio": ("trackio", "trackio.init, trackio.log"),
    "aim": ("aim", "aim.Run"),
    "tensorboardx": ("tensorboardX", "tensorboardX.SummaryWriter"),
}
"""The module of each, and what of it a program that logs uses."""


def library(peer: str) -> Library:
    """The virtualenv that has it: it is made the first time, which takes up to some minutes.

    mlkeep's has what mlkeep needs; mlkeep itself is that of this checkout.
    """
    if peer == "mlkeep":
        return Library(bench_environment(peer, "msgspec").python, __version__, peer)
    return bench_environment(peer, PEERS[peer][0])


def environment(peer: str, folder: Path) -> dict[str, str]:
    """In which a program of this library runs: it keeps what it keeps in `folder`, and calls nobody."""
    offline = {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
    offline |= {"HF_HUB_OFFLINE": "1", "AIM_UI_TELEMETRY_ENABLED": "0", "TRACKIO_DIR": str(folder / "trackio")}
    ours = {"PYTHONPATH": str(ROOT / "src"), "MLKEEP_FLUSH_TIMEOUT": "120"} if peer == "mlkeep" else {}
    return {**plain_environment(), "HOME": str(folder), **offline, **ours}


def outcome_of(case: Case, calls: int, limit_s: float, folder: Path, *, counts: bool) -> Outcome:
    """One program of it, with a server of its own. Raises AssertionError: it failed, with what it printed."""
    one = library(case.peer)
    with tracked_at(case, folder) as (uri, server):
        task = Task(
            library=PEERS[case.peer][0],
            uri=uri,
            folder=str(folder),
            calls=calls,
            limit_s=limit_s,
            asynchronous=case.asynchronous,
            waits=case.situation == "down",
            finishes=case.finishes,
            counts=counts and bool(case.server or case.situation == "database"),
        )
        command = [str(one.python), str(Path(__file__).with_name("sdk_client.py")), msgspec.json.encode(task).decode()]
        env = {**environment(case.peer, folder), **case.env}
        if case.situation == "down":
            env.pop("MLKEEP_FLUSH_TIMEOUT", None)  # nothing is there to be waited for
        return _run(command, env, folder, server if case.situation == "down" else None)


def _run(command: list[str], env: dict[str, str], folder: Path, ends: ServerProcess | None) -> Outcome:
    """Run it, and end a server when it is ready."""
    log = folder / "client.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, env=env, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            lines: list[str] = []
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if line == "ready\n":
                    break
            if ends is not None:
                ends.end()
            rest, _ = process.communicate("go\n", timeout=LIMIT_S)
        finally:
            process.kill()
    if process.returncode != 0:
        said = "".join(lines) + rest
        raise AssertionError(
            f"exit code {process.returncode} of {' '.join(command)}\n{said}\n{log.read_text()[-2000:]}"
        )
    return msgspec.convert(json.loads(rest.strip().splitlines()[-1]), Outcome)


@contextmanager
def tracked_at(case: Case, folder: Path) -> Iterator[tuple[str, ServerProcess | None]]:
    """A tracking URI, and the server there if there is one."""
    with ExitStack() as stack:
        if not case.server:
            at = "http://127.0.0.1:9" if case.situation == "offline" else f"sqlite:///{folder / 'tracked.db'}"
            yield at, None
            return
        server = MlflowServer(library("mlflow"), folder) if case.server == "mlflow" else MlkeepServer(folder / "server")
        stack.callback(server.end)
        if case.situation != "slow":
            yield server.url, server
            return
        port = server.url.rpartition(":")[2]
        command = [sys.executable, "-m", "bench.slowproxy", port, str(SLOW_S)]
        proxy = ServerProcess(command, folder / "proxy.log", cwd=ROOT)
        stack.callback(proxy.end)
        proxy.until(lambda: "listening on http://" in proxy.output and proxy.output.endswith("\n"))
        yield proxy.output.split()[-1], server
