"""Runs: made, changed, ended, deleted; their tags and params."""

from __future__ import annotations

from tests.interop.tour.recorder import Tour


def runs(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of runs")
    run = client.create_run(experiment, start_time=1000, run_name="first", tags={"a": "b"}).info.run_id
    client.create_run(experiment, tags={"number": 5})
    client.create_run(experiment)
    client.create_run(experiment, start_time=0, run_name="")
    client.create_run(experiment, start_time=50, tags={"mlflow.runName": "by tag"})
    client.create_run(experiment, start_time=51, run_name="one", tags={"mlflow.runName": "another"})
    client.create_run(experiment, start_time=52, run_name="same", tags={"mlflow.runName": "same"})
    client.create_run(experiment, start_time=53, run_name="n" * 300)
    client.create_run(experiment, start_time=54, tags={"mlflow.user": "ann", "bad$key": "kept", "long": "v" * 8001})
    client.create_run(experiment, start_time=1.5)
    client.create_run(int(experiment), start_time=55, run_name="int id")
    for missing in ("99999999", "abc", "", None):
        client.create_run(missing, start_time=5)
    client.get_run(run)
    for missing_run in ("0" * 32, "abc", "", None):
        client.get_run(missing_run)
        client.update_run(missing_run, status="FINISHED")
    client.update_run(run, name="renamed")
    client.update_run(run, status="SCHEDULED")
    client.update_run(run, status="FINISHED", name="again")
    client.update_run(run, status="nothing of the kind")
    client.update_run(run, name="")
    client.update_run(run)
    client.get_run(run)
    for status in (None, "FAILED", "KILLED", "RUNNING", "bad"):
        client.set_terminated(run, status=status, end_time=2000)
        client.get_run(run)
    client.set_terminated(run)
    client.get_run(run)
    client.set_terminated("0" * 32)
    child = client.create_run(experiment, start_time=6, run_name="child", tags={"mlflow.parentRunId": run}).info.run_id
    orphan = client.create_run(experiment, start_time=7, run_name="orphan", tags={"mlflow.parentRunId": "f" * 32})
    client.get_parent_run(child)
    client.get_parent_run(run)
    client.get_parent_run(orphan.info.run_id)
    client.get_parent_run("0" * 32)
    client.search_runs([experiment], order_by=["start_time"])


def tags(tour: Tour) -> None:
    client = tour.client
    run = client.create_run("0", start_time=1, run_name="tagged").info.run_id
    pairs: list[tuple[object, object]] = [
        ("a", "b"),
        ("a", "c"),
        ("empty", ""),
        ("none", None),
        ("number", 1.5),
        ("unicode ключ", "значение 🌱"),
        ("long", "v" * 8000),
        ("longer", "v" * 8001),
        ("k" * 250, "v"),
        ("k" * 251, "v"),
        ("", "v"),
        ("a$b", "v"),
        ("/a", "v"),
        ("a/../b", "v"),
        ("a//b", "v"),
        ("a/b c.d-e:f", "v"),
        ("mlflow.runName", "by tag"),
        ("mlflow.runName", ""),
        ("mlflow.note.content", "# A note"),
    ]
    for key, value in pairs:
        client.set_tag(run, key, value)
    client.get_run(run)
    client.set_tag(run, "later", "1", synchronous=False)
    tour.mlflow.flush_async_logging()
    for key in ("a", "a", "mlflow.runName", "never there", ""):
        client.delete_tag(run, key)
    client.get_run(run)
    client.set_tag("0" * 32, "a", "b")
    client.delete_tag("0" * 32, "a")


def params(tour: Tour) -> None:
    client = tour.client
    run = client.create_run("0", start_time=2, run_name="with params").info.run_id
    pairs: list[tuple[object, object]] = [
        ("lr", "0.1"),
        ("lr", 0.1),
        ("lr", "0.2"),
        ("empty", ""),
        ("empty", "full"),
        ("none", None),
        ("list", [1, "a"]),
        ("bool", True),
        ("long", "v" * 6000),
        ("longer", "v" * 6001),
        ("k" * 250, "v"),
        ("k" * 251, "v"),
        ("", "v"),
        ("a$b", "v"),
        ("./a", "v"),
        ("a/b c.d-e:f", "v"),
        ("quotes", "'\"`%_\\"),
        ("lines", "a\nb\tc"),
    ]
    for key, value in pairs:
        client.log_param(run, key, value)
    client.log_param(run, "later", "1", synchronous=False)
    tour.mlflow.flush_async_logging()
    client.get_run(run)
    client.log_param("0" * 32, "a", "b")


def deleted(tour: Tour) -> None:
    client = tour.client
    run = client.create_run("0", start_time=3, run_name="deleted").info.run_id
    client.log_param(run, "lr", "0.1")
    client.delete_run(run)
    client.delete_run(run)
    client.get_run(run)
    client.log_param(run, "a", "b")
    client.log_metric(run, "a", 1.0, timestamp=5)
    client.set_tag(run, "a", "b")
    client.delete_tag(run, "mlflow.runName")
    client.log_batch(run, metrics=[], params=[], tags=[])
    client.update_run(run, status="FINISHED")
    client.set_terminated(run)
    client.log_text(run, "still taken", "note.txt")
    client.get_metric_history(run, "a")
    client.list_artifacts(run)
    client.restore_run(run)
    client.restore_run(run)
    client.get_run(run)
    for missing in ("0" * 32, "abc", ""):
        client.delete_run(missing)
        client.restore_run(missing)
