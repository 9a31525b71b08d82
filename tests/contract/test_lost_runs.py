"""Runs whose trainers vanish are found, by the clock of the server alone, and only those."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlkeep.core.states import RunStatus
from mlkeep.sdk.local import open_local
from mlkeep.services import dispatch
from mlkeep.services.dispatch import Dispatcher
from mlkeep.storage.contract import Event
from mlkeep.wire import runs
from mlkeep.wire.experiments import DeleteExperiment, RestoreExperiment
from mlkeep.wire.heartbeats import Heartbeat
from mlkeep.wire.metrics import LogMetric
from tests.contract.conftest import DATABASES, empty_database

BEGIN_MS = 1_767_323_045_678
BEGIN = "2026-01-02T03:04:05Z"
SECOND = 1_000
MINUTE = 60 * SECOND


class Clock:
    """The time of the server."""

    def __init__(self) -> None:
        self.ms = BEGIN_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dispatch, "now_ms", clock)
    return clock


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return empty_database(request.param, request, tmp_path)


@pytest.fixture
def dispatcher(url: str, clock: Clock) -> Iterator[Dispatcher]:
    dispatcher = open_local(url)
    yield dispatcher
    dispatcher.close()


def new_run(dispatcher: Dispatcher) -> str:
    told: Any = dispatcher.call(runs.CreateRun(experiment_id="0", start_time=1))
    return str(told.run.info.run_id)


def beat(dispatcher: Dispatcher, *run_ids: str, interval_ms: int = 30 * SECOND) -> None:
    dispatcher.call(Heartbeat(run_ids=list(run_ids), interval_ms=interval_ms))


def lost_since(dispatcher: Dispatcher, run_id: str) -> str | None:
    """The value of the tag."""
    told: Any = dispatcher.call(runs.GetRun(run_id=run_id))
    return {tag.key: tag.value for tag in told.run.data.tags}.get("mlkeep.lost")


def status(dispatcher: Dispatcher, run_id: str) -> str:
    told: Any = dispatcher.call(runs.GetRun(run_id=run_id))
    return str(told.run.info.status)


def events_of(dispatcher: Dispatcher, run_id: str) -> list[Event]:
    """What happened to a run after it was made."""
    told = dispatcher.storage.read(lambda tx: tx.events.after(0, 1_000))
    return [event for _, event in told if event.entity == f"run/{run_id}" and event.action != "run:created"]


def watched(dispatcher: Dispatcher) -> int:
    """How many runs are in the table of heartbeats."""
    return dispatcher.storage.read(
        lambda tx: int(tx.session.connection.exec_driver_sql("SELECT count(*) FROM heartbeats").scalar_one())  # type: ignore[attr-defined]  # of an SQL storage
    )


def test_a_run_is_lost_two_minutes_after_its_last_heartbeat_and_not_before(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    run_id = new_run(dispatcher)
    beat(dispatcher, run_id)
    clock.ms += 2 * MINUTE - 1
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id)) == (0, None)
    clock.ms += 1
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id)) == (1, BEGIN)
    assert status(dispatcher, run_id) == "RUNNING"
    assert [(event.action, event.before, event.after, event.at_ms) for event in events_of(dispatcher, run_id)] == [
        ("run:lost", None, {"mlkeep.lost": BEGIN}, clock.ms)
    ]
    clock.ms += 60 * MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id)) == (0, BEGIN)


def test_who_promised_to_come_seldom_is_lost_after_three_intervals(dispatcher: Dispatcher, clock: Clock) -> None:
    run_id = new_run(dispatcher)
    beat(dispatcher, run_id, interval_ms=10 * MINUTE)
    clock.ms += 30 * MINUTE - 1
    assert dispatcher.find_lost() == 0
    clock.ms += 1
    assert dispatcher.find_lost() == 1


def test_how_long_a_run_may_be_silent_is_set_by_the_environment(
    url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLKEEP_LOST_AFTER", "0.5")
    dispatcher = open_local(url)
    patient, quick = new_run(dispatcher), new_run(dispatcher)
    beat(dispatcher, patient)
    beat(dispatcher, quick, interval_ms=100)
    clock.ms += 500
    assert (dispatcher.find_lost(), lost_since(dispatcher, patient)) == (1, None)
    dispatcher.close()


def test_a_run_that_nobody_ever_said_to_be_alive_is_never_lost(dispatcher: Dispatcher, clock: Clock) -> None:
    run_id = new_run(dispatcher)
    dispatcher.call(LogMetric(run_id=run_id, key="loss", value=1.0, timestamp=1))
    clock.ms += 10_000 * MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id)) == (0, None)


def test_a_heartbeat_takes_the_tag_away(dispatcher: Dispatcher, clock: Clock) -> None:
    run_id, other = new_run(dispatcher), new_run(dispatcher)
    beat(dispatcher, run_id, other)
    clock.ms += 2 * MINUTE
    assert dispatcher.find_lost() == 2
    clock.ms += MINUTE
    beat(dispatcher, run_id)
    beat(dispatcher, run_id)
    assert (lost_since(dispatcher, run_id), lost_since(dispatcher, other)) == (None, BEGIN)
    assert [(event.action, event.before, event.after, event.at_ms) for event in events_of(dispatcher, run_id)] == [
        ("run:lost", None, {"mlkeep.lost": BEGIN}, clock.ms - MINUTE),
        ("run:returned", {"mlkeep.lost": BEGIN}, None, clock.ms),
    ]
    clock.ms += 2 * MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id)) == (1, "2026-01-02T03:07:05Z")


def test_a_run_that_ends_is_waited_for_no_longer(dispatcher: Dispatcher, clock: Clock) -> None:
    run_id = new_run(dispatcher)
    beat(dispatcher, run_id)
    dispatcher.call(runs.UpdateRun(run_id=run_id, status=RunStatus.FINISHED, end_time=1))
    assert watched(dispatcher) == 0
    beat(dispatcher, run_id)
    assert watched(dispatcher) == 0
    clock.ms += 60 * MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id), events_of(dispatcher, run_id)) == (0, None, [])


@pytest.mark.parametrize("told", [RunStatus.FAILED, RunStatus.RUNNING])
def test_a_lost_run_of_which_somebody_says_how_it_stands_is_lost_no_longer(
    dispatcher: Dispatcher, clock: Clock, told: RunStatus
) -> None:
    run_id = new_run(dispatcher)
    beat(dispatcher, run_id)
    clock.ms += 2 * MINUTE
    dispatcher.find_lost()
    dispatcher.call(runs.UpdateRun(run_id=run_id, status=told))
    assert (lost_since(dispatcher, run_id), status(dispatcher, run_id), watched(dispatcher)) == (None, told.name, 0)
    assert [event.action for event in events_of(dispatcher, run_id)] == ["run:lost", "run:returned"]


def test_another_name_for_a_lost_run_does_not_bring_it_back(dispatcher: Dispatcher, clock: Clock) -> None:
    run_id = new_run(dispatcher)
    beat(dispatcher, run_id)
    clock.ms += 2 * MINUTE
    dispatcher.find_lost()
    dispatcher.call(runs.UpdateRun(run_id=run_id, run_name="gone"))
    assert lost_since(dispatcher, run_id) == BEGIN


def test_a_run_that_is_left_open_on_purpose_is_not_lost(dispatcher: Dispatcher, clock: Clock) -> None:
    left, lost = new_run(dispatcher), new_run(dispatcher)
    beat(dispatcher, left, lost)
    dispatcher.call(Heartbeat(run_ids=[left], interval_ms=1, is_last=True))
    clock.ms += 2 * MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, left)) == (1, None)
    dispatcher.call(Heartbeat(run_ids=[lost], interval_ms=1, is_last=True))
    assert (lost_since(dispatcher, lost), watched(dispatcher)) == (None, 0)
    beat(dispatcher, left)  # by another that works on it
    clock.ms += 2 * MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, left)) == (1, "2026-01-02T03:06:05Z")


def test_a_run_that_was_deleted_is_not_lost(dispatcher: Dispatcher, clock: Clock) -> None:
    alone = new_run(dispatcher)
    beat(dispatcher, alone)
    dispatcher.call(runs.DeleteRun(run_id=alone))
    clock.ms += 2 * MINUTE
    assert (dispatcher.find_lost(), watched(dispatcher)) == (0, 0)
    together = new_run(dispatcher)
    beat(dispatcher, together)
    dispatcher.call(DeleteExperiment(experiment_id="0"))
    clock.ms += 2 * MINUTE
    assert (dispatcher.find_lost(), watched(dispatcher)) == (0, 0)
    dispatcher.call(RestoreExperiment(experiment_id="0"))
    assert dispatcher.find_lost() == 0


def test_a_run_that_code_of_before_has_ended_is_not_lost(dispatcher: Dispatcher, clock: Clock) -> None:
    run_id = new_run(dispatcher)
    beat(dispatcher, run_id)
    ended = f"UPDATE runs SET status = 3 WHERE run_id = '{run_id}'"
    dispatcher.storage.write(lambda tx: tx.session.connection.exec_driver_sql(ended)).result(10)  # type: ignore[attr-defined]  # of an SQL storage
    clock.ms += 2 * MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id), watched(dispatcher)) == (0, None, 0)


def test_a_clock_that_goes_back_loses_nobody(dispatcher: Dispatcher, clock: Clock) -> None:
    run_id = new_run(dispatcher)
    beat(dispatcher, run_id)
    clock.ms -= 60 * MINUTE
    assert dispatcher.find_lost() == 0
    beat(dispatcher, run_id)
    clock.ms += MINUTE
    assert dispatcher.find_lost() == 0
    clock.ms += MINUTE
    assert (dispatcher.find_lost(), lost_since(dispatcher, run_id)) == (1, "2026-01-02T02:04:05Z")


def test_who_was_not_there_to_hear_loses_nobody(dispatcher: Dispatcher, clock: Clock) -> None:
    often, seldom = new_run(dispatcher), new_run(dispatcher)
    beat(dispatcher, often)
    beat(dispatcher, seldom, interval_ms=10 * MINUTE)
    clock.ms += 60 * MINUTE
    assert dispatcher.find_lost(watched_ms=2 * MINUTE - 1) == 0
    assert dispatcher.find_lost(watched_ms=2 * MINUTE) == 1
    assert (lost_since(dispatcher, often), lost_since(dispatcher, seldom)) == (BEGIN, None)
    assert dispatcher.find_lost(watched_ms=30 * MINUTE) == 1


def test_a_database_that_is_opened_in_process_is_looked_through(url: str, clock: Clock) -> None:
    first = open_local(url)
    run_id = new_run(first)
    beat(first, run_id)
    first.close()
    clock.ms += 2 * MINUTE
    second = open_local(url)
    assert lost_since(second, run_id) == BEGIN
    second.close()


def test_who_beats_in_process_looks_for_others(
    dispatcher: Dispatcher, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though not before it has been there for as long as they are waited for."""
    gone, alive = new_run(dispatcher), new_run(dispatcher)
    beat(dispatcher, gone)
    clock.ms += 2 * MINUTE
    told = []
    for there_ms in (MINUTE, 2 * MINUTE):
        monkeypatch.setattr(dispatcher._watch, "look", lambda _, there_ms=there_ms: there_ms)
        dispatcher.beat(Heartbeat(run_ids=[alive], interval_ms=30 * SECOND))
        told.append((lost_since(dispatcher, gone), lost_since(dispatcher, alive)))
    assert told == [(None, None), (BEGIN, None)]


