"""What is promised of the histories that charts are drawn from: several runs at once, whole or sampled."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both
from mlkeep.wire.metrics import GetBulkHistory, GetSampledHistory


def points(answer: Any) -> list[tuple[str, int, str]]:
    """Run, step and value (as text) of each point."""
    return [(point.run_id, point.step, repr(float(point.value))) for point in answer.metrics]


class ChartPromises(Suite):
    """Bulk histories and samples."""

    @pytest.fixture
    def twenty(self, client: MlkeepClient, run_id: str) -> str:
        """A run with 20 points, of steps 0 to 19 and falling timestamps."""
        client.log_batch(run_id, [Metric("m", float(step), 100 - step, step) for step in range(20)])
        return run_id

    def steps(self, door: Door, run_id: str, **more: Any) -> list[int]:
        """The steps of a sample."""
        answer = door.call(GetSampledHistory(run_ids=[run_id], metric_key="m", **more))
        return [point.step for point in answer.metrics]

    def test_a_bulk_history_goes_run_by_run_in_the_order_of_time(
        self, client: MlkeepClient, door: Door, experiment_id: str, twenty: str
    ) -> None:
        other = client.create_run(experiment_id).info.run_id
        client.log_batch(other, [Metric("m", math.nan, 1, 0), Metric("m", -1.0, 1, 0), Metric("n", 7.0, 1, 0)])
        told = door.call(GetBulkHistory(run_id=[twenty, other, "nobody", twenty], metric_key="m"))
        of_other = [(other, 0, "-1.0"), (other, 0, "nan")]
        of_twenty = [(twenty, step, repr(float(step))) for step in reversed(range(20))]
        assert points(told) == (of_other + of_twenty if other < twenty else of_twenty + of_other)

    def test_a_bulk_history_has_as_many_points_as_asked_for(self, door: Door, twenty: str) -> None:
        for asked, given in ((0, 0), (1, 1), (20, 20), (21, 20), (10**9, 20)):
            told = door.call(GetBulkHistory(run_id=[twenty], metric_key="m", max_results=asked))
            assert len(told.metrics) == given

    @pytest.mark.parametrize(
        ("most", "steps"),
        [
            (1, [19]),
            (2, [0, 19]),
            (3, [0, 7, 19]),
            (5, [0, 4, 8, 12, 19]),
            (19, [0, *range(2, 19), 19]),
            (20, list(range(20))),
            (2_500, list(range(20))),
        ],
    )
    def test_a_sample_is_the_first_point_of_each_part_and_the_last_of_all(
        self, door: Door, twenty: str, most: int, steps: list[int]
    ) -> None:
        assert self.steps(door, twenty, max_results=most) == steps

    def test_a_sample_of_some_steps(self, door: Door, twenty: str) -> None:
        assert self.steps(door, twenty, start_step=3, end_step=5) == [3, 4, 5]
        assert self.steps(door, twenty, start_step=3, end_step=12, max_results=4) == [3, 6, 9, 12]
        assert self.steps(door, twenty, start_step=30, end_step=40) == []

    def test_samples_come_in_the_order_the_runs_were_asked_for(
        self, client: MlkeepClient, door: Door, experiment_id: str, twenty: str
    ) -> None:
        other = client.create_run(experiment_id).info.run_id
        client.log_metric(other, "m", math.inf, timestamp=1, step=5)
        told = door.call(GetSampledHistory(run_ids=[other, "nobody", twenty, other], metric_key="m", max_results=2))
        assert points(told) == [(other, 5, "inf"), (twenty, 0, "0.0"), (twenty, 19, "19.0"), (other, 5, "inf")]

    def test_equal_points_count_once(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        for _ in range(3):
            client.log_metric(run_id, "m", 1.0, timestamp=1, step=1)
        assert len(door.call(GetBulkHistory(run_id=[run_id], metric_key="m")).metrics) == 1
        assert self.steps(door, run_id, max_results=1) == [1]

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (GetBulkHistory(metric_key="m"), "run_id"),
            (GetBulkHistory(run_id=["r"]), "metric_key"),
            (GetBulkHistory(run_id=["r"] * 101, metric_key="m"), "run_id"),
            (GetBulkHistory(run_id=["r"], metric_key="m", max_results=-1), "max_results"),
            (GetSampledHistory(metric_key="m"), "run_ids"),
            (GetSampledHistory(run_ids=["r"]), "metric_key"),
            (GetSampledHistory(run_ids=["r"] * 101, metric_key="m"), "run_ids"),
            (GetSampledHistory(run_ids=["r"], metric_key="m", max_results=0), "max_results"),
            (GetSampledHistory(run_ids=["r"], metric_key="m", max_results=2_501), "max_results"),
            (GetSampledHistory(run_ids=["r"], metric_key="m", start_step=1), "end_step"),
            (GetSampledHistory(run_ids=["r"], metric_key="m", end_step=1), "start_step"),
            (GetSampledHistory(run_ids=["r"], metric_key="m", start_step=2, end_step=1), "start_step"),
        ],
    )
    def test_a_request_that_cannot_be_answered_is_refused(self, door: Door, request_: Any, field: str) -> None:
        with pytest.raises(InvalidInput, match=names_both(field, "")):
            door.call(request_)
