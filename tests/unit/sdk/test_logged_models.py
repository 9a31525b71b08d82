"""Logged models, through the functions: made by hand, kept elsewhere, active."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pandas as pd
import pytest

import mlkeep
from mlkeep.core.entities import LoggedModel, LoggedModelInput, LoggedModelStatus
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.models.mlmodel import Model
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import unique


@pytest.fixture(autouse=True)
def experiment(tracking: str) -> str:
    """An experiment of the test's own."""
    return mlkeep.set_experiment(unique("models")).experiment_id


def test_a_model_made_by_hand_is_pending_until_its_files_have_come(experiment: str) -> None:
    made = mlkeep.initialize_logged_model("net", tags={"a": 1}, params={"depth": 3}, model_type="clf")

    assert (made.status, made.experiment_id, made.source_run_id) == ("PENDING", experiment, "")
    assert (made.name, made.params, made.model_type) == ("net", {"depth": "3"}, "clf")
    assert made.tags["a"] == "1"
    assert {"mlflow.user", "mlflow.source.name", "mlflow.source.type"} <= set(made.tags)
    assert made.model_uri == f"models:/{made.model_id}"
    ready = mlkeep.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    assert ready.status is LoggedModelStatus.READY
    assert mlkeep.last_logged_model() == mlkeep.get_logged_model(made.model_id) == ready
    with pytest.raises(InvalidInput, match="\"nonsense\" for parameter 'status'"):
        mlkeep.finalize_logged_model(made.model_id, "nonsense")


def test_a_model_comes_from_the_active_run_and_belongs_to_its_experiment(experiment: str) -> None:
    with mlkeep.start_run(experiment_id="0") as run:
        made = mlkeep.initialize_logged_model()
        elsewhere = mlkeep.initialize_logged_model(source_run_id="another", experiment_id=experiment)

    assert (made.source_run_id, made.experiment_id) == (run.info.run_id, "0")
    assert (elsewhere.source_run_id, elsewhere.experiment_id) == ("another", experiment)
    assert made.name != ""


def test_an_external_model_is_ready_and_has_an_mlmodel_file_only(client: MlkeepClient, tmp_path: Path) -> None:
    made = mlkeep.create_external_model("agent", params={"p": 1}, model_type="agent")

    assert (made.name, made.status, made.params, made.model_type) == ("agent", "READY", {"p": "1"}, "agent")
    assert made.tags["mlflow.model.isExternal"] == "true"
    assert [info.path for info in client.list_logged_model_artifacts(made.model_id)] == ["MLmodel"]
    folder = mlkeep.artifacts.download_artifacts(made.model_uri, dst_path=str(tmp_path))
    described = Model.load(folder)
    assert (described.model_id, described.flavors) == (made.model_id, {})
    assert described.metadata == {"mlflow.model.isExternal": True}


def test_tags_and_params_are_added_and_tags_removed(client: MlkeepClient) -> None:
    model_id = mlkeep.initialize_logged_model("net").model_id
    mlkeep.set_logged_model_tags(model_id, {"a": 1, "b": 2})
    mlkeep.delete_logged_model_tag(model_id, "b")
    mlkeep.log_model_params({"depth": 3}, model_id)

    model = client.get_logged_model(model_id)
    assert (model.tags["a"], "b" in model.tags, model.params) == ("1", False, {"depth": "3"})
    with pytest.raises(NotFound, match="b"):
        mlkeep.delete_logged_model_tag(model_id, "b")
    with pytest.raises(InvalidInput, match="No model is active"):
        mlkeep.log_model_params({"width": 1})


def test_the_active_model_gets_the_metrics_and_is_an_input_of_new_runs(client: MlkeepClient) -> None:
    model_id = mlkeep.initialize_logged_model("net").model_id
    with mlkeep.set_active_model(model_id=model_id) as active:
        assert active.model_id == mlkeep.get_active_model_id() == model_id
        with mlkeep.start_run() as run:
            mlkeep.log_metric("loss", 0.5)
            mlkeep.log_metrics({"acc": 0.25})
        mlkeep.log_model_params({"depth": 3})
    with mlkeep.start_run():
        mlkeep.log_metric("later", 1)

    model = client.get_logged_model(model_id)
    assert {point.key: point.value for point in model.metrics} == {"loss": 0.5, "acc": 0.25}
    assert model.params == {"depth": "3"}
    assert client.get_run(run.info.run_id).inputs.model_inputs == [LoggedModelInput(model_id)]


def test_a_model_is_made_active_by_the_name_it_has_or_is_to_have() -> None:
    older = mlkeep.initialize_logged_model("net")
    while (newest := mlkeep.initialize_logged_model("net")).creation_timestamp == older.creation_timestamp:
        pass  # of the same millisecond: neither is the newest
    assert mlkeep.set_active_model(name="net").model_id == newest.model_id

    made = mlkeep.set_active_model(name="agent")
    assert (made.name, made.status) == ("agent", "READY")
    assert mlkeep.set_active_model(name="agent").model_id == made.model_id
    with pytest.raises(InvalidInput, match="Either name or model_id"):
        mlkeep.set_active_model()
    with pytest.raises(NotFound, match="m-1"):
        mlkeep.set_active_model(model_id="m-1")
    with pytest.raises(InvalidInput, match="it's"):
        mlkeep.set_active_model(name="it's")


def test_what_was_active_before_is_active_again_after_the_block(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_ACTIVE_MODEL_ID", "m-of-the-environment")
    assert mlkeep.get_active_model_id() == "m-of-the-environment"
    with mlkeep.set_active_model(name="a") as outer:
        with mlkeep.set_active_model(name="b"):
            pass
        assert mlkeep.get_active_model_id() == outer.model_id
    assert mlkeep.get_active_model_id() == "m-of-the-environment"
    mlkeep.clear_active_model()
    assert mlkeep.get_active_model_id() is None


def test_each_thread_has_an_active_and_a_last_model_of_its_own() -> None:
    seen: list[object] = []
    mlkeep.set_active_model(name="a")
    thread = threading.Thread(target=lambda: seen.extend((mlkeep.get_active_model_id(), mlkeep.last_logged_model())))
    thread.start()
    thread.join()
    assert seen == [None, None]


def test_models_are_found_as_a_list_and_as_a_data_frame(client: MlkeepClient, experiment: str) -> None:
    for name, depth in (("a", 1), ("b", 2)):
        mlkeep.initialize_logged_model(name, params={"depth": depth})
    by_name = [{"field_name": "name"}]

    found = cast("list[LoggedModel]", mlkeep.search_logged_models(order_by=by_name, output_format="list"))
    assert [model.name for model in found] == ["a", "b"]
    deep = mlkeep.search_logged_models([experiment], "params.depth = '2'", output_format="list")
    assert deep == [found[1]]
    assert mlkeep.search_logged_models(max_results=1, order_by=by_name, output_format="list") == [found[0]]
    frame = cast("pd.DataFrame", mlkeep.search_logged_models(order_by=by_name))
    assert list(frame.columns) == sorted(found[0].to_dictionary())
    assert list(frame["model_id"]) == [model.model_id for model in found]
    assert list(frame["status"]) == ["PENDING", "PENDING"]
    with pytest.raises(InvalidInput, match="Unsupported output format: 'x'"):
        mlkeep.search_logged_models(output_format="x")
    with pytest.raises(InvalidInput, match="'fields' is none of"):
        mlkeep.search_logged_models(order_by=[{"fields": "name"}])
