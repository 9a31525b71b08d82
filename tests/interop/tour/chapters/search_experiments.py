"""Searching experiments: each filter, order and view the page on searching names."""

from __future__ import annotations

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour

FILTERS = (
    "name = 'se-alpha'",
    "name != 'se-alpha' AND name LIKE 'se-%'",
    "name LIKE 'SE-%'",
    "name ILIKE 'SE-%'",
    "attribute.name = 'se-beta'",
    "attributes.name = 'se-beta'",
    "name IN ('se-alpha')",
    "name > 'a'",
    "experiment_id = '0'",
    "experiment_id IN ('0')",
    "experiment_id NOT IN ('0') AND name LIKE 'se-%'",
    "creation_time > 1000 AND name LIKE 'se-%'",
    "creation_time > 1e3",
    "creation_time > '1000'",
    "creation_time < 1000",
    "last_update_time >= 0 AND name LIKE 'se-%'",
    "last_update_time LIKE '1'",
    "tags.team = 'red'",
    "tag.team = 'red'",
    "tags.team != 'red'",
    "tags.`k.dot` = '1'",
    'tags."k.dot" = "1"',
    "tags.k.dot = '1'",
    "tags.team LIKE 'r%'",
    "tags.team ILIKE 'R%'",
    "tags.team IS NULL AND name LIKE 'se-%'",
    "tags.team IS NOT NULL AND name LIKE 'se-%'",
    "tags.team IN ('red')",
    "tags.team = red",
    "team = 'red'",
    "lifecycle_stage = 'active'",
    "nonsense",
    "name = 'a' OR name = 'b'",
    "params.a = '1'",
)
ORDERS = (
    ["name"],
    ["name DESC"],
    ["experiment_id"],
    ["experiment_id desc"],
    ["creation_time", "name"],
    ["last_update_time DESC", "name"],
    ["attribute.name"],
    ["name", "name"],
    ["tags.team"],
    ["bad"],
    [""],
    ["name up"],
)


def search(tour: Tour) -> None:
    client = tour.client
    view = official.entities.ViewType
    client.create_experiment("se-alpha", tags={"team": "red", "k.dot": "1"})
    client.create_experiment("se-beta", tags={"team": "blue"})
    client.create_experiment("se-Gamma")
    gone = client.create_experiment("se-gone", tags={"team": "red"})
    client.delete_experiment(gone)
    client.search_experiments()
    for kind in (view.ACTIVE_ONLY, view.DELETED_ONLY, view.ALL):
        client.search_experiments(kind, filter_string="name LIKE 'se-%'", order_by=["name"])
    for text in FILTERS:
        client.search_experiments(filter_string=text, order_by=["name"])
    for order in ORDERS:
        client.search_experiments(filter_string="name LIKE 'se-%'", order_by=order)
    for most in (0, -1, 50_000, 50_001, None):
        client.search_experiments(filter_string="name LIKE 'se-%'", max_results=most)
    tour.pages(client.search_experiments, filter_string="name LIKE 'se-%'", max_results=2, order_by=["name DESC"])
    tour.pages(client.search_experiments, filter_string="name LIKE 'se-%'", max_results=3)
    client.search_experiments(page_token="not a token")
    tour.mlflow.search_experiments(filter_string="name LIKE 'se-%'", max_results=2)
    tour.mlflow.search_experiments(view.ALL, filter_string="name LIKE 'se-%'")
