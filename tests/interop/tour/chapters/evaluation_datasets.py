"""Evaluation datasets: made, filled, searched, tagged."""

from __future__ import annotations

from tests.interop.tour.recorder import Tour

FILTERS = (
    "name = 'ed-alpha'",
    "name LIKE 'ed-%'",
    "name ILIKE 'ED-%' AND name != 'ed-alpha'",
    "name IN ('ed-alpha')",
    "tags.team = 'red'",
    "tags.team != 'red'",
    "created_time > 1000 AND name LIKE 'ed-%'",
    "created_by = 'nobody'",
    "attributes.name = 'ed-alpha'",
    "tag.team = 'red'",
    "nonsense",
)
ORDERS = (["name"], ["name DESC"], ["created_time", "name"], ["last_update_time DESC", "name"], ["bad"])


def evaluation_datasets(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of evaluation datasets")
    other = client.create_experiment("of evaluation datasets too")
    dataset = client.create_dataset("ed-alpha", experiment, {"team": "red", "n": "1"})
    client.create_dataset("ed-beta", [experiment, other], {"team": "blue"})
    client.create_dataset("ed-gamma")
    client.create_dataset("lost", "99999999")
    client.create_dataset("")
    client.get_dataset(dataset.dataset_id)
    for missing in ("d-" + "0" * 32, "abc"):
        client.get_dataset(missing)
        client.set_dataset_tags(missing, {"a": "b"})
        client.delete_dataset_tag(missing, "a")
        client.add_dataset_to_experiments(missing, [experiment])
        client.remove_dataset_from_experiments(missing, [experiment])
    records = [
        {"inputs": {"question": "one?"}, "expectations": {"answer": "1"}},
        {"inputs": {"question": "two?"}, "expectations": {"answer": "2"}, "tags": {"hard": "no"}},
    ]
    tour.call("dataset.merge_records", dataset.merge_records, records)
    tour.call(
        "dataset.merge_records", dataset.merge_records, [{"inputs": {"question": "one?"}, "tags": {"hard": "yes"}}]
    )
    client.get_dataset(dataset.dataset_id)
    client.set_dataset_tags(dataset.dataset_id, {"team": "green", "empty": "", "number": 3})
    client.delete_dataset_tag(dataset.dataset_id, "n")
    client.delete_dataset_tag(dataset.dataset_id, "n")
    client.add_dataset_to_experiments(dataset.dataset_id, [other])
    client.add_dataset_to_experiments(dataset.dataset_id, ["99999999"])
    client.remove_dataset_from_experiments(dataset.dataset_id, [experiment])
    client.remove_dataset_from_experiments(dataset.dataset_id, [experiment])
    client.get_dataset(dataset.dataset_id)
    client.search_datasets([experiment], order_by=["name"])
    client.search_datasets([experiment, other], order_by=["name"])
    for text in FILTERS:
        client.search_datasets(filter_string=text, order_by=["name"])
    for order in ORDERS:
        client.search_datasets([experiment, other], order_by=order)
    for most in (0, 1):
        client.search_datasets([experiment, other], max_results=most, order_by=["name"])
    tour.pages(client.search_datasets, [experiment, other], max_results=1, order_by=["name DESC"])
    client.delete_dataset(dataset.dataset_id)
    client.delete_dataset(dataset.dataset_id)
    client.get_dataset(dataset.dataset_id)
