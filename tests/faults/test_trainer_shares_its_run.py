"""Several processes that log to one run at once: what each of them logged is stored once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from tests.faults.drivers import Driven, logged, stored
from tests.faults.misbehaving import AWAY, MisbehavingServer
from tests.faults.trainers import recover

pytestmark = pytest.mark.faults

STEPS = 500


def tell_both(trainers: Sequence[Driven], commands: Sequence[str]) -> None:
    """Have each do its thing, at the same time."""
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda trainer=trainer, command=command: answers.append(trainer.tell(command)))
        for trainer, command in zip(trainers, commands, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["done"] * len(trainers)


def test_two_processes_log_to_one_run(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    one = start_trainer(front.url)
    other = start_trainer(front.url, run_id=one.run_id)
    tell_both([one, other], [f"log 0 {STEPS}", f"log {STEPS} {2 * STEPS}"])
    tell_both([one, other], ["param one 1", "param other 2"])
    assert other.tell("end") == "done"
    assert other.finish() == 0
    assert one.tell(f"log {2 * STEPS} {3 * STEPS}") == "done"  # the run has ended for the other only
    assert one.tell("end") == "done"
    assert one.finish() == 0

    assert stored(shared_server.url, one.run_id) == logged(range(3 * STEPS))
    assert MlkeepClient(shared_server.url).get_run(one.run_id).data.params == {"one": "1", "other": "2"}
    assert one.left_over() == []


def test_of_two_processes_that_log_to_one_run_without_a_server_one_is_killed(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    one = start_trainer(front.url)
    other = start_trainer(front.url, run_id=one.run_id)
    front.misbehaviour = AWAY
    tell_both([one, other], [f"log 0 {STEPS}", f"log {STEPS} {2 * STEPS}"])
    tell_both([one, other], ["param one 1", "param other 2"])
    assert len(one.left_over()) == 2
    other.kill()
    assert one.tell("end") == "done"
    assert one.finish() == 0

    assert recover(one.journals, shared_server.url) == []
    assert stored(shared_server.url, one.run_id) == logged(range(2 * STEPS))
    assert MlkeepClient(shared_server.url).get_run(one.run_id).data.params == {"one": "1", "other": "2"}
    assert one.left_over() == []
