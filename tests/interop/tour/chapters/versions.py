"""Model versions: their life, where their files may lie, copies."""

from __future__ import annotations

from tests.interop.tour.recorder import Tour


def versions(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("versioned")
    run = client.create_run("0", start_time=8, run_name="source").info.run_id
    source = f"mlflow-artifacts:/0/{run}/artifacts/model"
    client.create_model_version(
        "versioned", source, run, tags={"a": "b", "n": 1}, run_link="http://ci/7", description="first"
    )
    client.create_model_version("versioned", "s3://bucket/two", await_creation_for=0)
    client.create_model_version("versioned", "s3://bucket/three", "0" * 32, description="", await_creation_for=None)
    client.create_model_version("missing", "s3://bucket/x", await_creation_for=0)
    client.create_model_version("versioned", "", await_creation_for=0)
    client.create_model_version("versioned", "s3://bucket/x", tags={"bad$key": "1"}, await_creation_for=0)
    wrong: list[tuple[object, object]] = [("versioned", 9), ("versioned", "abc"), ("missing", 1), ("versioned", 0)]
    for name, version in [*wrong, ("versioned", 1), ("versioned", "2"), ("versioned", " 1"), ("versioned", "1.0")]:
        client.get_model_version(name, version)
        client.get_model_version_download_uri(name, version)
    client.get_model_version_stages("versioned", "1")
    client.update_model_version("versioned", "1", "changed")
    client.update_model_version("versioned", "1")
    client.update_model_version("versioned", "1", "")
    pairs: list[tuple[object, object]] = [
        ("a", "changed"),
        ("empty", ""),
        ("number", 2.5),
        ("none", None),
        ("long", "v" * 100_000),
        ("long", "v" * 100_001),
        ("bad$", "v"),
        ("", "v"),
        ("k" * 251, "v"),
    ]
    for key, value in pairs:
        client.set_model_version_tag("versioned", "1", key, value)
    client.get_model_version("versioned", "1")
    for key in ("a", "a", "long", ""):
        client.delete_model_version_tag("versioned", "1", key)
    for name, version in wrong:
        client.update_model_version(name, version, "changed")
        client.set_model_version_tag(name, version, "a", "b")
        client.delete_model_version_tag(name, version, "a")
        client.delete_model_version(name, version)
    client.get_registered_model("versioned")
    client.set_registered_model_alias("versioned", "last", 3)
    client.delete_model_version("versioned", 3)
    client.delete_model_version("versioned", "3")
    client.get_model_version("versioned", "3")
    client.get_registered_model("versioned")
    client.create_model_version("versioned", "s3://bucket/four", await_creation_for=0)
    client.search_model_versions("name = 'versioned'", order_by=["version_number"])


def sources(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("sourced")
    run = client.create_run("0", start_time=9, run_name="source").info.run_id
    other = client.create_run("0", start_time=10, run_name="other").info.run_id
    own = f"mlflow-artifacts:/0/{run}/artifacts"
    for source, run_id in (
        (own, run),
        (f"{own}/model", run),
        (f"{own}/model", other),
        (f"{own}/model", None),
        (f"{own}/../other", run),
        (f"{own}/%2e%2e/other", run),
        (f"runs:/{run}/model", run),
        (f"runs:/{run}/model", other),
        ("s3://bucket/a/../b", run),
        ("s3://bucket/a?x=1", None),
        ("gs://bucket/a", None),
        ("dbfs:/a", None),
        ("wasbs://c@a.blob.core.windows.net/x", None),
        ("made-up://a/b", None),
        ("http://host/x", None),
        ("https://host/x", None),
        ("ftp://host/x", None),
        ("hdfs://host/x", None),
        ("abfss://c@a.dfs.core.windows.net/x", None),
        ("/etc", None),
        ("file:///etc", run),
        ("relative/model", None),
        ("models:/sourced/1", None),
        ("models:/sourced/99", None),
        ("models:/sourced/latest", None),
        ("models:/sourced@nobody", None),
        ("models:/missing/1", None),
    ):
        client.create_model_version("sourced", source, run_id, await_creation_for=0)
    client.create_registered_model("sourced without id")
    for source in (f"runs:/{run}/model", "models:/m-" + "0" * 32):
        client.create_model_version("sourced without id", source, await_creation_for=0)
    client.delete_registered_model("sourced without id")
    client.search_model_versions("name = 'sourced'", order_by=["version_number"])
    client.get_model_version_download_uri("sourced", "3")


def copies(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("original")
    run = client.create_run("0", start_time=11, run_name="source").info.run_id
    source = f"mlflow-artifacts:/0/{run}/artifacts/model"
    client.create_model_version("original", source, run, tags={"a": "b"}, description="the one", await_creation_for=0)
    client.set_registered_model_alias("original", "champion", 1)
    client.copy_model_version("models:/original/1", "copy")
    client.copy_model_version("models:/original/1", "copy")
    client.copy_model_version("models:/copy/1", "copy of the copy")
    client.copy_model_version("models:/original@champion", "copy")
    for uri in ("models:/original/9", "models:/missing/1", "original", "runs:/x/y"):
        client.copy_model_version(uri, "copy")
    client.get_model_version("copy", "1")
    client.get_registered_model("copy")
    for name, version in (("copy", 1), ("copy of the copy", 1), ("copy", 3)):
        client.get_model_version_download_uri(name, version)


def of_logged_models(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("of logged")
    run = client.create_run("0", start_time=12, run_name="source").info.run_id
    model = client.create_logged_model("0", name="logged", source_run_id=run, params={"p": "1"}).model_id
    other = client.create_logged_model("0", name="another").model_id
    client.create_model_version("of logged", f"models:/{model}", await_creation_for=0, model_id=model)
    client.create_model_version("of logged", f"models:/{model}", run, await_creation_for=0, model_id=model)
    client.create_model_version("of logged", f"models:/{model}", await_creation_for=0, model_id=other)
    client.create_model_version("of logged", "models:/of logged/1", await_creation_for=0)
    client.create_model_version(
        "of logged", f"mlflow-artifacts:/0/models/{model}/artifacts", await_creation_for=0, model_id=model
    )
    client.create_model_version(
        "of logged", f"mlflow-artifacts:/0/models/{model}/artifacts", await_creation_for=0, model_id=other
    )
    client.create_model_version("of logged", "s3://bucket/x", await_creation_for=0, model_id="m-" + "0" * 32)
    client.create_registered_model("of logged without id")
    client.create_model_version("of logged without id", f"models:/{other}", await_creation_for=0)
    client.delete_registered_model("of logged without id")
    client.get_model_version("of logged", 1)
    client.get_model_version_download_uri("of logged", 1)
    client.get_logged_model(model)
    client.search_model_versions("name = 'of logged'", order_by=["version_number"])
