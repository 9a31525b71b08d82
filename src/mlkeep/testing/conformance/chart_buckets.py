"""What is promised of charts of many series: every point of short ones, buckets of long ones, and the same x for all."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both
from mlkeep.wire.charts import ChartMarks, ChartResponse, ChartSeries, GetChart, SeriesInput

START_MS = 1_700_000_000_000
"""When the runs of these charts began."""


class ChartBucketPromises(Suite):
    """Charts."""

    @pytest.fixture
    def run(self, client: MlkeepClient, experiment_id: str) -> str:
        """A run that has logged nothing yet."""
        return client.create_run(experiment_id, start_time=START_MS).info.run_id

    def only(self, door: Door, run: str, **more: Any) -> ChartSeries:
        """The chart of the series `m` of a run."""
        (series,) = door.call(GetChart(run_ids=[run], keys=["m"], **more)).series
        assert isinstance(series, ChartSeries)
        return series

    def test_a_short_series_is_there_point_by_point(self, client: MlkeepClient, door: Door, run: str) -> None:
        points = [(3, 30, 0.1), (-2, 10, math.nan), (3, 40, math.inf), (5, 20, -1.5)]
        client.log_batch(run, [Metric("m", value, START_MS + ms, step) for step, ms, value in points])
        told = door.call(GetChart(series=[SeriesInput(run_id=run, key="m")], buckets=2))
        assert told == ChartResponse(
            width=8,
            series=[
                ChartSeries(
                    run_id=run,
                    key="m",
                    n=4,
                    exact=True,
                    x=[-2, 3, 3, 5],
                    last=["NaN", 0.1, "Infinity", -1.5],
                    nan=ChartMarks(x=[-2, 3], kind=["NaN", "Infinity"]),
                )
            ],
        )

    def test_a_long_series_is_put_into_buckets_that_begin_at_multiples_of_their_width(
        self, client: MlkeepClient, door: Door, run: str
    ) -> None:
        odd = {2: math.nan, 4: math.inf, 5: -math.inf, 6: math.nan, 7: math.nan}
        points = [Metric("m", odd.get(step, float(step)), START_MS - step, step) for step in range(-1, 11)]
        client.log_batch(run, points)
        told = door.call(GetChart(run_ids=[run], keys=["m"], buckets=4))
        assert told == ChartResponse(
            width=4,
            series=[
                ChartSeries(
                    run_id=run,
                    key="m",
                    n=12,
                    exact=False,
                    x=[-4, 0, 4, 8],
                    last=[-1.0, 3.0, "NaN", 10.0],
                    min=[-1.0, 0.0, None, 8.0],
                    max=[-1.0, 3.0, None, 10.0],
                    mean=[-1.0, 4 / 3, None, 9.0],
                    count=[1, 4, 4, 3],
                    nan=ChartMarks(x=[2, 4, 5, 6], kind=["NaN", "Infinity", "-Infinity", "NaN"]),
                )
            ],
        )

    def test_x_counts_steps_or_time_or_time_since_the_run_began(
        self, client: MlkeepClient, door: Door, run: str
    ) -> None:
        client.log_batch(run, [Metric("m", float(step), START_MS + 1_000 * (9 - step), step) for step in range(3)])
        told = {x: self.only(door, run, x=x) for x in ("step", "wall", "relative")}
        assert {x: (series.x, series.last) for x, series in told.items()} == {
            "step": ([0, 1, 2], [0.0, 1.0, 2.0]),
            "wall": ([START_MS + 7_000, START_MS + 8_000, START_MS + 9_000], [2.0, 1.0, 0.0]),
            "relative": ([7_000, 8_000, 9_000], [2.0, 1.0, 0.0]),
        }

    @pytest.mark.parametrize("x", ["step", "wall", "relative"])
    def test_only_points_between_the_ends_count(self, client: MlkeepClient, door: Door, run: str, x: str) -> None:
        client.log_batch(run, [Metric("m", float(step), START_MS + step, step) for step in range(40)])
        begin, end = (START_MS + 10 if x == "wall" else 10), (START_MS + 29 if x == "wall" else 29)
        inside = self.only(door, run, x=x, begin=begin, end=end, buckets=10)
        assert (inside.n, inside.exact, inside.last) == (20, True, [float(step) for step in range(10, 30)])
        assert self.only(door, run, x=x, end=end, buckets=100).last == [float(step) for step in range(30)]
        assert self.only(door, run, x=x, begin=begin, buckets=100).last == [float(step) for step in range(10, 40)]
        fewer = self.only(door, run, x=x, begin=begin, end=end, buckets=5)
        assert (fewer.n, fewer.exact, sum(fewer.count), fewer.last[-1]) == (20, False, 20, 29.0)
        assert len(fewer.x) <= 5

    def test_all_series_of_a_chart_have_the_same_buckets(
        self, client: MlkeepClient, door: Door, experiment_id: str
    ) -> None:
        runs = [client.create_run(experiment_id, start_time=START_MS).info.run_id for _ in range(2)]
        client.log_batch(runs[0], [Metric("m", 1.0, START_MS, step) for step in range(20)])
        client.log_batch(runs[1], [Metric("m", float(step), START_MS, step) for step in range(100)])
        told = door.call(GetChart(run_ids=runs, keys=["m"], buckets=4))
        assert (told.width, [series.x for series in told.series]) == (32, [[0], [0, 32, 64, 96]])
        assert [series.count for series in told.series] == [[20], [32, 32, 32, 4]]
        assert [series.mean for series in told.series] == [[1.0], [15.5, 47.5, 79.5, 97.5]]

    def test_series_come_as_often_and_in_the_order_they_were_named(
        self, client: MlkeepClient, door: Door, run: str
    ) -> None:
        client.log_metric(run, "m", 1.0, timestamp=START_MS, step=1)
        client.log_metric(run, "n", 2.0, timestamp=START_MS, step=1)
        named = [("nobody", "m"), (run, "never"), (run, "n"), (run, "m"), (run, "n")]
        told = door.call(
            GetChart(
                series=[SeriesInput(run_id=run_id, key=key) for run_id, key in named],
                run_ids=[run, "nobody"],
                keys=["m", "n"],
            )
        )
        crossed = [(run, "m"), (run, "n"), ("nobody", "m"), ("nobody", "n")]
        assert [(series.run_id, series.key) for series in told.series] == named + crossed
        assert [series.last for series in told.series] == [[], [], [2.0], [1.0], [2.0], [1.0], [2.0], [], []]
        assert told.series[0] == ChartSeries(run_id="nobody", key="m", n=0, exact=True)

    def test_many_series_come_in_one_answer(self, client: MlkeepClient, door: Door, run: str) -> None:
        keys = [f"key {i}" for i in range(150)]
        client.log_batch(run, [Metric(key, float(i), START_MS, 0) for i, key in enumerate(keys)])
        told = door.call(GetChart(run_ids=[run], keys=keys[::-1]))
        assert [series.last for series in told.series] == [[float(i)] for i in reversed(range(150))]

    def test_equal_points_count_once(self, client: MlkeepClient, door: Door, run: str) -> None:
        for value in (1.0, math.nan):
            for _ in range(2):
                client.log_metric(run, "m", value, timestamp=START_MS, step=1)
        assert (self.only(door, run).n, self.only(door, run).last) == (2, ["NaN", 1.0])

    def test_the_charts_of_deleted_runs_are_still_there(self, client: MlkeepClient, door: Door, run: str) -> None:
        client.log_metric(run, "m", 1.0, timestamp=START_MS, step=1)
        client.delete_run(run)
        assert self.only(door, run).last == [1.0]

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (GetChart(), "series"),
            (GetChart(series=[SeriesInput(key="m")]), "run_id"),
            (GetChart(series=[SeriesInput(run_id="r")]), "key"),
            (GetChart(run_ids=["r"]), "keys"),
            (GetChart(keys=["m"]), "run_ids"),
            (GetChart(run_ids=["r"] * 26, keys=["m"] * 40), "series"),
            (GetChart(run_ids=["r"], keys=["m"], x="loss"), "x"),
            (GetChart(run_ids=["r"], keys=["m"], buckets=1), "buckets"),
            (GetChart(run_ids=["r"], keys=["m"], buckets=2_001), "buckets"),
            (GetChart(run_ids=["r"] * 25, keys=["m"] * 40, buckets=1_001), "buckets"),
            (GetChart(run_ids=["r"], keys=["m"], begin=2, end=1), "from"),
        ],
    )
    def test_a_request_that_cannot_be_answered_is_refused(self, door: Door, request_: GetChart, field: str) -> None:
        with pytest.raises(InvalidInput, match=names_both(field, "")):
            door.call(request_)
