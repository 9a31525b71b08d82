"""A trainer that is killed is found out by the server; one that lives, ends or comes back is not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.processes import MlkeepServer, environment
from mlkeep import MlkeepClient
from mlkeep.core.presence import LOST_TAG
from mlkeep.sdk.local import open_local
from mlkeep.wire.runs import GetRun
from tests.e2e.artifact_server import Client

LOST_AFTER_S = 2.0
LIMIT_S = 60

TRAINER = """
import sys, threading
import mlkeep
from mlkeep.sdk.doors import hasty_door_to
from mlkeep.sdk.journal.presence import Presence

mlkeep.set_tracking_uri(sys.argv[1])
run = mlkeep.start_run(sys.argv[2] if len(sys.argv) > 2 else None)
presence, door = Presence(lambda: [run.info.run_id]), hasty_door_to(sys.argv[1])
presence.beat(door)
print(run.info.run_id, flush=True)
while True:
    mlkeep.log_metric("loss", 1.0)
    presence.beat(door)
    threading.Event().wait(0.05)
"""

Start = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a trainer at a tracking URI, perhaps on a run that is there; its process and its run."""
    with ExitStack() as running:

        def started(uri: str, *run_id: str) -> tuple[subprocess.Popen[str], str]:
            settings = {
                "MLKEEP_HEARTBEAT_INTERVAL": "0.1",
                "MLKEEP_LOST_AFTER": "0.2",  # which only a database of its own minds
                "MLKEEP_JOURNAL_DIR": str(tmp_path / "journal"),
            }
            trainer = subprocess.Popen(
                [sys.executable, "-c", TRAINER, uri, *run_id],
                stdout=subprocess.PIPE,
                text=True,
                env={**environment(), **settings},
                cwd=tmp_path,
            )
            running.callback(trainer.wait)
            running.callback(trainer.kill)
            assert trainer.stdout is not None
            running.callback(trainer.stdout.close)
            return trainer, trainer.stdout.readline().strip()

        yield started


@pytest.fixture
def server(start_server: Callable[..., MlkeepServer]) -> MlkeepServer:
    """A server that does not wait long."""
    return start_server("--lost-after", str(LOST_AFTER_S), "--no-access-log")


def until(condition: Callable[[], bool]) -> None:
    """Wait for it. Raises AssertionError: it takes too long."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_lost(client: MlkeepClient, run_id: str) -> bool:
    return LOST_TAG in client.get_run(run_id).data.tags


def test_a_trainer_that_is_killed_is_found_out_and_one_that_lives_is_not(server: MlkeepServer, start: Start) -> None:
    client = MlkeepClient(server.url)
    _, alive = start(server.url)
    killed, gone = start(server.url)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    until(lambda: is_lost(client, gone))
    run = client.get_run(gone)
    assert run.info.status == "RUNNING"
    assert [found.info.run_id for found in client.search_runs(["0"], "tags.mlkeep.lost != ''")] == [gone]

    start(server.url, gone)  # somebody goes on with it
    until(lambda: not is_lost(client, gone))
    until(lambda: bool(client.get_metric_history(alive, "loss")))
    assert not is_lost(client, alive)


def test_a_trainer_that_stands_still_is_lost_until_it_goes_on(server: MlkeepServer, start: Start) -> None:
    client = MlkeepClient(server.url)
    trainer, run_id = start(server.url)
    trainer.send_signal(signal.SIGSTOP)
    until(lambda: is_lost(client, run_id))
    trainer.send_signal(signal.SIGCONT)
    until(lambda: not is_lost(client, run_id))


def test_a_server_that_was_away_waits_before_it_gives_runs_up(
    start_server: Callable[..., MlkeepServer], start: Start, tmp_path: Path
) -> None:
    """Each server goes on with the database of the one before. The trainer dies while none is there."""
    options = ("--lost-after", "3", "--no-access-log")
    first = start_server(*options)
    trainer, run_id = start(first.url)
    first.stop()
    trainer.kill()
    trainer.wait()
    again = time.monotonic()
    client = MlkeepClient(start_server(*options).url)
    until(lambda: is_lost(client, run_id))
    assert time.monotonic() - again > 3


def test_two_workers_find_a_lost_run_as_one_does(start_server: Callable[..., MlkeepServer], start: Start) -> None:
    server = start_server("--lost-after", "1", "--workers", "2", "--no-access-log")
    trainer, run_id = start(server.url)
    trainer.kill()
    client = MlkeepClient(server.url)
    until(lambda: is_lost(client, run_id))


def test_a_trainer_on_a_database_of_its_own_is_found_out_when_that_is_opened(start: Start, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'own.db'}"
    trainer, run_id = start(uri)
    trainer.kill()
    trainer.wait()

    def is_lost_when_opened() -> bool:
        dispatcher = open_local(uri)
        told: Any = dispatcher.call(GetRun(run_id=run_id))
        dispatcher.close()
        assert told.run.info.status == "RUNNING"
        return any(tag.key == LOST_TAG for tag in told.run.data.tags)

    until(is_lost_when_opened)


def test_a_server_says_that_it_takes_heartbeats(start_server: Callable[..., MlkeepServer]) -> None:
    client = Client(start_server())
    told = client.ask("GET", "/api/3.0/mlflow/server-info").json
    answer = client.ask("POST", "/api/mlkeep/1/runs/heartbeat", {"run_ids": ["nobody"], "interval_ms": "60000"})
    client.close()
    assert told["mlkeep_heartbeats"] is True
    assert json.loads(answer.body) == {"runs": [], "lost_after_ms": 180_000}
