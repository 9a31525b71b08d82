"""Params, metrics, tags, inputs and outputs, through the functions."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import numpy as np
import pytest

import mlkeep
from mlkeep.core.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
)
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.client import MlkeepClient

DATA = Dataset("flowers", "abc", "local", "{}", "[]", "{}")


def now(client: MlkeepClient) -> Any:
    """The active run as it is now."""
    run = mlkeep.active_run()
    assert run is not None
    return client.get_run(run.info.run_id)


def test_what_is_logged_is_kept(client: MlkeepClient) -> None:
    assert mlkeep.log_param("depth", 3) == 3
    mlkeep.log_params({"none": None, "list": [1, "a"], np.str_("numpy"): np.float32(0.5)})
    mlkeep.log_metric("loss", np.float64(0.5), step=2, timestamp=7)
    mlkeep.log_metric(np.str_("flag"), True, step=0)
    numbers: dict[str, Any] = {"acc": "0.25", "nan": math.nan, "small": np.float32(0.5)}
    mlkeep.log_metrics(numbers, step=3)
    mlkeep.set_tags({"a": 1})
    mlkeep.set_tag("b", [])
    mlkeep.delete_tag("a")

    run = now(client)
    assert run.data.params == {"depth": "3", "none": "None", "list": "[1, 'a']", "numpy": "0.5"}
    assert run.data.tags["b"] == "[]"
    assert "a" not in run.data.tags
    assert math.isnan(run.data.metrics.pop("nan"))
    assert run.data.metrics == {"loss": 0.5, "flag": 1.0, "acc": 0.25, "small": 0.5}
    assert client.get_metric_history(run.info.run_id, "loss") == [Metric("loss", 0.5, 7, 2)]


def test_another_run_than_the_active_one_can_be_named(client: MlkeepClient) -> None:
    other = client.create_run("0").info.run_id
    mlkeep.log_metric("m", 1, run_id=other)
    mlkeep.log_metrics({"n": 2}, run_id=other)
    mlkeep.log_params({"p": 1}, run_id=other)
    mlkeep.log_text("text", "a.txt", run_id=other)

    assert mlkeep.active_run() is None
    assert client.get_run(other).data.metrics == {"m": 1.0, "n": 2.0}
    assert client.get_run(other).data.params == {"p": "1"}


def test_what_is_no_number_is_refused(client: MlkeepClient) -> None:
    for value in ("high", None, [1, 2]):
        with pytest.raises(InvalidInput, match="'m' needs a number"):
            mlkeep.log_metric("m", value)  # type: ignore[arg-type]  # as a careless program does
    assert now(client).data.metrics == {}


def test_asynchronous_logging_tells_how_it_went_when_asked(
    client: MlkeepClient, caplog: pytest.LogCaptureFixture
) -> None:
    mlkeep.log_param("p", 1)
    with caplog.at_level(logging.ERROR, "mlkeep"):
        good = [
            mlkeep.log_metric("m", 1, synchronous=False),
            mlkeep.log_metrics({"n": 1}, synchronous=False),
            mlkeep.log_params({"q": 1}, synchronous=False),
            mlkeep.set_tag("a", 1, synchronous=False),
            mlkeep.set_tags({"b": 1}, synchronous=False),
        ]
        assert caplog.messages == []
        bad = mlkeep.log_param("p", 2, synchronous=False)
    mlkeep.flush_async_logging()
    mlkeep.flush_artifact_async_logging()

    for operations in good:
        assert operations is not None
        operations.wait()
    for _ in range(2):
        with pytest.raises(InvalidInput, match="Changing param values is not allowed"):
            bad.wait()
    assert [message.split(":")[0] for message in caplog.messages] == ["What was to be logged is lost"]
    run = now(client)
    assert (run.data.params, run.data.metrics) == ({"p": "1", "q": "1"}, {"m": 1.0, "n": 1.0})
    assert mlkeep.log_param("r", 5, synchronous=True) == 5
    assert mlkeep.log_metric("m", 2, synchronous=True) is None


def test_asynchronous_logging_can_be_the_default(embedded: str) -> None:
    mlkeep.config.enable_async_logging()
    operations = mlkeep.log_metric("m$", 1)
    assert operations is not None
    with pytest.raises(InvalidInput, match=r"m\$"):
        operations.wait()
    mlkeep.config.enable_async_logging(False)
    with pytest.raises(InvalidInput, match=r"m\$"):
        mlkeep.log_metric("m$", 1)


class OfALibrary:
    """A dataset as other libraries describe theirs."""

    def to_dict(self) -> dict[str, str]:
        return {"name": "rows", "digest": "12", "source": "{}", "source_type": "code", "schema": "[]"}


def test_datasets_and_models_become_inputs_of_the_run(client: MlkeepClient) -> None:
    model = mlkeep.initialize_logged_model("net")
    mlkeep.log_input()
    assert mlkeep.active_run() is None
    mlkeep.log_input(DATA, context="training", tags={"k": 1})
    mlkeep.log_input(model=LoggedModelInput(model.model_id))
    mlkeep.log_inputs([OfALibrary(), Dataset("more", "1", "s", "{}")], ["eval", None], [None, {"k": "v"}])

    inputs = now(client).inputs
    assert inputs.model_inputs == [LoggedModelInput(model.model_id)]
    assert inputs.dataset_inputs == [
        DatasetInput(DATA, [InputTag("k", "1"), InputTag("mlflow.data.context", "training")]),
        DatasetInput(Dataset("rows", "12", "code", "{}", "[]"), [InputTag("mlflow.data.context", "eval")]),
        DatasetInput(Dataset("more", "1", "s", "{}"), [InputTag("k", "v")]),
    ]
    with pytest.raises(InvalidInput, match="there are 1 datasets, 2 contexts and 1 tags_list"):
        mlkeep.log_inputs([DATA], ["a", "b"])
    with pytest.raises(InvalidInput, match="\"str\" for parameter 'dataset'"):
        mlkeep.log_input("rows")  # type: ignore[arg-type]  # as a careless program does


def test_a_metric_says_what_it_was_measured_on(client: MlkeepClient) -> None:
    model = mlkeep.initialize_logged_model("net")
    with mlkeep.start_run() as run:
        mlkeep.log_metric("acc", 0.5, model_id=model.model_id, dataset=DATA)
        mlkeep.log_metrics({"f1": 0.25}, model_id=model.model_id, dataset=DATA)

    assert client.get_run(run.info.run_id).inputs.dataset_inputs == [DatasetInput(DATA)]
    assert [
        (point.key, point.value, point.dataset_name, point.dataset_digest, point.run_id)
        for point in client.get_logged_model(model.model_id).metrics
    ] == [
        ("acc", 0.5, "flowers", "abc", run.info.run_id),
        ("f1", 0.25, "flowers", "abc", run.info.run_id),
    ]


def test_metrics_count_for_the_models_that_the_run_made_at_their_step(client: MlkeepClient) -> None:
    with mlkeep.start_run() as run:
        first, second, third = (mlkeep.initialize_logged_model(name) for name in "abc")
        mlkeep.log_outputs([LoggedModelOutput(first.model_id, 5), LoggedModelOutput(second.model_id, 5)])
        mlkeep.log_outputs([LoggedModelOutput(third.model_id)])
        mlkeep.log_outputs()
        mlkeep.log_metric("one", 1, step=5)
        mlkeep.log_metrics({"each": 1}, step=5)
        mlkeep.log_metric("elsewhere", 1, step=6)
        mlkeep.log_metric("zero", 1)
    with mlkeep.start_run(run.info.run_id):
        mlkeep.log_metrics({"resumed": 1}, step=5)

    def measured(model_id: str) -> list[str]:
        return sorted(point.key for point in client.get_logged_model(model_id).metrics)

    assert [measured(model.model_id) for model in (first, second, third)] == [
        ["each", "one", "resumed"],
        ["each", "resumed"],
        ["zero"],
    ]
    outputs = [(made.model_id, made.step) for made in client.get_run(run.info.run_id).outputs.model_outputs]
    assert sorted(outputs) == sorted([(first.model_id, 5), (second.model_id, 5), (third.model_id, 0)])


def test_a_run_says_all_it_is_as_plain_values(client: MlkeepClient) -> None:
    mlkeep.set_experiment("plain values")
    with mlkeep.start_run(run_name="r") as run:
        mlkeep.log_param("p", 1)
        mlkeep.log_metric("m", 0.5)
        mlkeep.log_input(DATA, context="training")
        model = mlkeep.initialize_logged_model("net")
        mlkeep.log_outputs([LoggedModelOutput(model.model_id, 3)])

    told = client.get_run(run.info.run_id).to_dictionary()
    assert json.loads(json.dumps(told)) == told
    names = "artifact_uri end_time experiment_id lifecycle_stage run_id run_name start_time status user_id"
    assert sorted(told["info"]) == names.split()
    assert (told["data"]["params"], told["data"]["metrics"]) == ({"p": "1"}, {"m": 0.5})
    assert told["inputs"] == {
        "dataset_inputs": [{"dataset": DATA.to_dictionary(), "tags": {"mlflow.data.context": "training"}}],
        "model_inputs": [],
    }
    assert told["outputs"] == {"model_outputs": [{"model_id": model.model_id, "step": 3}]}
