"""A process says that it is alive as often as it promised, and no oftener."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlkeep.core.errors import InvalidInput, NotOffered, Unavailable
from mlkeep.core.states import RunStatus
from mlkeep.remote import abilities
from mlkeep.remote.door import HttpDoor
from mlkeep.remote.transport import Transport
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal.presence import Presence, heartbeat_interval_s
from mlkeep.sdk.local import open_local
from mlkeep.services.dispatch import Dispatcher
from mlkeep.wire import runs
from mlkeep.wire.heartbeats import Heartbeat, HeartbeatResponse


class Listening(Dispatcher):
    """A database in this process, and what it heard."""

    heard: list[Heartbeat]
    fails_with: Exception | None

    def beat(self, heartbeat: Heartbeat) -> HeartbeatResponse:
        self.heard.append(heartbeat)
        if self.fails_with is not None:
            raise self.fails_with
        return super().beat(heartbeat)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Listening]:
    door: Any = open_local(f"sqlite:///{tmp_path / 'mlkeep.db'}")
    door.__class__ = Listening
    door.heard, door.fails_with = [], None
    yield door
    door.close()


class Trainer:
    """The runs that are open, the time, and what tells of them."""

    def __init__(self, interval_s: float | None = 30) -> None:
        self.runs: list[str] = []
        self.seconds = 1_000.0
        self.presence = Presence(lambda: self.runs, interval_s=interval_s, steady_s=lambda: self.seconds)
        self.begun: list[float] = []

    def every(self, seconds: float, call: Callable[[Door], object]) -> Callable[[], None]:
        """Notes what is to be called, until it is ended."""
        assert call == self.presence.beat
        self.begun.append(seconds)
        return self.begun.clear


def started(door: Dispatcher) -> str:
    told: Any = door.call(runs.CreateRun(experiment_id="0", start_time=1))
    return str(told.run.info.run_id)


def names(door: Listening) -> list[list[str]]:
    """Which runs were told of, each time."""
    return [heartbeat.run_ids for heartbeat in door.heard]


def test_all_open_runs_are_told_of_at_once_and_then_every_interval(door: Listening) -> None:
    trainer = Trainer()
    trainer.runs = sorted(started(door) for _ in range(2))
    for _ in range(61):
        trainer.presence.beat(door)
        trainer.seconds += 1
    assert door.heard == [Heartbeat(run_ids=trainer.runs, interval_ms=30_000)] * 3


def test_a_run_that_is_started_is_told_of_at_once(door: Listening) -> None:
    trainer = Trainer()
    trainer.presence.beat(door)
    first, second = sorted(started(door) for _ in range(2))
    trainer.runs = [first]
    trainer.presence.beat(door)
    trainer.runs = [second, first]
    trainer.presence.beat(door)
    trainer.presence.beat(door)
    assert names(door) == [[first], [first, second]]


def test_a_run_that_ended_is_not_told_of(door: Listening) -> None:
    trainer = Trainer()
    first, second = trainer.runs = sorted(started(door) for _ in range(2))
    trainer.presence.beat(door)
    trainer.runs = [second]
    trainer.presence.beat(door)
    trainer.seconds += 30
    trainer.presence.beat(door)
    trainer.runs = []
    trainer.seconds += 30
    trainer.presence.beat(door)
    assert names(door) == [[first, second], [second]]
    trainer.runs = [first]  # it goes on
    trainer.presence.beat(door)
    assert names(door)[2:] == [[first]]


def test_who_leaves_runs_open_on_purpose_says_so(door: Listening) -> None:
    trainer = Trainer()
    first, second = trainer.runs = sorted(started(door) for _ in range(2))
    trainer.presence.begin(trainer.every)
    trainer.presence.beat(door)
    trainer.runs = [second, "not told of"]
    trainer.presence.leave(door)
    trainer.presence.leave(door)
    assert trainer.begun == []
    assert door.heard == [
        Heartbeat(run_ids=[first, second], interval_ms=30_000),
        Heartbeat(run_ids=[second], interval_ms=30_000, is_last=True),
    ]


def test_a_thread_has_one_thing_to_call_however_many_runs_are_started() -> None:
    trainer = Trainer()
    trainer.presence.begin(trainer.every)
    trainer.presence.begin(trainer.every)
    assert trainer.begun == [30]


def test_very_many_runs_are_told_of_in_parts(door: Listening) -> None:
    trainer = Trainer()
    trainer.runs = [f"run-{i:04}" for i in range(1_500)]
    trainer.presence.beat(door)
    assert names(door) == [trainer.runs[:1_000], trainer.runs[1_000:]]


def test_what_did_not_arrive_is_told_when_it_is_tried_again(door: Listening) -> None:
    trainer = Trainer()
    trainer.runs = [started(door)]
    door.fails_with = Unavailable("gone")
    with pytest.raises(Unavailable):
        trainer.presence.beat(door)
    door.fails_with = None
    trainer.presence.beat(door)
    trainer.presence.beat(door)
    assert names(door) == [trainer.runs] * 2


def test_who_wants_no_heartbeats_is_asked_again_after_the_interval(door: Listening) -> None:
    trainer = Trainer()
    trainer.runs = [started(door)]
    door.fails_with = NotOffered("no")
    for _ in range(3):
        trainer.presence.beat(door)
    trainer.seconds += 30
    trainer.presence.beat(door)
    assert len(door.heard) == 2


def test_an_interval_of_nothing_is_silence(door: Listening) -> None:
    trainer = Trainer(0)
    trainer.runs = [started(door)]
    trainer.presence.beat(door)
    trainer.presence.begin(trainer.every)
    assert (trainer.begun, door.heard) == ([], [])


def test_the_interval_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heartbeat_interval_s() == 30
    monkeypatch.setenv("MLKEEP_HEARTBEAT_INTERVAL", "0.25")
    assert Trainer(None).presence.interval_s == 0.25
    monkeypatch.setenv("MLKEEP_HEARTBEAT_INTERVAL", "often")
    with pytest.raises(InvalidInput, match="'often' of the environment variable MLKEEP_HEARTBEAT_INTERVAL"):
        Trainer(None)


ENDS: dict[str, Callable[[str], Any]] = {
    "has been deleted": lambda run_id: runs.DeleteRun(run_id=run_id),
    "has been ended elsewhere (KILLED)": lambda run_id: runs.UpdateRun(run_id=run_id, status=RunStatus.KILLED),
}


@pytest.mark.parametrize("words", ENDS)
def test_a_run_that_others_ended_is_warned_of_once(
    door: Listening, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the first time: it may have been ended by this process just now."""
    trainer = Trainer()
    trainer.runs = [started(door), started(door), "not there yet"]
    door.call(ENDS[words](trainer.runs[0]))
    told = []
    with caplog.at_level(logging.WARNING, "mlkeep"):
        for _ in range(4):
            trainer.presence.beat(door)
            trainer.seconds += 30
            told.append(len(caplog.messages))
    assert told == [0, 1, 1, 1]
    said = f"The run {trainer.runs[0]}, which this program works on, {words}."
    assert caplog.messages == [said]


def test_servers_that_take_no_heartbeats_are_sent_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of the official MLflow. Nothing listens at this address: a request would fail."""
    monkeypatch.setattr(abilities, "_asked", lambda _: abilities.PLAIN)
    trainer = Trainer()
    trainer.runs = ["a"]
    trainer.presence.beat(HttpDoor(Transport("http://127.0.0.1:9").hasty()))