def test_many_are_found_by_several_that_look_at_once_and_each_is_told_of_once(
    dispatcher: Dispatcher, url: str, clock: Clock
) -> None:
    run_ids = [new_run(dispatcher) for _ in range(50)]
    alive, gone = run_ids[::5], [run_id for i, run_id in enumerate(run_ids) if i % 5]
    beat(dispatcher, *run_ids)
    clock.ms += MINUTE
    beat(dispatcher, *alive)
    others = [open_local(url) for _ in range(2)]
    clock.ms += MINUTE
    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(Dispatcher.find_lost, [dispatcher, *others])) == len(gone)
    for other in others:
        other.close()
    assert [lost_since(dispatcher, run_id) for run_id in gone] == [BEGIN] * len(gone)
    assert [lost_since(dispatcher, run_id) for run_id in alive] == [None] * len(alive)
    assert [len(events_of(dispatcher, run_id)) for run_id in gone] == [1] * len(gone)


def test_however_these_meet_only_what_is_lost_has_the_tag(dispatcher: Dispatcher, clock: Clock) -> None:
    run_ids = [new_run(dispatcher) for _ in range(6)]

    def live(turn: int) -> None:
        match turn % 4:
            case 0:
                beat(dispatcher, *run_ids, interval_ms=1)
            case 1:
                clock.ms += 2 * MINUTE
                dispatcher.find_lost()
            case 2:
                dispatcher.call(runs.UpdateRun(run_id=run_ids[turn % 6], status=RunStatus.FINISHED))
            case _:
                dispatcher.call(runs.UpdateRun(run_id=run_ids[turn % 6], status=RunStatus.RUNNING))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(live, range(120)))
    tagged = {run_id for run_id in run_ids if lost_since(dispatcher, run_id) is not None}
    given_up = "SELECT runs.run_id FROM heartbeats JOIN runs ON runs.id = heartbeats.run_id WHERE expires_at_ms IS NULL"
    rows = dispatcher.storage.read(lambda tx: tx.session.connection.exec_driver_sql(given_up).all())  # type: ignore[attr-defined]  # of an SQL storage
    assert {row[0] for row in rows} == tagged
    assert {status(dispatcher, run_id) for run_id in tagged} <= {"RUNNING"}
    for run_id in run_ids:
        told = [event.action for event in events_of(dispatcher, run_id)]
        assert told == (["run:lost", "run:returned"] * len(told))[: len(told)]
        assert (len(told) % 2 == 1) == (run_id in tagged)
