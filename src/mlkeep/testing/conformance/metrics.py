"""What is promised of metrics."""

from __future__ import annotations

import base64
import json
import math
import re

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both
from mlkeep.wire.metrics import GetMetricHistory, LogMetric

Point = tuple[int, int, float]
"""Step, timestamp, value."""


def log(client: MlkeepClient, run_id: str, points: list[Point], key: str = "m") -> None:
    """Log points one by one, in the order given."""
    for step, timestamp, value in points:
        client.log_metric(run_id, key, value, timestamp=timestamp, step=step)


def history(client: MlkeepClient, run_id: str, key: str = "m") -> list[tuple[int, int, str]]:
    """Step, timestamp and value as text (NaN is not equal to itself)."""
    return [(point.step, point.timestamp, repr(point.value)) for point in client.get_metric_history(run_id, key)]


class MetricPromises(Suite):
    """Points, the latest of them, their history."""

    def test_a_point_is_kept_as_it_was_logged(self, client: MlkeepClient, run_id: str) -> None:
        client.log_metric(run_id, "loss", 0.1, timestamp=7, step=-3)
        assert client.get_metric_history(run_id, "loss") == [Metric("loss", 0.1, 7, -3)]
        assert client.get_run(run_id).data.metrics == {"loss": 0.1}

    def test_a_point_without_time_and_step_is_of_now_and_step_0(self, client: MlkeepClient, run_id: str) -> None:
        before = now_ms()
        client.log_metric(run_id, "m", 1)
        (point,) = client.get_metric_history(run_id, "m")
        assert (point.value, point.step) == (1.0, 0)
        assert before <= point.timestamp <= now_ms()

    @pytest.mark.parametrize("value", [0.1, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf, 2**53])
    def test_every_double_comes_back_as_it_went(self, client: MlkeepClient, run_id: str, value: float) -> None:
        client.log_metric(run_id, "m", value, timestamp=1)
        assert history(client, run_id) == [(0, 1, repr(float(value)))]
        assert repr(client.get_run(run_id).data.metrics["m"]) == repr(float(value))

    @pytest.mark.parametrize("step", [-(2**63), -1, 0, 2**63 - 1])
    def test_steps_have_64_bits(self, client: MlkeepClient, run_id: str, step: int) -> None:
        client.log_metric(run_id, "m", 1.0, timestamp=2**63 - 1, step=step)
        assert client.get_metric_history(run_id, "m") == [Metric("m", 1.0, 2**63 - 1, step)]

    @pytest.mark.parametrize(
        ("points", "latest"),
        [
            ([(0, 1, 1.0), (0, 2, 2.0)], "2.0"),
            ([(1, 1, 1.0), (0, 2, 2.0)], "1.0"),
            ([(1, 5, 1.0), (1, 4, 2.0)], "1.0"),
            ([(0, 1, 1.0), (0, 1, 2.0)], "2.0"),
            ([(0, 1, 2.0), (0, 1, 1.0)], "2.0"),
            ([(0, 1, -1.0), (0, 1, math.nan)], "nan"),
            ([(0, 1, 5.0), (0, 1, math.nan)], "5.0"),
            ([(0, 1, math.nan), (0, 1, 5.0)], "5.0"),
            ([(0, 1, math.nan), (0, 1, -1.0)], "nan"),
            ([(0, 1, 5.0), (1, 0, math.nan)], "nan"),
            ([(0, 1, math.nan), (0, 1, 0.0)], "nan"),
            ([(0, 1, 0.0), (0, 1, math.nan)], "0.0"),
            ([(0, 1, 1e308), (0, 1, math.inf)], "inf"),
            ([(0, 1, -math.inf), (0, 1, -1e308)], "-1e+308"),
            ([(-5, 9, 1.0), (-6, 10, 2.0)], "1.0"),
        ],
    )
    def test_the_latest_point_is_the_greatest_by_step_then_time_then_value(
        self, client: MlkeepClient, run_id: str, points: list[Point], latest: str
    ) -> None:
        log(client, run_id, points)
        assert repr(client.get_run(run_id).data.metrics["m"]) == latest
        client.log_batch(run_id, [Metric("batch", value, timestamp, step) for step, timestamp, value in points])
        assert repr(client.get_run(run_id).data.metrics["batch"]) == latest

    def test_equal_points_are_one(self, client: MlkeepClient, run_id: str) -> None:
        points = [(0, 1, 1.0), (0, 1, math.nan), (0, 1, 0.0), (0, 2, 1.0), (1, 1, 1.0)]
        log(client, run_id, [*points, *points])
        client.log_batch(run_id, [Metric("m", value, timestamp, step) for step, timestamp, value in points * 2])
        assert history(client, run_id) == [
            (0, 1, "0.0"),
            (0, 1, "nan"),
            (0, 1, "1.0"),
            (1, 1, "1.0"),
            (0, 2, "1.0"),
        ]

    def test_a_history_is_sorted_by_time_then_step_then_value(self, client: MlkeepClient, run_id: str) -> None:
        log(client, run_id, [(2, 1, 0.0), (1, 2, 5.0), (1, 2, -5.0), (0, 3, 0.0), (1, 1, 0.0)])
        assert history(client, run_id) == [
            (1, 1, "0.0"),
            (2, 1, "0.0"),
            (1, 2, "-5.0"),
            (1, 2, "5.0"),
            (0, 3, "0.0"),
        ]

    def test_keys_and_runs_do_not_mix(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        other = client.create_run(experiment_id).info.run_id
        log(client, run_id, [(0, 1, 1.0)], "a")
        log(client, run_id, [(0, 1, 2.0)], "A")
        log(client, other, [(0, 1, 3.0)], "a")
        assert client.get_run(run_id).data.metrics == {"a": 1.0, "A": 2.0}
        assert [history(client, run_id, "a"), history(client, other, "a")] == [[(0, 1, "1.0")], [(0, 1, "3.0")]]

    def test_a_key_never_logged_has_an_empty_history(self, client: MlkeepClient, run_id: str) -> None:
        assert client.get_metric_history(run_id, "nothing") == []

    def test_a_history_comes_in_pages(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        values = [math.nan, 0.0, math.inf, -math.inf, 1.0, 2.0, 3.0]
        client.log_batch(run_id, [Metric("m", value, 1, 0) for value in values])
        whole, paged, token = history(client, run_id), [], ""
        while True:
            page = door.call(GetMetricHistory(run_id=run_id, metric_key="m", max_results=2, page_token=token))
            paged += [(point.step, point.timestamp, repr(float(point.value))) for point in page.metrics]
            client.log_metric(run_id, "m", -7.0, timestamp=0)  # behind the reader: changes nothing for it
            if not (token := page.next_page_token):
                break
        assert [value for _, _, value in whole] == ["-inf", "0.0", "nan", "1.0", "2.0", "3.0", "inf"]
        assert paged == whole

    def test_a_long_history_is_whole_whichever_way_it_was_logged(
        self, client: MlkeepClient, door: Door, run_id: str
    ) -> None:
        points = [Metric("m", math.nan if i % 97 == 0 else i / 7, 1_000 + i // 2, i) for i in range(3_200)]
        client.log_batch(run_id, points[1_000:2_000])
        client.log_batch(run_id, points[:1_000])
        for begin in range(2_000, 3_000, 20):
            client.log_batch(run_id, points[begin : begin + 20])
        client.set_terminated(run_id)
        for point in points[3_000:3_050]:
            client.log_metric(run_id, "m", point.value, point.timestamp, point.step)
        client.log_batch(run_id, points[3_040:])
        client.log_batch(run_id, points[500:600])
        told = [(point.step, point.timestamp, repr(point.value)) for point in points]
        assert history(client, run_id) == told
        paged: list[tuple[int, int, str]] = []
        token = ""
        while not paged or token:
            page = door.call(GetMetricHistory(run_id=run_id, metric_key="m", max_results=700, page_token=token))
            paged += [(point.step, point.timestamp, repr(float(point.value))) for point in page.metrics]
            token = page.next_page_token
        assert paged == told
        assert client.get_run(run_id).data.metrics == {"m": points[-1].value}

    def test_a_history_without_a_size_is_whole(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        client.log_batch(run_id, [Metric("m", float(i), i, i) for i in range(1_000)])
        answer = door.call(GetMetricHistory(run_id=run_id, metric_key="m"))
        assert (len(answer.metrics), answer.next_page_token) == (1_000, "")

    @pytest.mark.parametrize("max_results", [0, -1])
    def test_a_page_has_at_least_1_point(self, door: Door, run_id: str, max_results: int) -> None:
        with pytest.raises(InvalidInput, match=names_both("max_results", str(max_results))):
            door.call(GetMetricHistory(run_id=run_id, metric_key="m", max_results=max_results))

    @pytest.mark.parametrize(
        "place", ["x", None, [], [1, 2], ["a", 1, 1, 1], [2**70, 1, 1, 1], [1, 1, {}, 1], [1, 1, math.nan, 1]]
    )
    def test_a_token_that_is_none_is_refused(
        self, client: MlkeepClient, door: Door, run_id: str, place: object
    ) -> None:
        client.log_metric(run_id, "m", 1.0)
        forged = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
        for token in ("x", "é", forged):
            with pytest.raises(InvalidInput, match="page_token"):
                door.call(GetMetricHistory(run_id=run_id, metric_key="m", page_token=token))

    def test_a_run_nobody_has_has_an_empty_history(self, door: Door) -> None:
        answer = door.call(GetMetricHistory(run_id="nobody", metric_key="m"))
        assert (answer.metrics, answer.next_page_token) == ([], "")

    @pytest.mark.parametrize("timestamp", [-1, 2**63])
    def test_a_time_that_cannot_be_is_refused(self, client: MlkeepClient, run_id: str, timestamp: int) -> None:
        with pytest.raises(InvalidInput, match=names_both("timestamp", str(timestamp))):
            client.log_metric(run_id, "m", 1.0, timestamp=timestamp)
        with pytest.raises(InvalidInput, match=names_both("timestamp", str(timestamp))):
            client.log_batch(run_id, [Metric("m", 1.0, timestamp)])
        assert client.get_run(run_id).data.metrics == {}

    @pytest.mark.parametrize("value", ["abc", None, [1, 2], {}, 10**400])
    def test_a_value_that_is_no_number_is_refused(self, client: MlkeepClient, run_id: str, value: object) -> None:
        with pytest.raises(InvalidInput, match=names_both("value", "'m'")):
            client.log_metric(run_id, "m", value)  # type: ignore[arg-type]  # what is tested
        assert client.get_run(run_id).data.metrics == {}

    def test_a_point_must_have_a_value_and_a_time(self, door: Door, run_id: str) -> None:
        for request, field in (
            (LogMetric(run_id=run_id, key="m", timestamp=1), "value"),
            (LogMetric(run_id=run_id, key="m", value=1.0), "timestamp"),
            (LogMetric(run_id=run_id, value=1.0, timestamp=1), "key"),
            (LogMetric(key="m", value=1.0, timestamp=1), "run_id"),
        ):
            with pytest.raises(InvalidInput, match=re.escape(f"Missing value for required parameter '{field}'")):
                door.call(request)

    def test_a_point_may_be_of_a_logged_model_and_a_dataset(
        self, client: MlkeepClient, experiment_id: str, run_id: str
    ) -> None:
        model = client.create_logged_model(experiment_id, source_run_id=run_id).model_id
        client.log_metric(run_id, "acc", 0.5, 1, 2, model_id=model, dataset_name="d", dataset_digest="g")
        client.log_metric(run_id, "acc", math.nan, 2, 3, model_id=model)
        first, second = client.get_logged_model(model).metrics
        assert first == Metric("acc", 0.5, 1, 2, model, "d", "g", run_id)
        assert (second.timestamp, second.step, repr(second.value), second.dataset_name) == (2, 3, "nan", None)
        assert history(client, run_id, "acc") == [(2, 1, "0.5"), (3, 2, "nan")]

    def test_a_point_of_a_model_that_is_not_there_is_refused(self, client: MlkeepClient, run_id: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("model_id", "m-nobody")):
            client.log_metric(run_id, "m", 1.0, model_id="m-nobody", synchronous=True)
        assert history(client, run_id) == []
