"""Answers byte for byte, as MLflow's clients know them; and back into what they told of."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest

from mlkeep.core import entities
from mlkeep.core.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from mlkeep.core.found import FoundRun
from mlkeep.wire.artifacts import FileMessage, ListArtifactsResponse
from mlkeep.wire.experiments import Experiment, ExperimentResponse, SearchExperimentsResponse
from mlkeep.wire.logged_models import LoggedModelMessage, LoggedModelResponse
from mlkeep.wire.message import Empty, Message
from mlkeep.wire.metrics import MetricHistoryResponse, MetricMessage, told
from mlkeep.wire.registry import ModelVersion, ModelVersionResponse, RegisteredModel, RegisteredModelResponse
from mlkeep.wire.runs import RunInfo as RunInfoMessage
from mlkeep.wire.runs import RunMessage, RunResponse, SearchRunsResponse, UpdateRunResponse
from mlkeep.wire.table import ENDPOINTS

INFO = RunInfo("e522", "23", "n", "u", "RUNNING", 5, artifact_uri="mlflow-artifacts:/23/e522/artifacts")
MODEL = entities.LoggedModel("m-0c30", "11", "model", "mlflow-artifacts:/11/models/m-0c30/artifacts", 1, 2)
VERSION = entities.ModelVersion(
    "rm2", "1", 1795228701536, 1795228701536, "v1", source="s3://bucket/x", tags={"a": "b"}, run_link="http://l"
)


def compact(text: str) -> str:
    """JSON as it is sent: the order of fields kept, white space gone."""
    return json.dumps(json.loads(text), separators=(",", ":"))


def written(message: Message) -> str:
    return msgspec.json.encode(message).decode()


def test_a_new_run_has_inputs_and_no_outputs() -> None:
    run = FoundRun(INFO, tags=[("a", "b"), ("mlflow.runName", "n")])
    assert written(RunResponse(run=RunMessage.of(run, is_new=True))) == compact("""
        {"run": {"info": {"run_uuid": "e522", "experiment_id": "23", "run_name": "n", "user_id": "u", "status": "RUNNING",
            "start_time": 5, "artifact_uri": "mlflow-artifacts:/23/e522/artifacts", "lifecycle_stage": "active",
            "run_id": "e522"},
         "data": {"tags": [{"key": "a", "value": "b"}, {"key": "mlflow.runName", "value": "n"}]},
         "inputs": {}}}""")


def test_a_whole_run() -> None:
    run = FoundRun(
        msgspec.structs.replace(INFO, status="FINISHED", end_time=1795230740365),
        [("m", math.nan, 200, 9)],
        [("p", "1")],
        [("a", "b"), ("mlflow.runName", "n")],
        RunInputs(
            [DatasetInput(Dataset("d", "g", "http", "{}", "{}", "{}"), [InputTag("mlflow.data.context", "train")])],
            [LoggedModelInput("m-1923")],
        ),
        RunOutputs([LoggedModelOutput("m-1923", 3), LoggedModelOutput("m-1924")]),
    )
    assert written(RunResponse(run=RunMessage.of(run))) == compact("""
        {"run": {
         "info": {"run_uuid": "e522", "experiment_id": "23", "run_name": "n", "user_id": "u", "status": "FINISHED",
            "start_time": 5, "end_time": 1795230740365, "artifact_uri": "mlflow-artifacts:/23/e522/artifacts",
            "lifecycle_stage": "active", "run_id": "e522"},
         "data": {"metrics": [{"key": "m", "value": "NaN", "timestamp": 200, "step": 9}],
            "params": [{"key": "p", "value": "1"}],
            "tags": [{"key": "a", "value": "b"}, {"key": "mlflow.runName", "value": "n"}]},
         "inputs": {"dataset_inputs": [{"tags": [{"key": "mlflow.data.context", "value": "train"}],
                "dataset": {"name": "d", "digest": "g", "source_type": "http", "source": "{}", "schema": "{}",
                    "profile": "{}"}}],
            "model_inputs": [{"model_id": "m-1923"}]},
         "outputs": {"model_outputs": [{"model_id": "m-1923", "step": 3}, {"model_id": "m-1924", "step": 0}]}}}""")


def test_a_run_with_nothing_logged_shows_its_parts_empty() -> None:
    info = msgspec.structs.replace(INFO, user_id="", start_time=0)
    answer = json.loads(written(RunResponse(run=RunMessage.of(FoundRun(info)))))
    assert {name: answer["run"][name] for name in ("data", "inputs", "outputs")} == {
        "data": {},
        "inputs": {},
        "outputs": {},
    }
    assert (answer["run"]["info"]["user_id"], answer["run"]["info"]["start_time"]) == ("", 0)


def test_a_changed_run() -> None:
    assert json.loads(written(UpdateRunResponse(run_info=RunInfoMessage.of(INFO)))) == {
        "run_info": {
            "run_uuid": "e522",
            "run_id": "e522",
            "experiment_id": "23",
            "run_name": "n",
            "user_id": "u",
            "status": "RUNNING",
            "start_time": 5,
            "artifact_uri": "mlflow-artifacts:/23/e522/artifacts",
            "lifecycle_stage": "active",
        }
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, '"NaN"'),
        (math.inf, '"Infinity"'),
        (-math.inf, '"-Infinity"'),
        (1.0, "1.0"),
        (0.0, "0.0"),
        (1e300, "1e300"),
        (0.1, "0.1"),
    ],
)
def test_a_point_shows_its_step_and_time_even_if_they_are_0(value: float, text: str) -> None:
    history = MetricHistoryResponse(metrics=told("m", [0], [0], [value]))
    assert written(history) == f'{{"metrics":[{{"key":"m","value":{text},"timestamp":0,"step":0}}]}}'


def test_integers_of_64_bits_are_numbers() -> None:
    point = MetricMessage.of(Metric("m", 1.0, 2**63 - 1, -(2**63)))
    assert written(point) == '{"key":"m","value":1.0,"timestamp":9223372036854775807,"step":-9223372036854775808}'


@pytest.mark.parametrize(
    "answer", [Empty(), SearchRunsResponse(), SearchExperimentsResponse(), MetricHistoryResponse()]
)
def test_nothing_found_is_an_empty_object(answer: Message) -> None:
    assert written(answer) == "{}"


def test_an_experiment() -> None:
    experiment = entities.Experiment(
        "1", "e", "mlflow-artifacts:/1", tags={"a": "", "b": "c"}, creation_time=1795228411111, last_update_time=0
    )
    assert written(ExperimentResponse(experiment=Experiment.of(experiment))) == compact("""
        {"experiment": {"experiment_id": "1", "name": "e", "artifact_location": "mlflow-artifacts:/1",
            "lifecycle_stage": "active", "last_update_time": 0, "creation_time": 1795228411111,
            "tags": [{"key": "a", "value": ""}, {"key": "b", "value": "c"}], "workspace": "default"}}""")


def test_files() -> None:
    files = [
        entities.FileInfo("dir/a.txt", is_dir=False, file_size=5),
        entities.FileInfo("dir/empty", is_dir=False, file_size=0),
        entities.FileInfo("dir/sub", is_dir=True),
    ]
    answer = ListArtifactsResponse(root_uri="mlflow-artifacts:/1/r/artifacts", files=[FileMessage.of(f) for f in files])
    assert written(answer) == compact("""
        {"root_uri": "mlflow-artifacts:/1/r/artifacts", "files": [
            {"path": "dir/a.txt", "is_dir": false, "file_size": 5},
            {"path": "dir/empty", "is_dir": false},
            {"path": "dir/sub", "is_dir": true}]}""")
    assert [file.entity() for file in answer.files] == files


def test_a_model_version() -> None:
    assert json.loads(written(ModelVersionResponse(model_version=ModelVersion.of(VERSION)))) == {
        "model_version": {
            "name": "rm2",
            "version": "1",
            "creation_timestamp": 1795228701536,
            "last_updated_timestamp": 1795228701536,
            "current_stage": "None",
            "description": "v1",
            "source": "s3://bucket/x",
            "run_id": "",
            "status": "READY",
            "tags": [{"key": "a", "value": "b"}],
            "run_link": "http://l",
        }
    }
    told = json.loads(written(ModelVersion.of(msgspec.structs.replace(VERSION, description="", aliases=["a"]))))
    assert (told["description"], told["aliases"]) == ("", ["a"])
    assert "description" not in json.loads(written(ModelVersion.of(msgspec.structs.replace(VERSION, description=None))))


def test_a_registered_model() -> None:
    model = entities.RegisteredModel("rm2", 1, 2, latest_versions=[], tags={"a": "b"}, aliases={"champion": "1"})
    assert written(RegisteredModelResponse(registered_model=RegisteredModel.of(model))) == compact("""
        {"registered_model": {"name": "rm2", "creation_timestamp": 1, "last_updated_timestamp": 2,
            "tags": [{"key": "a", "value": "b"}], "aliases": [{"alias": "champion", "version": "1"}]}}""")


def test_a_logged_model() -> None:
    model = msgspec.structs.replace(
        MODEL,
        status=entities.LoggedModelStatus.READY,
        params={"p": "1"},
        metrics=[Metric("m", 0.5, 1, 0, "m-0c30", "d", "g", "r")],
    )
    assert json.loads(written(LoggedModelResponse(model=LoggedModelMessage.of(model)))) == {
        "model": {
            "info": {
                "model_id": "m-0c30",
                "experiment_id": "11",
                "name": "model",
                "creation_timestamp_ms": 1,
                "last_updated_timestamp_ms": 2,
                "artifact_uri": "mlflow-artifacts:/11/models/m-0c30/artifacts",
                "status": "LOGGED_MODEL_READY",
                "model_type": "",
                "source_run_id": "",
            },
            "data": {
                "params": [{"key": "p", "value": "1"}],
                "metrics": [
                    {
                        "key": "m",
                        "value": 0.5,
                        "timestamp": 1,
                        "step": 0,
                        "model_id": "m-0c30",
                        "run_id": "r",
                        "dataset_name": "d",
                        "dataset_digest": "g",
                    }
                ],
            },
        }
    }
    assert json.loads(written(LoggedModelMessage.of(MODEL)))["data"] == {}


@pytest.mark.parametrize(
    ("message", "entity"),
    [
        (ModelVersion, VERSION),
        (ModelVersion, entities.ModelVersion("n", "2", 1, 2, None, aliases=["a"], model_id="m-1")),
        (RegisteredModel, entities.RegisteredModel("n", 1, 2, "", [VERSION], {"a": "b"}, {"x": "1"})),
        (Experiment, entities.Experiment("1", "e", "", "deleted", {"a": ""}, 0, 1)),
        (LoggedModelMessage, msgspec.structs.replace(MODEL, model_type="t", metrics=[Metric("m", math.inf, 1)])),
        (RunInfoMessage, INFO),
        (MetricMessage, Metric("m", -math.inf, 1, 2)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, entities.Entity) else "",
)
def test_an_answer_comes_back_as_what_it_told_of(message: Any, entity: entities.Entity) -> None:
    sent = msgspec.json.encode(message.of(entity))
    assert msgspec.json.decode(sent, type=message, strict=False).entity() == entity


def test_a_client_reads_answers_of_other_servers() -> None:
    """Fields it does not know, integers that are quoted, and parts left out."""
    body = b"""{"run": {"info": {"run_uuid": "r", "start_time": "5", "odd": {}, "status": "FINISHED"},
                        "data": {"metrics": [{"key": "m", "value": "Infinity", "timestamp": "1"}]}}}"""
    run = msgspec.json.decode(body, type=RunResponse, strict=False).run.entity()
    assert (run.info.run_id, run.info.start_time, run.data.metrics) == ("r", 5, {"m": math.inf})
    assert (run.inputs, run.outputs) == (RunInputs(), RunOutputs())


@pytest.mark.parametrize("kind", list(dict.fromkeys(row.response for row in ENDPOINTS)))
def test_a_client_skips_fields_of_answers_it_does_not_know(kind: type[Message]) -> None:
    assert not kind.__struct_config__.forbid_unknown_fields
