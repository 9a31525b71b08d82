"""Searching registered models and model versions."""

from __future__ import annotations

from tests.interop.tour.recorder import Tour

MODEL_FILTERS = (
    "name = 'rm-alpha'",
    "name != 'rm-alpha' AND name LIKE 'rm-%'",
    "name LIKE 'RM-%'",
    "name ILIKE 'RM-%'",
    "attribute.name = 'rm-alpha'",
    "attributes.name = 'rm-alpha'",
    "name IN ('rm-alpha','rm-beta')",
    "name NOT IN ('rm-alpha') AND name LIKE 'rm-%'",
    "name > 'a'",
    "tags.team = 'red'",
    "tag.team = 'red'",
    "tags.team != 'red'",
    "tags.`k.dot` = '1'",
    "tags.team LIKE 'r%'",
    "tags.team ILIKE 'R%'",
    "tags.team = 'red' AND name = 'rm-alpha'",
    "creation_timestamp > 0",
    "description = 'x'",
    "nonsense",
    "name = 'a' OR name = 'b'",
    "name = rm",
)
MODEL_ORDERS = (
    ["name DESC"],
    ["name"],
    ["timestamp", "name"],
    ["last_updated_timestamp DESC", "name"],
    ["creation_timestamp"],
    ["attribute.name"],
    ["bad"],
    [""],
    ["name up"],
)
VERSION_FILTERS = (
    "name = 'mv-alpha'",
    "name LIKE 'mv-%'",
    "name ILIKE 'MV-%' AND name != 'mv-beta'",
    "name IN ('mv-alpha','mv-beta')",
    "name NOT IN ('mv-alpha') AND name LIKE 'mv-%'",
    "attribute.name = 'mv-alpha'",
    "name = 'mv-alpha' AND version_number = 2",
    "name = 'mv-alpha' AND version_number = '2'",
    "name = 'mv-alpha' AND version_number > 1",
    "name = 'mv-alpha' AND version_number != 1",
    "version_number > 1.5",
    "version_number LIKE '1'",
    "run_id = '' AND name LIKE 'mv-%'",
    "source_path LIKE 's3://mv/%'",
    "source_path = 's3://mv/alpha/1'",
    "source_path != 's3://mv/alpha/1' AND name LIKE 'mv-%'",
    "source_path IN ('a')",
    "tags.team = 'red'",
    "tags.team != 'red'",
    "tag.`team` ILIKE 'R%'",
    "tags.team = 'red' AND tags.n = '1'",
    "version = 1",
    "source = 'x'",
    "current_stage = 'None'",
    "status = 'READY'",
    "nonsense",
    "name = 'a' OR name = 'b'",
)
VERSION_ORDERS = (
    ["name", "version_number"],
    ["name DESC", "version_number DESC"],
    ["version_number", "name"],
    ["creation_timestamp", "name", "version_number"],
    ["last_updated_timestamp", "name", "version_number"],
    ["attribute.name"],
    ["source_path"],
    ["run_id"],
    ["bad"],
    [""],
)


def registered_models(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("rm-beta", tags={"team": "blue"})
    client.create_registered_model("rm-alpha", tags={"team": "red", "k.dot": "1"})
    client.create_registered_model("rm-Gamma")
    client.create_model_version("rm-alpha", "s3://rm/alpha", await_creation_for=0)
    client.set_registered_model_alias("rm-alpha", "champion", 1)
    client.search_registered_models()
    for text in MODEL_FILTERS:
        client.search_registered_models(text)
    for order in MODEL_ORDERS:
        client.search_registered_models("name LIKE 'rm-%'", order_by=order)
    for most in (1000, 1001, None):
        client.search_registered_models("name LIKE 'rm-%'", max_results=most)
    tour.pages(client.search_registered_models, "name LIKE 'rm-%'", max_results=1)
    tour.pages(client.search_registered_models, "name LIKE 'rm-%'", max_results=2, order_by=["name DESC"])
    client.search_registered_models(page_token="not a token")
    tour.mlflow.search_registered_models(filter_string="name LIKE 'rm-%'", max_results=2)


def versions(tour: Tour) -> None:
    client = tour.client
    run = client.create_run("0", start_time=13, run_name="source").info.run_id
    for name in ("mv-beta", "mv-alpha"):
        client.create_registered_model(name)
    for number in (1, 2, 3):
        client.create_model_version(
            "mv-alpha", f"s3://mv/alpha/{number}", tags={"team": "red", "n": str(number)}, await_creation_for=0
        )
    client.create_model_version("mv-beta", "s3://mv/beta/1", run, tags={"team": "blue"}, await_creation_for=0)
    client.create_model_version("mv-beta", "s3://mv/beta/2", run, await_creation_for=0)
    client.delete_model_version("mv-beta", 2)
    client.set_registered_model_alias("mv-alpha", "champion", 2)
    client.search_model_versions()
    for text in (
        *VERSION_FILTERS,
        f"run_id = '{run}'",
        f"run_id IN ('{run}')",
        f"run_id != '{run}' AND name LIKE 'mv-%'",
    ):
        client.search_model_versions(text, order_by=["name", "version_number"])
    for order in VERSION_ORDERS:
        client.search_model_versions("name LIKE 'mv-%'", order_by=order)
    client.search_model_versions("name LIKE 'mv-%'")
    for most in (0, -1, 200_000, 200_001):
        client.search_model_versions("name LIKE 'mv-%'", max_results=most)
    tour.pages(client.search_model_versions, "name LIKE 'mv-%'", max_results=2, order_by=["name", "version_number"])
    tour.pages(client.search_model_versions, "name LIKE 'mv-%'", max_results=3)
    client.search_model_versions(page_token="not a token")
    tour.mlflow.search_model_versions(filter_string="name LIKE 'mv-%'", max_results=2, order_by=["name"])
