"""A program that saves, loads and calls models, for `bench.models`: runs in the virtualenv of the library that is named.

Usage: models_client.py LIBRARY TRACKING_URI FOLDER SAVES CALLS_S. Prints JSON: seconds by "model, measure".

What a call costs is all of it but the time in the model's own `predict`, which is wrapped before the model is loaded.
"""

from __future__ import annotations

import functools
import gc
import importlib
import importlib.util
import json
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

COLUMNS = [f"feature_{number}" for number in range(10)]
ROWS = (1, 10_000)

inside_s = [0.0]
"""Seconds spent in models' own `predict`."""


def timed(work: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def watched(owner: Any) -> None:
    """Count the time that is spent in the `predict` of a class."""
    original = owner.predict

    def predict(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(self, *args, **kwargs)
        finally:
            inside_s[0] += time.perf_counter() - started

    owner.predict = functools.wraps(original)(predict)


def overhead_s(model: Any, data: Any, limit_s: float) -> float:
    """What a call costs beside the model's own prediction, the median of as many as fit into `limit_s`."""
    costs: list[float] = []
    model.predict(data)
    gc.collect()
    deadline = time.perf_counter() + limit_s
    while time.perf_counter() < deadline or len(costs) < 5:
        before = inside_s[0]
        costs.append(timed(lambda: model.predict(data)) - (inside_s[0] - before))
    return statistics.median(costs)


class Kind:
    """A kind of model: how the library saves it, and what of a frame it takes without one."""

    def __init__(self, name: str, model: Any, flavor: Any, key: str, **options: Any) -> None:
        self.name = name
        self.model = model
        self.flavor = flavor
        self.given = {key: model, **options}

    def save(self, folder: Path, example: Any) -> None:
        """Save it with an example."""
        self.flavor.save_model(path=str(folder), input_example=example, **self.given)

    def log(self, registered: str, example: Any) -> None:
        """Log it, and make it a version."""
        self.flavor.log_model(name=registered, registered_model_name=registered, input_example=example, **self.given)


def kinds(library: Any, name: str, frame: Any, target: Any) -> list[Kind]:
    """What both libraries have in their environments."""
    sklearn = importlib.import_module(f"{name}.sklearn")

    class Sum(library.pyfunc.PythonModel):  # type: ignore[misc]  # of a library found at run time
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - as MLflow calls it
            return np.asarray(model_input).sum(axis=1)

    watched(LogisticRegression)
    watched(RandomForestClassifier)
    watched(Sum)
    plain = {"serialization_format": "cloudpickle"}  # skops does not trust forests, and MLflow then refuses them
    found = [
        Kind("LogisticRegression", LogisticRegression().fit(frame, target), sklearn, "sk_model", **plain),
        Kind("RandomForest(100)", RandomForestClassifier(100).fit(frame, target), sklearn, "sk_model", **plain),
        Kind("PythonModel", Sum(), library.pyfunc, "python_model"),
    ]
    if importlib.util.find_spec("xgboost") is not None:
        xgboost: Any = importlib.import_module("xgboost")
        watched(xgboost.XGBClassifier)
        model = xgboost.XGBClassifier(n_estimators=100).fit(frame, target)
        found.append(Kind("XGBoost(100)", model, importlib.import_module(f"{name}.xgboost"), "xgb_model"))
    return found


def dump(model: Any, path: Path) -> None:
    path.write_bytes(cloudpickle.dumps(model))


def measured(library: Any, kind: Kind, frame: Any, folder: Path, saves: int, calls_s: float) -> dict[str, float]:
    """All measures of one kind of model."""
    found: dict[str, float] = {}
    example = frame.head()
    folder.mkdir()
    bare = statistics.median(timed(lambda: dump(kind.model, folder / "bare")) for _ in range(5))
    costs = [timed(lambda n=n: kind.save(folder / str(n), example)) - bare for n in range(saves + 1)]  # type: ignore[misc]  # a lambda with a default
    found["save"] = statistics.median(costs[1:])

    load = library.pyfunc.load_model
    load(str(folder / "0"))
    found["load"] = statistics.median(timed(lambda: load(str(folder / "0"))) for _ in range(5))

    registered = kind.name.partition("(")[0]
    kind.log(registered, example)
    uri = f"models:/{registered}/1"
    found["fetch"] = timed(lambda: load(uri))
    found["fetch again"] = statistics.median(timed(lambda: load(uri)) for _ in range(5))

    model = load(str(folder / "0"))
    kind.save(folder / "tensor", example.to_numpy())
    of_tensors = load(str(folder / "tensor"))
    for rows in ROWS:
        data = frame.head(rows)
        found[f"frame {rows}"] = overhead_s(model, data, calls_s)
        found[f"records {rows}"] = overhead_s(model, data.to_dict("records"), calls_s)
        found[f"array {rows}"] = overhead_s(of_tensors, data.to_numpy(), calls_s)
    return found


def main() -> None:
    """Measure everything once."""
    warnings.simplefilter("ignore")
    name, uri, folder, saves, calls_s = sys.argv[1:]
    library: Any = importlib.import_module(name)
    importlib.import_module(f"{name}.pyfunc")
    logging.disable(logging.ERROR)
    library.set_tracking_uri(uri)
    dice = np.random.default_rng(0)
    frame = pd.DataFrame(dice.random((max(ROWS), len(COLUMNS))), columns=COLUMNS)
    target = (frame.sum(axis=1) > len(COLUMNS) / 2).astype("int64")
    train = frame.head(1000)
    found = {}
    for kind in kinds(library, name, train, target.head(1000)):
        for measure, seconds in measured(
            library, kind, frame, Path(folder) / kind.name, int(saves), float(calls_s)
        ).items():
            found[f"{kind.name}, {measure}"] = seconds
    print(json.dumps(found))


if __name__ == "__main__":
    main()
