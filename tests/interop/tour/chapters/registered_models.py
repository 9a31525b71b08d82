"""Registered models and their aliases."""

from __future__ import annotations

from tests.interop.tour.recorder import Tour


def registered_models(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("forest", tags={"team": "blue", "n": 1}, description="trees")
    client.create_registered_model("forest")
    client.create_registered_model("with space @ % \\ 🌱")
    for name in ("", None, " ", "a/b", "a:b", ".", "..", "n" * 256, "same", "same"):
        client.create_registered_model(name)
    client.create_registered_model("badly tagged", tags={"bad$key": "1"})
    client.create_registered_model("badly tagged", tags={"long": "v" * 100_001})
    for name in ("forest", "with space @ % \\ 🌱", "missing", "", None):
        client.get_registered_model(name)
    for name in ("a/b", "a:b"):
        client.get_registered_model(name)
    client.update_registered_model("a/b", "changed")
    client.set_registered_model_tag("a/b", "a", "b")
    client.get_model_version("a/b", 1)
    client.update_registered_model("forest", "changed")
    client.update_registered_model("forest", "")
    client.update_registered_model("missing", "changed")
    client.update_registered_model("forest", None)
    client.update_registered_model("forest")
    pairs: list[tuple[object, object]] = [
        ("team", "red"),
        ("empty", ""),
        ("none", None),
        ("number", 2),
        ("long", "v" * 100_000),
        ("long", "v" * 100_001),
        ("k" * 250, "v"),
        ("k" * 251, "v"),
        ("bad$", "v"),
        ("", "v"),
    ]
    for key, value in pairs:
        client.set_registered_model_tag("forest", key, value)
    client.set_registered_model_tag("missing", "a", "b")
    client.get_registered_model("forest")
    for name, key in (("forest", "team"), ("forest", "team"), ("forest", "long"), ("missing", "team"), ("forest", "")):
        client.delete_registered_model_tag(name, key)
    client.create_model_version("forest", "s3://bucket/forest", await_creation_for=0)
    client.create_model_version("forest", "s3://bucket/forest-2", await_creation_for=0)
    client.set_registered_model_alias("forest", "champion", 1)
    client.get_registered_model("forest")
    client.rename_registered_model("forest", "wood")
    client.get_registered_model("forest")
    client.get_registered_model("wood")
    client.get_model_version("wood", "2")
    client.get_model_version_by_alias("wood", "champion")
    for name, new in (
        ("wood", "wood"),
        ("wood", "same"),
        ("wood", ""),
        ("wood", "a/b"),
        ("missing", "x"),
        ("wood", None),
    ):
        client.rename_registered_model(name, new)
    client.delete_registered_model("wood")
    client.delete_registered_model("wood")
    client.get_registered_model("wood")
    client.get_model_version("wood", "1")
    client.create_registered_model("wood")
    client.create_model_version("wood", "s3://bucket/wood", await_creation_for=0)
    client.get_model_version_by_alias("wood", "champion")


def aliases(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("aliased")
    for number in (1, 2, 3):
        client.create_model_version("aliased", f"s3://bucket/{number}", await_creation_for=0)
    client.set_registered_model_alias("aliased", "champion", 1)
    client.set_registered_model_alias("aliased", "first", "1")
    client.set_registered_model_alias("aliased", "Champion", 2)
    client.set_registered_model_alias("aliased", "чемпион-3_x", 3)
    client.get_registered_model("aliased")
    client.get_model_version("aliased", 1)
    client.set_registered_model_alias("aliased", "champion", 2)
    client.get_model_version_by_alias("aliased", "champion")
    client.get_model_version("aliased", 1)
    names = ("latest", "LATEST", "v1", "V22", "v1x", "a b", "", "a.b", "a/b", "a" * 255, "a" * 256, None)
    for name in names:
        client.set_registered_model_alias("aliased", name, 1)
        client.get_model_version_by_alias("aliased", name)
        client.delete_registered_model_alias("aliased", name)
    for version in (9, "abc", None, 0, -1):
        client.set_registered_model_alias("aliased", "other", version)
    client.set_registered_model_alias("missing", "champion", 1)
    client.get_model_version_by_alias("aliased", "missing")
    client.get_model_version_by_alias("missing", "champion")
    client.delete_registered_model_alias("aliased", "champion")
    client.delete_registered_model_alias("aliased", "champion")
    client.delete_registered_model_alias("missing", "champion")
    client.get_model_version_by_alias("aliased", "champion")
    client.delete_model_version("aliased", 3)
    client.get_registered_model("aliased")
    client.get_latest_versions("aliased")
    client.search_model_versions("name = 'aliased'", order_by=["version_number"])
