"""Searching logged models, which have a grammar of their own."""

from __future__ import annotations

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour

FILTERS = (
    "name = 'A'",
    "name != 'A'",
    "name LIKE 'a%'",
    "name ILIKE 'a%'",
    "name IN ('A','B')",
    "name NOT IN ('A')",
    'name = "A"',
    "name = A",
    "attributes.name = 'A'",
    "attribute.name = 'A'",
    "model_type = 'sklearn'",
    "status = 2",
    "status = 'READY'",
    "creation_timestamp > 1000",
    "creation_timestamp_ms > 1000",
    "creation_time < 1000",
    "last_updated_timestamp >= 1000",
    "params.lr = '0.1'",
    "params.lr = 0.1",
    "params.lr != '0.1'",
    "params.lr LIKE '0%'",
    "params.lr IN ('0.1','0.2')",
    "param.lr = '0.1'",
    "tags.team = 'red'",
    "tags.`k.dot` = '1'",
    "tags.team ILIKE 'R%'",
    "tag.team = 'red'",
    "metrics.acc > 0.6",
    "metrics.acc > 0.6 AND name = 'A'",
    "metrics.acc >= 0.5 AND metrics.acc < 0.9",
    "metrics.none > 0",
    "metric.acc > 0.6",
    "tags.team IS NULL",
    "name = 'A' OR name = 'B'",
    "nonsense",
)
ORDERS: tuple[list[dict[str, object]], ...] = (
    [{"field_name": "name"}],
    [{"field_name": "name", "ascending": False}],
    [{"field_name": "attributes.name"}],
    [{"field_name": "metrics.acc", "ascending": False}],
    [{"field_name": "metrics.acc"}],
    [{"field_name": "metrics.acc", "dataset_name": "d", "dataset_digest": "g"}],
    [{"field_name": "creation_timestamp"}],
    [{"field_name": "creation_time", "ascending": False}],
    [{"field_name": "model_type"}, {"field_name": "name"}],
    [{"field_name": "last_updated_timestamp"}],
    [{"field_name": "params.lr"}],
    [{"field_name": "tags.team"}],
    [{"field_name": ""}],
)


def search(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("slm")
    run = client.create_run(experiment, start_time=1, run_name="measuring").info.run_id
    models = {
        "A": ("sklearn", {"lr": "0.1"}, {"team": "red", "k.dot": "1"}, 0.75),
        "B": ("agent", {"lr": "0.2"}, {"team": "blue"}, 0.5),
        "apple": (None, {}, {}, None),
    }
    for name, (kind, params, tags, accuracy) in models.items():
        model = client.create_logged_model(experiment, name, run, tags, params, kind).model_id
        if accuracy is not None:
            client.log_metric(run, "acc", accuracy, timestamp=10, step=1, model_id=model)
            client.log_metric(
                run, "acc", 1 - accuracy, timestamp=5, step=2, model_id=model, dataset_name="d", dataset_digest="g"
            )
        client.finalize_logged_model(model, "READY")
    client.search_logged_models([experiment])
    by_name: list[dict[str, object]] = [{"field_name": "name"}]
    for text in (*FILTERS, f"source_run_id = '{run}'", f"experiment_id = '{experiment}'"):
        names(tour, [experiment], text, order_by=by_name)
    for order in ORDERS:
        names(tour, [experiment], None, order_by=order)
    data: tuple[list[dict[str, object]], ...] = (
        [{"dataset_name": "d"}],
        [{"dataset_name": "d", "dataset_digest": "g"}],
        [{"dataset_digest": "g"}],
        [{"dataset_name": "other", "dataset_digest": "g"}],
    )
    for datasets in data:
        names(tour, [experiment], "metrics.acc > 0.3", datasets=datasets, order_by=by_name)
        names(tour, [experiment], None, datasets=datasets, order_by=by_name)
    for most in (0, 1, 50, 1000):
        names(tour, [experiment], None, max_results=most, order_by=by_name)
    tour.pages(client.search_logged_models, [experiment], max_results=2, order_by=by_name)
    tour.pages(client.search_logged_models, [experiment], max_results=1)
    client.search_logged_models([])
    client.search_logged_models(["99999999"])
    tour.mlflow.search_logged_models([experiment], "name = 'A'")
    tour.mlflow.search_logged_models([experiment], order_by=by_name, output_format="list")


def names(tour: Tour, experiments: list[str], text: str | None, **options: object) -> None:
    """A search of which the names of the models say enough."""
    client = official.mlflow.MlflowClient(tour.tracking_uri)

    def search_names(*args: object, **more: object) -> list[str]:
        return [model.name for model in client.search_logged_models(*args, **more)]

    tour.call("client.search_logged_models", search_names, experiments, text, **options)
