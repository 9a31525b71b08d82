"""`kill -9` of the trainer, of the server, of both, at random moments: what was logged is stored once.

Set MLKEEP_TEST_SEED to have the rounds of another seed, which a failure names.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from tests.faults.drivers import Driven, logged, stored
from tests.faults.misbehaving import AWAY, MisbehavingServer
from tests.faults.trainers import Trainer, differences, kept, recover

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("trainer_is_killed")]

SEED = int(os.environ.get("MLKEEP_TEST_SEED", "20261122"))
ROUNDS = 20
ROUNDS_AT_NIGHT = 200


class House:
    """One server that is killed now and then, and comes back on its port with its database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = MlkeepServer(folder, "--no-access-log")
        self.uri = self.server.url

    @property
    def is_up(self) -> bool:
        return self.server.process.poll() is None

    def kill(self) -> None:
        self.server.process.kill()
        self.server.process.wait()

    def repair(self) -> None:
        """Have the server up again."""
        if not self.is_up:
            self.server = MlkeepServer(self._folder, "--no-access-log", "--port", str(self.server.port))

    def end(self) -> None:
        self.server.end()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    running = House(tmp_path / "server")
    yield running
    running.end()
    print(running.server.output)


@dataclass(frozen=True)
class Round:
    """What happens when, in seconds from the start of the trainer; drawn from the seed."""

    seed: int
    victims: str
    is_server_there: bool
    trainer: dict[str, object]
    first_s: float
    between_s: float
    is_trainer_finished: bool

    @classmethod
    def drawn(cls, seed: int, number: int) -> Round:
        draw = random.Random(f"{seed}.{number}")
        victims = ("trainer", "server", "trainer", "both")[number % 4]
        plan: dict[str, object] = {
            "seed": draw.randrange(2**31),
            "threads": draw.choice((0, 0, 2)),
            "children": draw.choice((0, 0, 1)),
            "rest_s": draw.choice((0.0, 0.002, 0.02)),
            "cut_from": draw.choice((None, 4_096)),
        }
        is_server_there = victims == "trainer" or draw.random() < 0.8
        return cls(
            seed=seed,
            victims=victims,
            is_server_there=is_server_there,
            trainer=plan,
            first_s=draw.uniform(0, 0.5),
            between_s=draw.uniform(0, 0.3),
            is_trainer_finished=victims == "server" and draw.random() < 0.5,
        )


def play(number: int, this: Round, house: House, folder: Path) -> list[str]:
    """One round: a trainer and its end; what is wrong then."""
    house.repair()
    experiment_id = MlkeepClient(house.uri).create_experiment(f"round {number}")
    if not this.is_server_there:
        house.kill()
    trainer = Trainer(folder, house.uri, experiment_id, this.trainer)
    wrong: list[str] = []
    try:
        trainer.until(lambda: trainer.has_returned(1))
        time.sleep(this.first_s)
        match this.victims:
            case "trainer":
                trainer.kill()
            case "both":
                house.kill()
                time.sleep(this.between_s)
                trainer.kill()
                house.repair()
            case _:
                house.kill()
                time.sleep(this.between_s)
                house.repair()
                time.sleep(this.between_s)
                if this.is_trainer_finished:
                    wrong += trainer.finish()
                else:
                    trainer.kill()
        if not this.is_trainer_finished:
            wrong += recover(trainer.journals, house.uri)
        wrong += [f"left over: {name}" for name in trainer.left_over()]
        return wrong + differences(trainer.logged(), kept(house.uri, experiment_id))
    finally:
        trainer.end()
        print(trainer.output)


def play_rounds(count: int, seed: int, house: House, folder: Path) -> None:
    for number in range(count):
        this = Round.drawn(seed, number)
        print(f"MLKEEP_TEST_SEED={seed}: round {number}: {this}")
        assert play(number, this, house, folder / str(number)) == []


def test_what_was_logged_is_stored_once_whoever_is_killed(house: House, tmp_path: Path) -> None:
    play_rounds(ROUNDS, SEED, house, tmp_path)


def test_the_next_trainer_with_the_same_folder_sends_what_a_killed_one_left(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    killed = start_trainer(front.url)
    front.misbehaviour = AWAY
    assert killed.tell("log 0 100") == "done"
    assert killed.tell("param lr 0.1") == "done"
    killed.kill()
    front.misbehaviour = None

    following = start_trainer(front.url)
    assert following.tell("log 0 100") == "done"
    deadline = time.monotonic() + 30
    while any(name.startswith(killed.run_id) for name in killed.left_over()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert following.tell("end") == "done"
    assert following.finish() == 0
    assert following.left_over() == []
    for run_id in (killed.run_id, following.run_id):
        assert stored(shared_server.url, run_id) == logged(range(100))
    assert MlkeepClient(shared_server.url).get_run(killed.run_id).data.params == {"lr": "0.1"}


@pytest.mark.nightly
def test_what_was_logged_is_stored_once_whoever_is_killed_many_times(house: House, tmp_path: Path) -> None:
    play_rounds(
        ROUNDS_AT_NIGHT, random.randrange(2**31) if "MLKEEP_TEST_SEED" not in os.environ else SEED, house, tmp_path
    )
