"""What is promised of heartbeats, as far as it can be told without waiting."""

from __future__ import annotations

import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.core.limits import MAX_HEARTBEAT_INTERVAL_MS, MAX_RUNS_PER_HEARTBEAT
from mlkeep.core.presence import LOST_TAG
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite
from mlkeep.wire.heartbeats import Heartbeat, HeartbeatResponse, RunState

INTERVAL_MS = 30_000


class HeartbeatPromises(Suite):
    """Who says that runs are alive is told how they stand."""

    def test_runs_are_told_of_in_the_order_they_were_named_and_once(
        self, client: MlkeepClient, door: Door, experiment_id: str
    ) -> None:
        runs = [client.create_run(experiment_id).info.run_id for _ in range(4)]
        client.set_terminated(runs[1], status="KILLED")
        client.delete_run(runs[2])
        assert beat(door, runs[3], "nobody", *runs) == [
            RunState(run_id=runs[3], status="RUNNING", lifecycle_stage="active"),
            RunState(run_id=runs[0], status="RUNNING", lifecycle_stage="active"),
            RunState(run_id=runs[1], status="KILLED", lifecycle_stage="active"),
            RunState(run_id=runs[2], status="RUNNING", lifecycle_stage="deleted"),
        ]

    def test_a_heartbeat_changes_nothing_of_the_run(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        before = client.get_run(run_id)
        beat(door, run_id)
        beat(door, run_id)
        assert client.get_run(run_id) == before

    def test_a_heartbeat_of_no_runs_is_answered(self, door: Door) -> None:
        assert beat(door) == []

    def test_many_runs_share_a_heartbeat(self, client: MlkeepClient, door: Door, experiment_id: str) -> None:
        runs = [client.create_run(experiment_id).info.run_id for _ in range(40)]
        assert [state.run_id for state in beat(door, *runs)] == runs

    def test_who_promises_to_come_seldom_is_waited_for_longer(self, door: Door, run_id: str) -> None:
        answers = [door.beat(Heartbeat(run_ids=[run_id], interval_ms=hours * 3_600_000)) for hours in (1, 2)]
        assert [answer.lost_after_ms for answer in answers if answer is not None] == [3 * 3_600_000, 6 * 3_600_000]

    @pytest.mark.parametrize("interval_ms", [0, -1, MAX_HEARTBEAT_INTERVAL_MS + 1])
    def test_an_interval_that_cannot_be_is_refused(self, door: Door, run_id: str, interval_ms: int) -> None:
        with pytest.raises(InvalidInput, match=f"{interval_ms} for parameter 'interval_ms'"):
            door.beat(Heartbeat(run_ids=[run_id], interval_ms=interval_ms))

    def test_an_interval_has_to_be_given(self, door: Door, run_id: str) -> None:
        with pytest.raises(InvalidInput, match="interval_ms"):
            door.beat(Heartbeat(run_ids=[run_id]))

    def test_too_many_runs_are_refused(self, door: Door) -> None:
        with pytest.raises(InvalidInput, match=r"at most 1000 runs in 'run_ids'\. Got 1001"):
            beat(door, *(f"run-{i}" for i in range(MAX_RUNS_PER_HEARTBEAT + 1)))

    def test_lost_runs_are_found_by_their_tag(self, client: MlkeepClient, experiment_id: str) -> None:
        lost, _ = (client.create_run(experiment_id).info.run_id for _ in range(2))
        client.set_tag(lost, LOST_TAG, "2026-01-02T03:04:05Z")
        found = client.search_runs([experiment_id], f"tags.{LOST_TAG} != ''")
        assert [run.info.run_id for run in found] == [lost]


def beat(door: Door, *run_ids: str) -> list[RunState]:
    """What is told of runs that are said to be alive. Raises AssertionError: nobody listens."""
    answer = door.beat(Heartbeat(run_ids=list(run_ids), interval_ms=INTERVAL_MS))
    assert isinstance(answer, HeartbeatResponse)
    return answer.runs
