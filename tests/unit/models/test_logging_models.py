"""Logging a model: into a run, or as a logged model; and registering it on the way."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.entities import LoggedModelOutput, LoggedModelStatus
from mlkeep.core.errors import InvalidInput, NotOffered, Unavailable
from mlkeep.flavors.loading import get_model_info
from mlkeep.models.mlmodel import Model
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
    assert (info.run_id, fluent.active_run()) == (None, None)
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", info.name or ""), "a name is made up"
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


def test_what_the_run_measured_at_the_step_was_measured_on_the_model(estimator: LogisticRegression) -> None:
    with fluent.start_run() as run:
        for step, value in ((3, 0.5), (4, 0.75)):
            fluent.log_metric("accuracy", value, step=step)
        fluent.log_metric("loss", 1.0, step=3)
        fluent.log_metric("other", 2.0, step=1)
        info = mlkeep.sklearn.log_model(estimator, name="linear", step=3)
        fluent.log_metric("loss", 0.5, step=3)
    assert info.model_id is not None
    model = fluent.get_logged_model(info.model_id)
    assert sorted((point.key, point.value, point.step, point.run_id) for point in model.metrics) == [
        ("accuracy", 0.5, 3, run.info.run_id),
        ("loss", 0.5, 3, run.info.run_id),
        ("loss", 1.0, 3, run.info.run_id),
    ]
    assert sorted((point.key, point.value) for point in info.metrics or []) == [("accuracy", 0.5), ("loss", 1.0)]
    history = fluent.tracking_client().get_metric_history(run.info.run_id, "accuracy")
    assert [(point.step, point.value) for point in history] == [(3, 0.5), (4, 0.75)], "nothing is there twice"


def test_a_logged_model_knows_where_it_was_made(estimator: LogisticRegression) -> None:
    info = mlkeep.sklearn.log_model(estimator, name="linear", tags={"team": "a", "mlflow.source.name": "mine"})
    assert info.tags is not None
    assert info.tags["team"] == "a"
    assert info.tags["mlflow.source.name"] == "mine"
    assert "mlflow.user" in info.tags
    assert info.creation_timestamp is not None
    assert info.creation_timestamp > 0


@pytest.mark.parametrize("where", [{"artifact_path": "model"}, {"name": "linear"}])
def test_models_are_not_logged_offline(
    estimator: LogisticRegression, where: dict[str, Any], environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("MLKEEP_MODE", "offline")
    with pytest.raises(Unavailable, match="Models are not logged while MLKEEP_MODE is offline: save it as a folder"):
        mlkeep.sklearn.log_model(estimator, **where)
    assert fluent.active_run() is None, "nothing was begun"


def test_a_name_is_made_up_for_an_empty_one(estimator: LogisticRegression) -> None:
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", mlkeep.sklearn.log_model(estimator, name="").name or "")


@pytest.mark.parametrize("name", ["models/rf", "model.v1", "a:b", "50%", "it's"])
def test_a_name_that_cannot_be_in_a_uri_is_refused(estimator: LogisticRegression, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}.*a logged model's name has no slash, colon, period"):
        mlkeep.sklearn.log_model(estimator, name=name)


def test_a_model_is_logged_into_one_that_waits_for_it(estimator: LogisticRegression, frame: pd.DataFrame) -> None:
    waiting = fluent.initialize_logged_model("waiting")
    info = mlkeep.sklearn.log_model(estimator, model_id=waiting.model_id)
    assert (info.model_id, info.name) == (waiting.model_id, "waiting")
    assert fluent.get_logged_model(waiting.model_id).status == LoggedModelStatus.READY
    assert mlkeep.pyfunc.load_model(info.model_uri).predict(frame).tolist() == [0, 0, 1, 1]


def test_any_module_that_saves_models_can_log_them(estimator: LogisticRegression, frame: pd.DataFrame) -> None:
    info = Model.log(
        None,
        mlkeep.sklearn,
        name="linear",
        sk_model=estimator,
        input_example=frame,
        metadata={"k": 1},
        resources={"api_version": "1", "databricks": {"table": [{"name": "t"}]}},
        registered_model_name="iris",
    )
    assert (info.name, info.registered_model_version, info.metadata) == ("linear", "1", {"k": 1})
    loaded = mlkeep.pyfunc.load_model("models:/iris/1")
    assert loaded.predict(frame).tolist() == [0, 0, 1, 1]
    assert loaded.metadata.resources == {"api_version": "1", "databricks": {"table": [{"name": "t"}]}}
    with pytest.raises(InvalidInput, match="expected a module with save_model"):
        Model.log(None, 3, name="x")
    with pytest.raises(NotOffered, match="auth_policy"):
        Model.log(None, mlkeep.sklearn, name="x", auth_policy={})


def test_artifacts_of_a_model_come_from_anywhere(tmp_path: Path, frame: pd.DataFrame) -> None:
    class Reader(mlkeep.pyfunc.PythonModel):
        def predict(self, context, model_input):  # type: ignore[no-untyped-def, override]  # the short form
            return [
                sorted(p.name for p in Path(context.artifacts[name]).parent.iterdir())[::-1] for name in model_input
            ]

    with fluent.start_run() as run:
        fluent.log_text("7", "data/offset.txt")
        other = mlkeep.pyfunc.log_model(name="other", python_model=lambda model_input: model_input)
        info = mlkeep.pyfunc.log_model(
            name="reader",
            python_model=Reader(),
            artifacts={"offset": f"runs:/{run.info.run_id}/data/offset.txt", "other": other.model_uri},
        )
    assert info.flavors["python_function"]["artifacts"] == {
        "offset": {"path": "artifacts/offset.txt", "uri": f"runs:/{run.info.run_id}/data/offset.txt"},
        "other": {"path": f"artifacts/{other.model_id}", "uri": other.model_uri},
    }
    assert mlkeep.pyfunc.load_model(info.model_uri).predict(["offset"]) == [["offset.txt", other.model_id]]
