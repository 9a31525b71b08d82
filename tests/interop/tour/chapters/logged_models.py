"""Logged models: their life, their metrics, their files."""

from __future__ import annotations

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour


def logged_models(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of logged models")
    run = client.create_run(experiment, start_time=1, run_name="source").info.run_id
    model = client.create_logged_model(
        experiment, name="forest", source_run_id=run, tags={"a": "b"}, params={"depth": "5"}, model_type="sklearn"
    ).model_id
    client.create_logged_model(experiment)
    client.create_logged_model(experiment, name="")
    client.create_logged_model(experiment, name="orphan", source_run_id="0" * 32)
    client.create_logged_model(experiment, name="long", params={"p": "v" * 7000}, tags={"t": "v" * 9000})
    client.create_logged_model(experiment, name="odd", params={"bad$key": "1", "a/../b": "2", "k" * 250: "3"})
    client.create_logged_model(experiment, name="tagged oddly", tags={"bad$key": "1", "k" * 250: "3"})
    for name in ("a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "n" * 500, "with space", "ключ"):
        client.create_logged_model(experiment, name=name)
    for missing_experiment in ("99999999", "abc", ""):
        client.create_logged_model(missing_experiment, name="x")
    client.get_logged_model(model)
    for missing in ("m-" + "0" * 32, "abc"):
        client.get_logged_model(missing)
        client.finalize_logged_model(missing, "READY")
        client.set_logged_model_tags(missing, {"a": "b"})
        client.delete_logged_model_tag(missing, "a")
        client.log_model_params(missing, {"a": "b"})
        client.delete_logged_model(missing)
    client.finalize_logged_model(model, "READY")
    client.finalize_logged_model(model, official.entities.LoggedModelStatus.FAILED)
    client.finalize_logged_model(model, "nothing of the kind")
    client.set_logged_model_tags(model, {"a": "changed", "number": 1, "empty": "", "bad$key": "kept"})
    client.delete_logged_model_tag(model, "a")
    client.delete_logged_model_tag(model, "a")
    client.log_model_params(model, {"lr": "0.1", "number": 1})
    client.log_model_params(model, {"lr": "0.1"})
    client.log_model_params(model, {"lr": "0.2"})
    client.log_model_params(model, {})
    client.log_model_params(model, {"bad$key": "1"})
    client.get_logged_model(model)
    client.delete_logged_model(model)
    client.delete_logged_model(model)
    client.get_logged_model(model)
    client.finalize_logged_model(model, "READY")
    client.set_logged_model_tags(model, {"late": "1"})
    client.search_logged_models([experiment], "name = 'forest'")
    client.delete_experiment(experiment)
    client.create_logged_model(experiment, name="too late")
    client.search_logged_models([experiment], "name = 'with space'")


def metrics(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of measured models")
    run = client.create_run(experiment, start_time=1, run_name="measuring").info.run_id
    model = client.create_logged_model(experiment, name="measured", source_run_id=run).model_id
    client.log_metric(run, "acc", 0.5, timestamp=10, step=1, model_id=model)
    client.log_metric(run, "acc", 0.75, timestamp=20, step=2, model_id=model)
    client.log_metric(run, "acc", 0.25, timestamp=25, step=2, model_id=model, dataset_name="d", dataset_digest="g")
    client.log_metric(run, "acc", 1.0, timestamp=30, step=3, dataset_name="d", dataset_digest="g")
    client.log_metric(run, "acc", 0.5, timestamp=10, step=1, model_id=model)
    twice = client.create_logged_model("0", name="measured twice").model_id
    client.log_metric(run, "twice", 0.5, timestamp=10, step=1, model_id=twice)
    client.log_metric(run, "twice", 0.5, timestamp=10, step=1, model_id=twice, dataset_name="d", dataset_digest="g")
    client.log_metric(run, "lost", 0.5, timestamp=10, step=1, model_id="m-" + "0" * 32)
    metric = official.entities.Metric
    client.log_batch(
        run,
        metrics=[
            metric("f1", 0.5, 10, 0, model_id=model),
            metric("f1", 0.25, 11, 0, model_id=model, dataset_name="d", dataset_digest="g"),
            metric("f1", 2.0, 10, 1),
        ],
    )
    client.log_batch(run, metrics=[metric("lost", 1, 1, 0, model_id="m-" + "0" * 32)])
    client.get_logged_model(model)
    client.get_run(run)
    client.get_metric_history(run, "acc")
    client.search_logged_models([experiment])
    client.search_logged_models([experiment], "metrics.acc > 0.6")
    client.search_logged_models([experiment], datasets=[{"dataset_name": "d", "dataset_digest": "g"}])
    client.search_logged_models(
        [experiment], "metrics.acc < 0.3", datasets=[{"dataset_name": "d", "dataset_digest": "g"}]
    )


def artifacts(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of model files")
    run = client.create_run(experiment, start_time=1, run_name="source").info.run_id
    model = client.create_logged_model(experiment, name="filed", source_run_id=run).model_id
    client.list_logged_model_artifacts(model)
    client.log_model_artifact(model, str(tour.file("model/one.txt", "one")))
    client.log_model_artifacts(model, str(tour.folder / "model"), "folder")
    client.list_logged_model_artifacts(model)
    client.list_logged_model_artifacts(model, "folder")
    client.list_logged_model_artifacts(model, "missing")
    client.list_logged_model_artifacts("m-" + "0" * 32)
    client.list_artifacts(run)
    client.list_artifacts(run, "filed")
    client.download_artifacts(run, "filed/one.txt", str(tour.folder))
    tour.artifacts.list_artifacts(artifact_uri=f"models:/{model}")
    tour.artifacts.load_text(f"models:/{model}/one.txt")
    client.log_model_artifact("m-" + "0" * 32, str(tour.file("model/one.txt", "one")))
