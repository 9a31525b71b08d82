"""Experiments: made, found, renamed, tagged, deleted, restored."""

from __future__ import annotations

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour


def experiments(tour: Tour) -> None:
    client = tour.client
    assert client.tracking_uri == tour.tracking_uri
    client.get_experiment("0")
    client.get_experiment_by_name("Default")
    plain = client.create_experiment("plain")
    client.create_experiment("with everything", artifact_location="s3://bucket/a/b", tags={"team": "blue", "n": "1"})
    client.create_experiment("naïve 🌱/with slash")
    for name in ("plain", "", None, "x" * 500, "y" * 501, 7, " ", "'"):
        client.create_experiment(name)
    locations = (
        "ftp://host/x",
        "runs:/1/x",
        "s3://bucket/a#b",
        "s3://bucket/a?x=../y",
        "gs://bucket",
        "s3://b/" + "l" * 2100,
    )
    for number, location in enumerate(locations):
        client.create_experiment(f"located {number}", artifact_location=location)
    for experiment_id in (plain, "99999999", "abc", "", None, -1, int(plain)):
        client.get_experiment(experiment_id)
    for name in ("plain", "with everything", "naïve 🌱/with slash", "nothing of the kind", "", None):
        client.get_experiment_by_name(name)
    client.rename_experiment(plain, "renamed")
    client.get_experiment(plain)
    client.get_experiment_by_name("plain")
    for experiment_id, name in ((plain, "renamed"), (plain, ""), (plain, None), ("99999999", "x"), ("abc", "x")):
        client.rename_experiment(experiment_id, name)
    client.rename_experiment(plain, "with everything")
    client.create_experiment("plain")


def tags(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("tagged", tags={"first": "1", "number": "2"})
    pairs: list[tuple[object, object]] = [
        ("first", "another"),
        ("empty", ""),
        ("number", 3),
        ("none", None),
        ("long", "v" * 20_000),
        ("too long", "v" * 20_001),
        ("k" * 250, "v"),
        ("k" * 251, "v"),
        ("", "v"),
        ("bad$key", "v"),
        ("mlflow.note.content", "# A note"),
    ]
    for key, value in pairs:
        client.set_experiment_tag(experiment, key, value)
    client.get_experiment(experiment)
    client.set_experiment_tag("99999999", "a", "b")
    client.create_experiment("badly tagged", tags={"bad$key": "1"})
    client.create_experiment("badly tagged", tags={"long": "v" * 20_001})
    client.get_experiment_by_name("badly tagged")
    if official.MAJOR >= 3:
        client.delete_experiment_tag(experiment, "first")
        client.delete_experiment_tag(experiment, "first")
        client.delete_experiment_tag("99999999", "first")
        client.get_experiment(experiment)


def deleted(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("to be deleted", tags={"a": "b"})
    kept = client.create_run(experiment, start_time=1, run_name="kept").info.run_id
    gone = client.create_run(experiment, start_time=2, run_name="gone before").info.run_id
    client.delete_run(gone)
    client.delete_experiment(experiment)
    client.delete_experiment(experiment)
    client.get_experiment(experiment)
    client.get_experiment_by_name("to be deleted")
    client.get_run(kept)
    client.create_experiment("to be deleted")
    client.create_run(experiment, start_time=3, run_name="too late")
    client.rename_experiment(experiment, "another name")
    client.set_experiment_tag(experiment, "a", "c")
    if official.MAJOR >= 3:
        client.delete_experiment_tag(experiment, "a")
    client.search_runs([experiment])
    client.search_runs([experiment], run_view_type=official.entities.ViewType.DELETED_ONLY, order_by=["start_time"])
    client.restore_experiment(experiment)
    client.restore_experiment(experiment)
    client.get_experiment(experiment)
    client.search_runs([experiment], run_view_type=official.entities.ViewType.ALL, order_by=["start_time"])
    for missing in ("99999999", "abc", ""):
        client.delete_experiment(missing)
        client.restore_experiment(missing)
