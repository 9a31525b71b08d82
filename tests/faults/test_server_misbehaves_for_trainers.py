"""A server that misbehaves for a while keeps no trainer waiting, and has everything once when it behaves again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from tests.faults.misbehaving import AWAY, MisbehavingServer, Misbehaviour
from tests.faults.trainers import Trainer, differences, kept

pytestmark = pytest.mark.faults

STEPS = 300
CATCH_UP_LIMIT_S = 60

PAGE = b"<html><body><h1>Please sign in to the network</h1></body></html>"

WAYS = {
    "says 500": Misbehaviour(status=500, body=b'{"error_code": "INTERNAL_ERROR", "message": "no"}'),
    "says 503 with a page": Misbehaviour(status=503, body=PAGE, headers={"Content-Type": "text/html"}),
    "says 429": Misbehaviour(status=429, headers={"Retry-After": "1"}),
    "hangs": Misbehaviour(hangs=True),
    "hangs after it did what was asked": Misbehaviour(hangs=True, is_done=True),
    "closes without an answer": AWAY,
    "closes without an answer after it did what was asked": Misbehaviour(closes=True, is_done=True),
    "closes in the middle of an answer after it did what was asked": Misbehaviour(sent=1, is_done=True),
    "says 502 after it did what was asked": Misbehaviour(status=502, body=PAGE, is_done=True),
    "says 200 with the page of something else": Misbehaviour(status=200, body=PAGE),
}


@pytest.fixture
def start_training(tmp_path: Path) -> Iterator[Callable[..., Trainer]]:
    """Starts a trainer of `STEPS` steps that takes a server for silent after a second."""
    started: list[Trainer] = []

    def start(uri: str, experiment_id: str, **plan: object) -> Trainer:
        env = {"MLKEEP_HTTP_REQUEST_TIMEOUT": "1"}
        folder = tmp_path / str(len(started))
        started.append(Trainer(folder, uri, experiment_id, {"seed": 6, "steps": STEPS, **plan}, env=env))
        return started[-1]

    yield start
    for trainer in started:
        trainer.end()
        print(trainer.output)


def new_experiment(server: MlkeepServer) -> str:
    client = MlkeepClient(server.url)
    return next(
        client.create_experiment(name)
        for name in (f"e{number}" for number in itertools.count())
        if client.get_experiment_by_name(name) is None
    )


def catch_up(trainer: Trainer, uri: str, experiment_id: str) -> None:
    """Wait until the server has all that the trainer has logged."""
    deadline = time.monotonic() + CATCH_UP_LIMIT_S
    while (lacking := differences(trainer.logged(), kept(uri, experiment_id))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert lacking == []


@pytest.mark.parametrize("way", WAYS)
def test_all_calls_return_while_the_server_misbehaves_and_are_stored_once_after(
    way: str, shared_server: MlkeepServer, front: MisbehavingServer, start_training: Callable[..., Trainer]
) -> None:
    experiment_id = new_experiment(shared_server)
    trainer = start_training(front.url, experiment_id, rest_s=0.005)
    trainer.until(lambda: trainer.has_returned(20))

    front.misbehaviour = WAYS[way]
    trainer.until(lambda: trainer.is_done)
    misbehaved = len(front.misbehaved_at_s)
    front.misbehaviour = None

    catch_up(trainer, shared_server.url, experiment_id)  # nobody asked for it
    assert misbehaved > 0
    assert trainer.finish() == []
    assert trainer.left_over() == []
    assert differences(trainer.logged(), kept(shared_server.url, experiment_id)) == []


def test_a_run_can_begin_while_the_server_misbehaves(
    shared_server: MlkeepServer, front: MisbehavingServer, start_training: Callable[..., Trainer]
) -> None:
    experiment_id = new_experiment(shared_server)
    front.misbehaviour = WAYS["hangs"]
    trainer = start_training(front.url, experiment_id)
    trainer.until(lambda: trainer.is_done)
    front.misbehaviour = None

    catch_up(trainer, shared_server.url, experiment_id)
    assert trainer.finish() == []
    assert trainer.left_over() == []
    assert differences(trainer.logged(), kept(shared_server.url, experiment_id)) == []


def test_a_server_that_names_a_time_is_left_alone_until_then(
    shared_server: MlkeepServer, front: MisbehavingServer, start_training: Callable[..., Trainer]
) -> None:
    experiment_id = new_experiment(shared_server)
    trainer = start_training(front.url, experiment_id, rest_s=0.01)
    trainer.until(lambda: trainer.has_returned(20))
    front.misbehaviour = Misbehaviour(status=503, headers={"Retry-After": "3"})
    trainer.until(lambda: len(front.misbehaved_at_s) > 0)
    first = front.misbehaved_at_s[0]
    trainer.until(lambda: front.misbehaved_at_s[-1] > first + 1)  # what was on the way with the first may come after it

    later = [at for at in front.misbehaved_at_s if at > first + 1]
    assert later[0] - first >= 2.9
    front.misbehaviour = None
    trainer.until(lambda: trainer.is_done)
    catch_up(trainer, shared_server.url, experiment_id)


def test_an_outage_is_one_warning(
    shared_server: MlkeepServer, front: MisbehavingServer, start_training: Callable[..., Trainer]
) -> None:
    experiment_id = new_experiment(shared_server)
    trainer = start_training(front.url, experiment_id, rest_s=0.01)
    trainer.until(lambda: trainer.has_returned(20))
    front.misbehaviour = WAYS["says 500"]
    trainer.until(lambda: len(front.misbehaved_at_s) >= 3)
    front.misbehaviour = None
    trainer.until(lambda: trainer.is_done)
    catch_up(trainer, shared_server.url, experiment_id)
    assert trainer.finish() == []
    assert len([line for line in trainer.output.splitlines() if "kept on disk" in line]) == 1
