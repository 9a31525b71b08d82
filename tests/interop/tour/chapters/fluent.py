"""The fluent functions: what they send, what they remember, what they give back."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
from matplotlib.figure import Figure

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour


def runs(tour: Tour) -> None:
    fluent = tour.mlflow
    fluent.get_tracking_uri()
    fluent.get_registry_uri()
    fluent.is_tracking_uri_set()
    fluent.set_registry_uri(tour.tracking_uri)
    fluent.end_run()
    fluent.set_experiment("of fluent runs")
    fluent.active_run()
    first = fluent.start_run(run_name="outer", tags={"a": "b"}, description="why")
    fluent.active_run()
    fluent.start_run()
    inner = fluent.start_run(run_name="inner", nested=True)
    fluent.get_parent_run(inner.info.run_id)
    fluent.end_run("FAILED")
    fluent.last_active_run()
    fluent.end_run()
    fluent.last_active_run()
    fluent.end_run()
    fluent.start_run(run_id=first.info.run_id, tags={"resumed": "yes"})
    fluent.end_run("KILLED")
    fluent.get_run(first.info.run_id)
    fluent.start_run(run_id="0" * 32)
    fluent.start_run(parent_run_id="0" * 32)
    fluent.start_run(parent_run_id=first.info.run_id, run_name="child of one that ended")
    fluent.end_run("bad")
    fluent.end_run()
    with contextlib.suppress(ZeroDivisionError), official.mlflow.start_run(run_name="breaks"):
        raise ZeroDivisionError
    fluent.last_active_run()
    fluent.delete_run(inner.info.run_id)
    fluent.start_run(run_id=inner.info.run_id)
    if official.MAJOR >= 3:
        fluent.restore_run(inner.info.run_id)
    for options in (
        {"output_format": "list", "order_by": ["run_name"]},
        {"order_by": ["run_name"]},
        {"filter_string": "attributes.status = 'KILLED'", "output_format": "list"},
        {"max_results": 1, "order_by": ["run_name"]},
        {"experiment_names": ["of fluent runs", "missing"], "order_by": ["run_name"]},
        {"experiment_names": ["missing"]},
        {"experiment_ids": ["0"], "experiment_names": ["a"]},
        {"filter_string": "run_name = 'outer'", "search_all_experiments": True},
        {"output_format": "bad"},
        {"run_view_type": official.entities.ViewType.DELETED_ONLY},
    ):
        fluent.search_runs(**options)


def logging(tour: Tour) -> None:
    fluent = tour.mlflow
    fluent.set_experiment("of fluent logging")
    run = fluent.start_run(run_name="logging").info.run_id
    fluent.log_param("lr", 0.1)
    fluent.log_param("lr", 0.2)
    fluent.log_params({"depth": 5, "none": None, **{f"p{number}": number for number in range(120)}})
    fluent.log_metric("loss", 0.5, step=1, timestamp=1000)
    fluent.log_metric("loss", math.nan, step=2, timestamp=2000)
    fluent.log_metrics({"a": 1, "b": 2.5}, step=3, timestamp=3000)
    fluent.log_metrics({"later": 1}, step=3, timestamp=3000, synchronous=False)
    fluent.set_tag("tag", "value")
    fluent.set_tags({"x": 1, "y": [1, 2]})
    fluent.delete_tag("tag")
    fluent.delete_tag("tag")
    fluent.flush_async_logging()
    data = official.mlflow.data.from_numpy(np.arange(6.0).reshape(3, 2), targets=np.arange(3), name="numbers")
    fluent.log_input(data, context="training", tags={"a": "b"})
    fluent.log_input(data)
    if official.MAJOR >= 3:
        fluent.log_inputs(datasets=[data, data], contexts=["one", "two"], tags_list=[{"k": "v"}, None])
        fluent.log_metric("on data", 1.0, dataset=data, timestamp=1, step=0)
        fluent.log_stream(io.BytesIO(b"streamed"), "stream.bin")
    fluent.log_text("text", "t.txt")
    fluent.log_dict({"a": 1}, "d.json")
    fluent.log_artifact(str(tour.file("f/file.txt", "f")), "files")
    fluent.log_artifacts(str(tour.folder / "f"), "files")
    fluent.log_table({"a": [1]}, "table.json")
    fluent.log_image(np.zeros((2, 2), dtype=np.uint8), "i.png")
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    fluent.log_figure(figure, "f.png")
    fluent.flush_artifact_async_logging()
    fluent.get_artifact_uri()
    fluent.get_artifact_uri("files/file.txt")
    tour.artifacts.list_artifacts(run_id=run)
    fluent.end_run()
    fluent.get_run(run)
    tour.client.get_metric_history(run, "loss")
    fluent.get_run("0" * 32)
    fluent.get_parent_run(run)


def experiments(tour: Tour) -> None:
    fluent = tour.mlflow
    experiment = fluent.create_experiment("fluent", tags={"a": "b"})
    fluent.create_experiment("fluent")
    fluent.set_experiment("fluent")
    fluent.set_experiment(experiment_id=experiment)
    fluent.set_experiment("fluent and new")
    fluent.set_experiment()
    fluent.set_experiment("fluent", experiment)
    fluent.set_experiment(experiment_id="99999999")
    fluent.set_experiment("")
    fluent.set_experiment("fluent")
    fluent.set_experiment_tag("one", "1")
    fluent.set_experiment_tags({"two": "2", "three": 3})
    if official.MAJOR >= 3:
        fluent.delete_experiment_tag("one")
    fluent.get_experiment(experiment)
    fluent.get_experiment_by_name("fluent")
    fluent.get_experiment_by_name("missing")
    fluent.get_experiment("99999999")
    fluent.search_experiments(filter_string="name LIKE 'fluent%'", order_by=["name"])
    fluent.delete_experiment(experiment)
    fluent.set_experiment("fluent")
    fluent.set_experiment(experiment_id=experiment)
    if official.MAJOR >= 3:
        fluent.restore_experiment(experiment)
    fluent.set_experiment("fluent and new")


def registry(tour: Tour) -> None:
    fluent = tour.mlflow
    fluent.set_experiment("of fluent registry")
    run = fluent.start_run(run_name="with a model").info.run_id
    fluent.log_text(f"run_id: {run}\nflavors: {{}}\n", "model/MLmodel")
    fluent.end_run()
    fluent.register_model(f"runs:/{run}/model", "registered by run", tags={"a": "b"})
    fluent.register_model(f"runs:/{run}/model", "registered by run")
    fluent.register_model(
        f"mlflow-artifacts:/{tour.mlflow.get_experiment_by_name('of fluent registry').experiment_id}/{run}/artifacts/model",
        "by place",
    )
    fluent.register_model("s3://bucket/model", "registered by place", 0)
    fluent.register_model(f"runs:/{'0' * 32}/model", "registered by run")
    fluent.register_model(f"runs:/{run}/missing", "registered by run")
    fluent.register_model("models:/registered by run/1", "registered by run")
    fluent.register_model(f"runs:/{run}/model", "bad/name")
    fluent.search_registered_models(filter_string="name LIKE 'registered by%'", order_by=["name"])
    fluent.search_model_versions(filter_string="name LIKE 'registered by%'", order_by=["name", "version_number"])
    if official.MAJOR >= 3:
        fluent.set_model_version_tag("registered by run", "1", "key", "value")
    tour.client.get_registered_model("registered by run")


def logged_models(tour: Tour) -> None:
    fluent = tour.mlflow
    fluent.set_experiment("of fluent logged models")
    run = fluent.start_run(run_name="modelling").info.run_id
    model = fluent.initialize_logged_model(
        "net", source_run_id=run, params={"a": "1"}, tags={"t": "1"}, model_type="dl"
    )
    fluent.last_logged_model()
    fluent.log_outputs([official.entities.LoggedModelOutput(model.model_id, 1)])
    fluent.log_metric("acc", 0.5, step=1, timestamp=5)
    fluent.log_metrics({"f1": 0.25, "auc": 0.75}, step=1, timestamp=5)
    fluent.log_metric("acc", 0.75, step=2, timestamp=6, model_id=model.model_id)
    data = official.mlflow.data.from_numpy(np.arange(4.0), name="numbers")
    fluent.log_metrics({"mse": 0.25}, step=2, timestamp=7, model_id=model.model_id, dataset=data)
    fluent.log_input(model=official.entities.LoggedModelInput(model.model_id))
    fluent.log_model_params({"b": "2"}, model.model_id)
    fluent.set_logged_model_tags(model.model_id, {"u": "2"})
    fluent.delete_logged_model_tag(model.model_id, "t")
    fluent.finalize_logged_model(model.model_id, "READY")
    fluent.get_logged_model(model.model_id)
    external = fluent.create_external_model("outside", params={"x": "1"}, model_type="agent")
    fluent.get_logged_model(external.model_id)
    tour.client.list_logged_model_artifacts(external.model_id)
    fluent.set_active_model(name="outside")
    fluent.get_active_model_id()
    fluent.log_metric("while active", 1.0, step=0, timestamp=8)
    fluent.set_active_model(name="fresh")
    fluent.set_active_model(model_id=model.model_id)
    fluent.set_active_model(model_id="m-" + "0" * 32)
    fluent.clear_active_model()
    fluent.get_active_model_id()
    checkpoints = tour.file("checkpoints/one/weights.txt", "1").parent.parent
    fluent.import_checkpoints(str(checkpoints), run, "checkpoint-")
    fluent.register_model(f"models:/{model.model_id}", "registered logged model", 0)
    fluent.register_model(f"runs:/{run}/net", "registered logged model", 0)
    fluent.end_run()
    fluent.get_run(run)
    fluent.get_logged_model(model.model_id)
    fluent.search_logged_models(order_by=[{"field_name": "name"}], output_format="list")
    fluent.search_logged_models(order_by=[{"field_name": "name"}])
    fluent.search_logged_models(output_format="bad")
    tour.client.get_model_version("registered logged model", 1)
    tour.client.get_model_version_download_uri("registered logged model", 1)
