"""Searching runs: the worked examples of the page on searching, and what surrounds them."""

from __future__ import annotations

import math

from tests.interop.tour import official
from tests.interop.tour.chapters.inputs import dataset_input
from tests.interop.tour.recorder import Tour

FILTERS = (
    "",
    "metrics.loss < 1",
    "metric.loss<1",
    "metrics.loss >= 0.5 and metrics.loss <= 1.5",
    "metrics.loss != 0.5",
    "metrics.loss = 0",
    "metrics.loss > 1e300",
    "metrics.loss > .3",
    "metrics.loss > -1.5e-3",
    "metrics.loss > +1",
    "metrics.loss > '0.3'",
    "metrics.loss > NaN",
    "metrics.loss > inf",
    "metrics.loss > 0x1",
    "metrics.`acc m` = 1",
    'metrics."acc m" = 1',
    "metrics.'acc m' = 1",
    "metrics.a/b = 2",
    "metrics.`a/b` = 2",
    "metrics.loss IN (1,2)",
    "metrics.loss IS NULL",
    "metrics.loss LIKE '1'",
    "metrics.none > 0",
    "loss > 0",
    "params.lr = '0.1'",
    'params.lr = "0.1"',
    "parameter.lr='0.1'",
    "param.lr = '0.1'",
    "parameters.lr = '0.1'",
    "PARAMS.lr = '0.1'",
    "params.lr = 0.1",
    "params.lr = adam",
    "params.lr > '0.1'",
    "params.opt != 'adam'",
    "params.opt LIKE 'a%'",
    "params.opt LIKE 's%'",
    "params.opt ILIKE 's%'",
    "params.opt IN ('adam','SGD')",
    'params.opt = "o\'brien"',
    "params.opt = 'o''brien'",
    "params.opt='adam'AND params.lr='0.1'",
    "params.`my param` = 'x'",
    "params.my param = 'x'",
    "params.lr IS NULL",
    "params.lr is not null",
    "params.lr NOT NULL",
    "tags.team ILIKE 'RED'",
    "tags.team LIKE 'r_d'",
    "tags.team IS NULL",
    "tags.team IS NOT NULL AND params.lr IS NULL",
    "tags.k.dot = '1'",
    "tags.mlflow.source.type = 'LOCAL'",
    "tags.`mlflow.source.type` = 'LOCAL'",
    "tag.team = 'red'",
    "tags.team NOT LIKE 'r%'",
    "tags.version = '1'",
    "attributes.status = 'RUNNING'",
    "attribute.status = 'RUNNING'",
    "attr.status = 'RUNNING'",
    "run.status = 'RUNNING'",
    "status = 'failed'",
    "status ILIKE 'failed'",
    "status IN ('FAILED')",
    "status IS NULL",
    "run_id IN ()",
    "run_id IN 'a'",
    "run_id IN (a)",
    "run_name LIKE 'delta%'",
    "attributes.`run name` = 'Beta'",
    "attributes.`Run Name` = 'Beta'",
    "run_name IN ('Beta')",
    "user_id = 'unknown'",
    "artifact_uri LIKE 'mlflow-artifacts:%'",
    "start_time >= 1000 AND start_time < 3000",
    "created >= 1000 AND Created < 3000",
    "end_time > 0",
    "end_time = 2500",
    "start_time > '1000'",
    "start_time > 1000.5",
    "dataset.name = 'D1'",
    "datasets.digest LIKE 'dg%'",
    "dataset.context IN ('train')",
    "dataset.context NOT IN ('train')",
    "dataset.name = 'D1' AND dataset.context = 'eval'",
    "dataset.name = 'D1' AND dataset.name = 'D2'",
    "dataset.name != 'D1'",
    "dataset.source_type = 'l'",
    "dataset.name IS NULL",
    "metrics.loss < 1 OR params.opt='adam'",
    "(metrics.loss < 1)",
    "NOT metrics.loss < 1",
    "metrics.loss < 1 AND",
    "AND metrics.loss < 1",
    "metrics.loss < 1 AND AND metrics.loss > 0",
    "metrics.loss < 1; metrics.loss > 0",
    "metrics.loss < 1, metrics.loss > 0",
    "metrics.loss < 1 -- a comment",
    "foo.loss < 1",
    "attributes.experiment_id = '1'",
    "attributes.lifecycle_stage = 'active'",
    "1 > metrics.loss",
    "metrics.loss <> 1",
    "metrics.loss == 1",
    "metrics.loss BETWEEN 0 AND 1",
    "metrics.loss",
    "metrics. loss > 1",
    "metrics.1a > 1",
    "metrics.`loss > 1",
    "params.lr = 'unclosed",
    "tags.team = 'red' AND tags.team = 'blue'",
)
ORDERS = (
    ["metrics.loss"],
    ["metrics.loss DESC"],
    ["metrics.`loss` asc"],
    ["metrics.`acc m` desc", "start_time"],
    ["params.lr"],
    ["params.lr DESC"],
    ["parameter.lr"],
    ["tags.team", "metrics.loss DESC"],
    ["tags.`team` desc", "start_time asc"],
    ["attributes.end_time DESC"],
    ["end_time"],
    ["start_time ASC"],
    ["created DESC"],
    ["run_name DESC"],
    ["run_name"],
    ["status", "run_name"],
    ["user_id", "run_name"],
    ["metrics.none", "run_name"],
    ["dataset.name"],
    ["foo"],
    ["metrics.loss, params.lr"],
    [""],
    ["metrics.loss up"],
    ["attributes.`run name`"],
    ["metrics.loss NULLS FIRST"],
)


