"""What is promised of params, tags and batches."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest

from mlkeep.core.entities import Metric, Param, RunData, RunTag
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both
from mlkeep.wire.message import KeyValueInput
from mlkeep.wire.metrics import MetricInput
from mlkeep.wire.runs import LogBatch

GOOD_KEYS = ["a", "a b", "a/b", "a.b-c:d", "ü/日本", "x" * 250, "a/..b", "a..", "_", "9"]
BAD_KEYS = [
    "",
    "a*b",
    "a\nb",
    "/a",
    "a/",
    "a//b",
    "./a",
    "a/../b",
    "..",
    "..a",
    "...",
    ".",
    "a,b",
    "x" * 251,
    "a%b",
    "a#b",
]

LOGGERS: dict[str, Callable[[MlkeepClient, str, str], object]] = {
    "metric": lambda client, run, key: client.log_metric(run, key, 1.0, timestamp=1),
    "param": lambda client, run, key: client.log_param(run, key, "1"),
    "tag": lambda client, run, key: client.set_tag(run, key, "1"),
    "metric in a batch": lambda client, run, key: client.log_batch(run, metrics=[Metric(key, 1.0, 1)]),
    "param in a batch": lambda client, run, key: client.log_batch(run, params=[Param(key, "1")]),
    "tag in a batch": lambda client, run, key: client.log_batch(run, tags=[RunTag(key, "1")]),
}
"""The ways to log something under a key."""

each_logger = pytest.mark.parametrize("log", LOGGERS.values(), ids=LOGGERS.keys())
Logger = Callable[[MlkeepClient, str, str], object]


def pair(key: str, value: str) -> KeyValueInput:
    """A param or tag of a request."""
    return KeyValueInput(key=key, value=value)


def point(key: str, timestamp: int | None = 1) -> MetricInput:
    """A point of a request."""
    return MetricInput(key=key, value=1.0, timestamp=timestamp)


BROKEN = {
    "changed param": (
        LogBatch(metrics=[point("m")], params=[pair("p", "1"), pair("taken", "2")], tags=[pair("t", "1")]),
        "Changing param values is not allowed.*'taken'",
    ),
    "param twice": (LogBatch(metrics=[point("m")], params=[pair("p", "1"), pair("p", "1")]), "Duplicate.*'p'"),
    "param key": (LogBatch(tags=[pair("t", "1")], params=[pair("p", "1"), pair("a*b", "1")]), r"params\[1\]\.key"),
    "tag key": (LogBatch(metrics=[point("m")], tags=[pair("t", "1"), pair("a*b", "1")]), r"tags\[1\]\.key"),
    "metric key": (LogBatch(params=[pair("p", "1")], metrics=[point("m"), point("a*b")]), r"metrics\[1\]\.key"),
    "negative time": (LogBatch(metrics=[point("m"), point("m", -1)]), r"metrics\[1\]\.timestamp"),
    "no time": (LogBatch(metrics=[point("m"), point("m", None)]), r"metrics\[1\]\.timestamp"),
    "no key": (LogBatch(metrics=[point("m")], tags=[pair("", "x")]), r"tags\[0\]\.key"),
}
"""Batches with one mistake, and what is said of it; a param `taken` is there already."""

TOO_LARGE = {
    "metrics": (LogBatch(metrics=[point("m", i) for i in range(1_001)]), "at most 1000 metrics. Got 1001"),
    "params": (LogBatch(params=[pair(f"p{i}", "1") for i in range(101)]), "at most 100 params. Got 101"),
    "tags": (LogBatch(tags=[pair(f"t{i}", "1") for i in range(101)]), "at most 100 tags. Got 101"),
    "total": (
        LogBatch(metrics=[point("m", i) for i in range(1_000)], tags=[pair("t", "1")]),
        "at most 1000 metrics, params and tags in total. Got 1001",
    ),
}


def logged(client: MlkeepClient, run_id: str) -> RunData:
    """What was logged to a run, without its name."""
    data = client.get_run(run_id).data
    tags = {key: value for key, value in data.tags.items() if key != "mlflow.runName"}
    return RunData(data.metrics, data.params, tags)


class ParamAndTagPromises(Suite):
    """Params are set once, tags are replaced; keys and sizes."""

    def test_a_param_is_set_once(self, client: MlkeepClient, run_id: str) -> None:
        client.log_param(run_id, "lr", 0.1)
        client.log_param(run_id, "lr", "0.1")
        sentence = (
            "Changing param values is not allowed. Param with key='lr' was already logged with value='0.1'. "
            "Attempted logging new value '0.2'"
        )
        with pytest.raises(InvalidInput, match=re.escape(sentence)):
            client.log_param(run_id, "lr", 0.2)
        with pytest.raises(InvalidInput, match=re.escape(sentence)):
            client.log_batch(run_id, params=[Param("other", "1"), Param("lr", "0.2")])
        assert logged(client, run_id).params == {"lr": "0.1"}

    def test_a_tag_is_replaced_and_removed(self, client: MlkeepClient, run_id: str) -> None:
        client.set_tag(run_id, "t", 1)
        client.set_tag(run_id, "t", "")
        client.set_tag(run_id, "u", "x")
        assert logged(client, run_id).tags == {"t": "", "u": "x"}
        client.delete_tag(run_id, "t")
        assert logged(client, run_id).tags == {"u": "x"}
        with pytest.raises(NotFound, match=names_both("t", run_id)):
            client.delete_tag(run_id, "t")
        with pytest.raises(NotFound, match="never"):
            client.delete_tag(run_id, "never logged anywhere")

    def test_texts_come_back_as_they_went(self, client: MlkeepClient, run_id: str) -> None:
        odd = "'\"`%_\\ \n\t\r é 日本 😀 \x7f null NaN"
        client.log_param(run_id, "p", odd)
        client.set_tag(run_id, "t", odd)
        client.log_param(run_id, "empty", "")
        assert logged(client, run_id) == RunData({}, {"p": odd, "empty": ""}, {"t": odd})

    def test_half_a_character_is_refused(self, client: MlkeepClient, run_id: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("value", "ud800")):
            client.set_tag(run_id, "t", "a\ud800b")
        with pytest.raises(InvalidInput, match=names_both("key", "udfff")):
            client.log_param(run_id, "\udfff", "1")
        assert logged(client, run_id) == RunData()

    def test_long_values_are_cut(self, client: MlkeepClient, run_id: str) -> None:
        client.log_param(run_id, "p", "ü" * 6_001)
        client.log_param(run_id, "p", "ü" * 6_000 + "another end")
        client.set_tag(run_id, "t", "ü" * 8_001)
        client.log_batch(run_id, params=[Param("q", "x" * 6_001)], tags=[RunTag("u", "x" * 8_001)])
        assert logged(client, run_id) == RunData(
            {}, {"p": "ü" * 6_000, "q": "x" * 6_000}, {"t": "ü" * 8_000, "u": "x" * 8_000}
        )

    @each_logger
    @pytest.mark.parametrize("key", GOOD_KEYS, ids=ascii)
    def test_a_key_has_letters_digits_and_some_signs(
        self, client: MlkeepClient, run_id: str, log: Logger, key: str
    ) -> None:
        log(client, run_id, key)
        data = logged(client, run_id)
        assert [*data.metrics, *data.params, *data.tags] == [key]

    @each_logger
    @pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
    def test_a_key_that_cannot_be_is_refused(self, client: MlkeepClient, run_id: str, log: Logger, key: str) -> None:
        with pytest.raises(InvalidInput, match=r"key'.*(Names may|limit is 250)|Missing value for.*key'"):
            log(client, run_id, key)
        assert logged(client, run_id) == RunData()


class BatchPromises(Suite):
    """Batches: all of it or nothing."""

    def test_a_batch_is_kept_whole(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        request = LogBatch(
            run_id=run_id,
            metrics=[MetricInput(key="m", value=float(i), timestamp=i, step=i) for i in range(800)],
            params=[KeyValueInput(key=f"p{i}", value=str(i)) for i in range(100)],
            tags=[KeyValueInput(key=f"t{i}", value=str(i)) for i in range(100)],
        )
        for _ in range(2):  # sending it again changes nothing
            door.call(request)
            data = logged(client, run_id)
            assert data == RunData(
                {"m": 799.0}, {f"p{i}": str(i) for i in range(100)}, {f"t{i}": str(i) for i in range(100)}
            )
            assert len(client.get_metric_history(run_id, "m")) == 800

    @pytest.mark.parametrize(("batch", "reason"), BROKEN.values(), ids=BROKEN.keys())
    def test_a_batch_that_fails_leaves_nothing(
        self, client: MlkeepClient, door: Door, run_id: str, batch: LogBatch, reason: str
    ) -> None:
        client.log_param(run_id, "taken", "1")
        with pytest.raises(InvalidInput, match=reason):
            door.call(msgspec.structs.replace(batch, run_id=run_id))
        assert logged(client, run_id) == RunData({}, {"taken": "1"}, {})
        assert client.get_metric_history(run_id, "m") == []

    @pytest.mark.parametrize(("batch", "reason"), TOO_LARGE.values(), ids=TOO_LARGE.keys())
    def test_a_batch_has_limits(
        self, client: MlkeepClient, door: Door, run_id: str, batch: LogBatch, reason: str
    ) -> None:
        with pytest.raises(InvalidInput, match=reason):
            door.call(msgspec.structs.replace(batch, run_id=run_id))
        assert logged(client, run_id) == RunData()

    def test_a_client_sends_as_many_batches_as_it_takes(self, client: MlkeepClient, run_id: str) -> None:
        client.log_batch(
            run_id,
            [Metric("m", float(i), i) for i in range(1_001)],
            [Param(f"p{i}", "1") for i in range(101)],
            [RunTag(f"t{i}", "1") for i in range(101)],
        )
        data = logged(client, run_id)
        assert (len(data.params), len(data.tags), data.metrics) == (101, 101, {"m": 1000.0})

    def test_of_equal_tags_the_last_stays(self, door: Door, client: MlkeepClient, run_id: str) -> None:
        door.call(LogBatch(run_id=run_id, tags=[pair("t", "1"), pair("t", "2"), pair("mlflow.runName", "batched")]))
        run = client.get_run(run_id)
        assert (run.info.run_name, run.data.tags) == ("batched", {"t": "2", "mlflow.runName": "batched"})

    def test_an_empty_batch_is_fine(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        door.call(LogBatch(run_id=run_id))
        assert logged(client, run_id) == RunData()
