"""Logging a model: into a run, or as a logged model; and registering it on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.entities import LoggedModelOutput, LoggedModelStatus
from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.loading import get_model_info
from mlkeep.sdk import fluent

pytestmark = pytest.mark.usefixtures("tracking")


def test_with_an_artifact_path_the_model_belongs_to_the_run(frame: pd.DataFrame, estimator: LogisticRegression) -> None:
    with fluent.start_run() as run:
        info = mlkeep.sklearn.log_model(estimator, artifact_path="models/v1.rf", input_example=frame)
    run_id = run.info.run_id
    assert (info.model_uri, info.run_id, info.artifact_path, info.model_id) == (
        f"runs:/{run_id}/models/v1.rf",
        run_id,
        "models/v1.rf",
        None,
    )
    [record] = json.loads(fluent.get_run(run_id).data.tags["mlflow.log-model.history"])
    assert (record["artifact_path"], record["run_id"], record["model_uuid"]) == (
        "models/v1.rf",
        run_id,
        info.model_uuid,
    )
    assert mlkeep.pyfunc.load_model(info.model_uri).predict(frame).tolist() == [0, 0, 1, 1]
    assert mlkeep.sklearn.load_model(info.model_uri).predict(frame).tolist() == [0, 0, 1, 1]
    assert get_model_info(info.model_uri).model_uuid == info.model_uuid


def test_with_an_artifact_path_a_run_is_started_if_none_is_active(estimator: LogisticRegression) -> None:
    info = mlkeep.sklearn.log_model(estimator, "model")
    active = fluent.active_run()
    assert active is not None
    assert active.info.run_id == info.run_id


def test_with_a_name_it_is_a_logged_model_and_an_output_of_the_run(
    frame: pd.DataFrame, estimator: LogisticRegression
) -> None:
    with fluent.start_run() as run:
        fluent.log_param("depth", 3)
        info = mlkeep.sklearn.log_model(
            estimator, name="linear", params={"depth": 1, "rate": 0.5}, tags={"team": "a"}, model_type="clf", step=7
        )
    assert info.model_id is not None
    model = fluent.tracking_client().get_logged_model(info.model_id)
    assert (model.name, model.status, model.source_run_id, model.model_type) == (
        "linear",
        LoggedModelStatus.READY,
        run.info.run_id,
        "clf",
    )
    assert model.params == {"depth": "3", "rate": "0.5"}
    assert model.tags["team"] == "a"
    assert fluent.get_run(run.info.run_id).outputs.model_outputs == [LoggedModelOutput(info.model_id, 7)]
    assert (info.model_uri, info.model_uuid, info.name) == (f"models:/{info.model_id}", info.model_id, "linear")
    loaded = mlkeep.pyfunc.load_model(info.model_uri)
    assert loaded.predict(frame).tolist() == [0, 0, 1, 1]
    assert (loaded.model_id, loaded.metadata.run_id) == (info.model_id, run.info.run_id)


def test_without_a_run_a_logged_model_stands_alone(frame: pd.DataFrame, estimator: LogisticRegression) -> None:
    info = mlkeep.sklearn.log_model(estimator)
    assert (info.name, info.run_id, fluent.active_run()) == ("model", None, None)
    assert mlkeep.pyfunc.load_model(info.model_uri).predict(frame).tolist() == [0, 0, 1, 1]


def test_a_model_is_registered_on_the_way(frame: pd.DataFrame, estimator: LogisticRegression) -> None:
    with fluent.start_run():
        one = mlkeep.sklearn.log_model(estimator, "model", registered_model_name="iris")
        two = mlkeep.sklearn.log_model(estimator, name="linear", registered_model_name="iris")
    assert (one.registered_model_version, two.registered_model_version) == ("1", "2")
    for version in ("1", "2", "latest"):
        assert mlkeep.pyfunc.load_model(f"models:/iris/{version}").predict(frame).tolist() == [0, 0, 1, 1]


def test_a_python_model_is_logged_like_any_other(frame: pd.DataFrame) -> None:
    info = mlkeep.pyfunc.log_model(name="twice", python_model=lambda model_input: model_input["a"] * 2)
    assert mlkeep.pyfunc.load_model(info.model_uri).predict(frame).tolist() == [0.0, 2.0, 4.0, 6.0]


def test_a_logged_model_whose_files_do_not_come_is_failed(estimator: LogisticRegression, tmp_path: Path) -> None:
    with fluent.start_run() as run, pytest.raises(InvalidInput, match="dill"):
        mlkeep.sklearn.log_model(estimator, name="linear", serialization_format="dill")
    [output] = fluent.get_run(run.info.run_id).outputs.model_outputs
    assert fluent.tracking_client().get_logged_model(output.model_id).status == LoggedModelStatus.FAILED


def test_an_artifact_path_and_a_name_exclude_each_other(estimator: LogisticRegression) -> None:
    with pytest.raises(InvalidInput, match=r"artifact_path \('a'\) and name \('b'\)"):
        mlkeep.sklearn.log_model(estimator, artifact_path="a", name="b")