def sample(tour: Tour, name: str) -> str:
    """The experiment of the page's worked examples; its id.

    Starting times differ where the page has a tie: which of two runs comes first then is the chance of their ids.
    """
    client = tour.client
    experiment: str = client.create_experiment(name)
    runs = {
        "alpha": (
            1000,
            {"lr": "0.1", "opt": "adam", "my param": "x"},
            {"team": "red", "k.dot": "1", "version": "1", "mlflow.source.type": "LOCAL"},
        ),
        "Beta": (2000, {"lr": "0.2", "opt": "SGD"}, {"team": "blue"}),
        "gamma_1": (3000, {"lr": "10", "opt": "o'brien"}, {"team": "Red"}),
        "delta%": (3001, {}, {}),
        "nan": (500, {"opt": "adam"}, {"team": "red"}),
        "zed": (400, {}, {}),
    }
    losses = {"alpha": 0.5, "Beta": 0.1, "gamma_1": 1.5, "delta%": math.inf, "nan": math.nan}
    ends = {"Beta": ("FINISHED", 2500), "gamma_1": ("FAILED", 3500)}
    datasets = {"alpha": ("D1", "dg1", "train"), "Beta": ("D2", "dg2", "eval")}
    for run_name, (start, params, tags) in runs.items():
        run = client.create_run(experiment, start_time=start, run_name=run_name, tags=tags).info.run_id
        for key, value in params.items():
            client.log_param(run, key, value)
        if run_name in losses:
            client.log_metric(run, "loss", losses[run_name], timestamp=start, step=0)
        if run_name in datasets:
            dataset, digest, context = datasets[run_name]
            client.log_inputs(run, [dataset_input(dataset, digest, context=context)])
        if run_name in ends:
            status, end = ends[run_name]
            client.set_terminated(run, status, end)
        if run_name == "alpha":
            client.log_metric(run, "acc m", 1, timestamp=1, step=0)
            client.log_metric(run, "a/b", 2, timestamp=1, step=0)
    return experiment


def filters(tour: Tour) -> None:
    client = tour.client
    experiment = sample(tour, "sr-filters")
    client.search_runs([experiment])
    for text in FILTERS:
        names(tour, [experiment], text)
    alpha, beta = (
        client.search_runs([experiment], f"run_name = '{name}'")[0].info.run_id for name in ("alpha", "Beta")
    )
    names(tour, [experiment], f"run_id IN ('{alpha}', '{beta}')")
    names(tour, [experiment], f'run_id IN ("{alpha}")')
    names(tour, [experiment], f"attributes.run_id NOT IN ('{alpha}')")
    names(tour, [experiment], f"run_id = '{alpha}'")
    names(tour, [experiment], f"run_id != '{alpha}' AND run_id LIKE '{beta}'")


def orders(tour: Tour) -> None:
    experiment = sample(tour, "sr-orders")
    for order in ORDERS:
        names(tour, [experiment], "", order_by=order)
    names(tour, [experiment], "params.opt = 'adam'", order_by=["metrics.loss"])
    tied = tour.client.create_experiment("sr-ties")
    for number in range(4):
        tour.client.create_run(tied, start_time=7, run_name=f"tied {number}")
    client = official.mlflow.MlflowClient(tour.tracking_uri)
    for order_by in (None, ["metrics.none"], ["run_id"], ["attributes.artifact_uri"]):
        ids = [run.info.run_id for run in client.search_runs([tied], order_by=order_by)]
        tour.note(f"runs ordered by {order_by} that are alike come by their ids", ids == sorted(ids))


def pages(tour: Tour) -> None:
    client = tour.client
    view = official.entities.ViewType
    experiment = sample(tour, "sr-pages")
    other = client.create_experiment("sr-pages too")
    gone = client.create_run(other, start_time=5000, run_name="gone").info.run_id
    client.create_run(other, start_time=6000, run_name="there")
    client.delete_run(gone)
    for order in ([], ["metrics.loss DESC"], ["params.lr"], ["tags.team"], ["run_name"]):
        tour.pages(client.search_runs, [experiment], max_results=2, order_by=[*order, "start_time"])
    tour.pages(client.search_runs, [experiment, other], "status = 'RUNNING'", max_results=1)
    for kind in (view.ACTIVE_ONLY, view.DELETED_ONLY, view.ALL):
        client.search_runs([experiment, other], run_view_type=kind)
    client.search_runs([])
    client.search_runs(["99999999"])
    client.search_runs(["99999999", other])
    client.search_runs(["abc"])
    client.search_runs(other)
    client.search_runs([int(other)])
    for most in (0, -1, 50_000, 50_001):
        client.search_runs([other], max_results=most)
    client.search_runs([other], page_token="not a token")
    client.search_runs([other], page_token="")


def names(tour: Tour, experiments: list[str], text: str, **options: object) -> None:
    """A search of which the names of the runs say enough."""
    client = official.mlflow.MlflowClient(tour.tracking_uri)

    def search(*args: object, **more: object) -> list[str]:
        return [run.info.run_name for run in client.search_runs(*args, **more)]

    tour.call("client.search_runs", search, experiments, text, **options)
