"""Metrics: values of every kind, which one counts as the latest, and the history."""

from __future__ import annotations

import math

import numpy as np

from tests.interop.tour.recorder import Tour


def metrics(tour: Tour) -> None:
    client = tour.client
    run = client.create_run("0", start_time=4, run_name="with metrics").info.run_id
    values: list[object] = [1, 0.1, -0.0, 1e-320, 1.7976931348623157e308, True, "3.5", "text", None, math.nan]
    values += [math.inf, -math.inf, np.float32(0.1), np.array([2.5]), 10**30, 2**53 + 1]
    for place, value in enumerate(values):
        client.log_metric(run, f"value {place}", value, timestamp=1000, step=1)
        client.get_metric_history(run, f"value {place}")
    client.get_run(run)
    points: dict[str, list[tuple[float, int, int]]] = {
        "a later time does not beat a higher step": [(1, 100, 5), (2, 200, 4)],
        "at one step the later time counts": [(1, 200, 5), (2, 100, 5)],
        "at one step and time the greater value counts": [(2, 100, 5), (1, 100, 5), (1.5, 100, 5)],
        "a negative step": [(1, 100, -5), (2, 100, -6)],
        "NaN beats less than nothing": [(-1, 100, 0), (math.nan, 100, 0)],
        "NaN is beaten": [(5, 100, 0), (math.nan, 100, 0)],
        "NaN first": [(math.nan, 100, 0), (math.nan, 100, 0), (0, 100, 0)],
        "the same again": [(1, 100, 0), (1, 100, 0), (1, 101, 0), (1, 100, 1), (2, 100, 0)],
        "large": [(1, 2**62, 2**62), (2, 0, -(2**62))],
    }
    for key, logged in points.items():
        for number, timestamp, step in logged:
            client.log_metric(run, key, number, timestamp=timestamp, step=step)
        client.get_metric_history(run, key)
    client.log_metric(run, "now", 1.0)
    client.get_metric_history(run, "now")
    client.log_metric(run, "later", 1.0, timestamp=5, synchronous=False)
    tour.mlflow.flush_async_logging()
    client.get_run(run)
    for odd_timestamp, odd_step in ((-1, 0), (1.5, 0), (5, 1.5), (2**63, 0), (5, 2**63), ("7", "8")):
        client.log_metric(run, "odd", 1.0, timestamp=odd_timestamp, step=odd_step)
    client.get_metric_history(run, "odd")
    for key in ("", "k" * 251, "a$b", "a/../b", "/a", "k" * 250, "a/b c.d-e:f"):
        client.log_metric(run, key, 1.0, timestamp=5)
        client.get_metric_history(run, key)
    client.get_metric_history(run, "never logged")
    client.get_metric_history("0" * 32, "now")
    client.log_metric("0" * 32, "a", 1.0, timestamp=5)
