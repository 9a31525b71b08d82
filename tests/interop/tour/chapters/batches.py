"""Batches: what is taken together, the limits, and what a batch that is refused leaves."""

from __future__ import annotations

import math

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour


def batches(tour: Tour) -> None:
    client = tour.client
    metric, param, tag = official.entities.Metric, official.entities.Param, official.entities.RunTag
    run = client.create_run("0", start_time=5, run_name="batched").info.run_id
    client.log_batch(
        run,
        metrics=[metric("loss", 1 / (1 + step), 1000 + step, step) for step in range(5)]
        + [metric("nan", math.nan, 1, 0)],
        params=[param("lr", "0.1"), param("long", "v" * 6001), param("empty", "")],
        tags=[tag("a", "b"), tag("long", "v" * 8001), tag("mlflow.runName", "named in a batch")],
    )
    client.get_run(run)
    client.get_metric_history(run, "loss")
    client.log_batch(run)
    client.log_batch(run, tags=[tag("twice", "1"), tag("twice", "2")])
    client.log_batch(run, params=[param("lr", "0.1"), param("new", "1")])
    client.log_batch(run, params=[param("twice", "1"), param("twice", "1")])
    client.log_batch(run, params=[param("twice", "1"), param("twice", "2")])
    client.log_batch(run, params=[param("fresh", "1"), param("lr", "0.2")], tags=[tag("not", "written")])
    client.log_batch(run, metrics=[metric("same", 1, 1, 0), metric("same", 1, 1, 0), metric("same", 0, 1, 0)])
    client.get_metric_history(run, "same")
    client.log_batch(run, metrics=[metric("good", 1, 1, 0), metric("bad$", 1, 1, 0)])
    client.log_batch(run, metrics=[metric("", 1, 1, 0)])
    client.log_batch(run, metrics=[metric("early", 1, -1, 0)])
    client.log_batch(run, params=[param("a" * 251, "1")])
    client.log_batch(run, params=[param("../a", "1")])
    client.log_batch(run, tags=[tag("good", "1"), tag("bad$", "1")])
    client.log_batch(run, tags=[tag("", "1")])
    client.get_run(run)
    many = client.create_run("0", start_time=6, run_name="many").info.run_id
    client.log_batch(
        many,
        metrics=[metric(f"m{number % 3}", number, number, number) for number in range(1002)],
        params=[param(f"p{number}", number) for number in range(101)],
        tags=[tag(f"t{number}", number) for number in range(101)],
    )
    client.get_run(many)
    client.log_batch(many, params=[param("later", "1")], synchronous=False)
    tour.mlflow.flush_async_logging()
    client.search_runs(["0"], "params.later = '1' AND attributes.run_name = 'many'")
    for missing in ("0" * 32, "abc", "", "bad id!"):
        client.log_batch(missing, params=[param("a", "1")])
