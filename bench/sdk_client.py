"""A program that logs, for `bench.sdk`: runs in the virtualenv of the library that is named, and needs nothing else.

Usage: sdk_client.py TASK, which is JSON (see `Task` in bench/sdk_peers.py). Prints "ready" when its run is started, waits
for a line if it is to, logs, and prints JSON: how long the calls took and how long until all was stored.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Log = Callable[[dict[str, float], int], object]
"""Logs two values of one step."""

Finish = Callable[[], object]
"""Returns when everything that was logged is where it is to stay."""

Count = Callable[[], "int | None"]
"""How many points are stored; None where this is not asked."""


def tracked(task: dict[str, Any]) -> tuple[Log, Finish, Count]:
    """mlkeep, or MLflow."""
    library: Any = importlib.import_module(task["library"])
    library.set_tracking_uri(task["uri"])
    library.set_experiment(task["project"])
    run_id = library.start_run().info.run_id
    synchronous = False if task["asynchronous"] else None

    def finish() -> None:
        if synchronous is False:
            library.flush_async_logging()
        library.end_run()

    def count() -> int:
        client = library.tracking.MlflowClient()
        return sum(len(client.get_metric_history(run_id, key)) for key in ("loss", "accuracy"))

    if synchronous is None:
        return lambda values, step: library.log_metrics(values, step=step), finish, count
    return lambda values, step: library.log_metrics(values, step=step, synchronous=False), finish, count


def wandb(task: dict[str, Any]) -> tuple[Log, Finish, Count]:
    """Weights & Biases, offline: a process beside this one writes a file."""
    library: Any = importlib.import_module("wandb")
    run = library.init(project=task["project"], mode="offline", dir=task["folder"])
    return lambda values, step: run.log(values, step=step), run.finish, lambda: None


def trackio(task: dict[str, Any]) -> tuple[Log, Finish, Count]:
    """Trackio, without a Space: a thread writes a database."""
    library: Any = importlib.import_module("trackio")
    library.init(project=task["project"])
    return lambda values, step: library.log(values, step=step), library.finish, lambda: None


def aim(task: dict[str, Any]) -> tuple[Log, Finish, Count]:
    """Aim, into a repository of its own."""
    library: Any = importlib.import_module("aim")
    run = library.Run(repo=task["folder"], experiment=task["project"])

    def log(values: dict[str, float], step: int) -> None:
        run.track(values, step=step)

    return log, run.close, lambda: None


def tensorboardx(task: dict[str, Any]) -> tuple[Log, Finish, Count]:
    """tensorboardX: a thread writes an event file. It has no call for two values, so there are two calls."""
    library: Any = importlib.import_module("tensorboardX")
    writer = library.SummaryWriter(task["folder"])

    def log(values: dict[str, float], step: int) -> None:
        for key, value in values.items():
            writer.add_scalar(key, value, step)

    return log, writer.close, lambda: None


LIBRARIES = {
    "mlkeep": tracked,
    "mlflow": tracked,
    "wandb": wandb,
    "trackio": trackio,
    "aim": aim,
    "tensorboardX": tensorboardx,
}


def logged(log: Log, calls: int, limit_s: float) -> tuple[list[float], int]:
    """The seconds of each call, and how many of them raised. Calls end when `limit_s` is over."""
    clock = time.perf_counter
    seconds: list[float] = []
    failed = 0
    deadline = clock() + limit_s
    for step in range(calls):
        values = {"loss": math.exp(-step / 3000), "accuracy": 1 - math.exp(-step / 2000)}
        before = clock()
        try:
            log(values, step)
        except Exception:  # noqa: BLE001 - whatever a library raises when its server is gone
            failed += 1
        after = clock()
        seconds.append(after - before)
        if after > deadline:
            break
    return seconds, failed


def main() -> None:
    """Begin, log, finish, tell."""
    task = json.loads(sys.argv[1])
    started = time.perf_counter()
    log, finish, count = LIBRARIES[task["library"]](task)
    begun = time.perf_counter() - started
    # What a library writes to standard output does not come between.
    print("\nready", flush=True)
    if task["waits"]:
        sys.stdin.readline()
    seconds, failed = logged(log, task["calls"], task["limit_s"])
    told: dict[str, Any] = {
        "calls": len(seconds),
        "failed": failed,
        "begun_s": begun,
        "p50_s": sorted(seconds)[len(seconds) // 2],
        "p99_s": sorted(seconds)[len(seconds) * 99 // 100],
        "mean_s": sum(seconds) / len(seconds),
        "finished_s": None,
        "stored": None,
    }
    if task["finishes"]:
        started = time.perf_counter()
        finish()
        told["finished_s"] = time.perf_counter() - started
        told["stored"] = count() if task["counts"] else None
    print("\n" + json.dumps(told), flush=True)
    if not task["finishes"]:
        os._exit(0)  # it would wait for a server that does not come back


if __name__ == "__main__":
    main()
