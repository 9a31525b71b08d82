"""Everything a client tells about an iris run and its model, as JSON; for MLflow and for mlkeep alike.

Arguments: the library to import, the tracking URI, the ids that iris.py printed, and the model URIs to predict with.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterable
from typing import Any

from sklearn.datasets import load_iris

RUN = ("run_id", "experiment_id", "run_name", "user_id", "status", "start_time", "end_time", "lifecycle_stage")
VERSION = ("name", "version", "source", "run_id", "status", "current_stage", "description", "tags", "run_link")
TIMES = ("creation_timestamp", "last_updated_timestamp")
REGISTERED = ("name", "description", "tags", "aliases")
EXPERIMENT = (
    "experiment_id",
    "name",
    "artifact_location",
    "lifecycle_stage",
    "tags",
    "creation_time",
    "last_update_time",
)


def main(library: str, tracking_uri: str, ids: dict[str, str], model_uris: list[str]) -> dict[str, Any]:
    mlflow = importlib.import_module(library)
    pyfunc = importlib.import_module(f"{library}.pyfunc")
    mlflow.set_tracking_uri(tracking_uri)
    client = mlflow.MlflowClient() if library == "mlflow" else mlflow.MlkeepClient()
    run_id, experiment_id = ids["run_id"], ids["experiment_id"]
    run = client.get_run(run_id)
    champion = client.get_model_version_by_alias("iris-classifier", "champion")
    registered = client.get_registered_model("iris-classifier")
    everything = {
        "run": attributes(run.info, (*RUN, "artifact_uri")),
        "metrics": {key: spelled(value) for key, value in run.data.metrics.items()},
        "params": run.data.params,
        "tags": run.data.tags,
        "histories": {key: history(client, run_id, key) for key in ("accuracy", "f1", "loss", "diverged", "never")},
        "artifacts": {folder: files(client.list_artifacts(run_id, folder)) for folder in ("", "plots", "model", "no")},
        "experiment": attributes(client.get_experiment(experiment_id), EXPERIMENT),
        "experiment by name": client.get_experiment_by_name("iris").experiment_id,
        "version": attributes(champion, (*VERSION, *TIMES)) | {"aliases": list(champion.aliases)},
        "version by number": attributes(client.get_model_version("iris-classifier", champion.version), VERSION),
        "registered model": attributes(registered, (*REGISTERED, *TIMES)),
        "latest versions": [found.version for found in registered.latest_versions],
        "download": client.get_model_version_download_uri("iris-classifier", champion.version),
        "found runs": {text: found_runs(client, experiment_id, text) for text in RUN_SEARCHES},
        "found versions": [
            (found.name, int(found.version)) for found in client.search_model_versions("name = 'iris-classifier'")
        ],
        "found models": [found.name for found in client.search_registered_models("name LIKE 'iris%'")],
        "found experiments": [found.name for found in client.search_experiments(order_by=["name ASC"])],
        "downloaded": text_of(client.download_artifacts(run_id, "größe.csv")),
    }
    flowers = load_iris().data
    answers = {uri: [int(label) for label in pyfunc.load_model(uri).predict(flowers)] for uri in model_uris}
    return {**everything, "predictions": answers}


RUN_SEARCHES = (
    "",
    "metrics.accuracy > 0.5 and params.max_depth = '5'",
    "metrics.accuracy > 1",
    "tags.team = 'flowers' and attributes.status = 'FINISHED'",
    "params.note LIKE '%🌱%'",
    "attributes.run_name ILIKE 'FOREST'",
)


def attributes(entity: Any, names: Iterable[str]) -> dict[str, Any]:
    # The wire leaves out what is empty; MLflow's client then has None or an empty value, depending on its version.
    return {name: getattr(entity, name) or None for name in names}


def history(client: Any, run_id: str, key: str) -> list[list[Any]]:
    return [[p.key, spelled(p.value), p.timestamp, p.step] for p in client.get_metric_history(run_id, key)]


def files(found: Iterable[Any]) -> list[list[Any]]:
    # The wire leaves a size of 0 out; MLflow's client then knows none, ours knows that it is 0.
    return [[file.path, file.is_dir, file.file_size or 0] for file in found]


def found_runs(client: Any, experiment_id: str, text: str) -> list[str]:
    return [run.info.run_id for run in client.search_runs([experiment_id], text, order_by=["metrics.accuracy DESC"])]


def spelled(value: float) -> float | str:
    """NaN is unequal to itself; its name is not."""
    return value if math.isfinite(value) else str(value)


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as short as it gets
        return file.read()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:]), ensure_ascii=True))
