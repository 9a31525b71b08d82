"""What mlkeep tells of sizes comes in the way of no official client, and can be searched for with each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.environments import Library
from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from mlkeep.sdk.doors import door_to
from mlkeep.wire.artifacts import RecordFiles, StoredFileMessage

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]

READING = """
import json, sys
import mlflow

url, experiment_id, run_id, model_id = sys.argv[1:]
mlflow.set_tracking_uri(url)
client = mlflow.MlflowClient()
large = "artifact_bytes > 1e6"
seen = {
    "run": client.get_run(run_id).info.run_id,
    "runs": [run.info.run_id for run in client.search_runs([experiment_id], f"attributes.{large}")],
    "sorted": [run.info.run_id for run in client.search_runs([experiment_id], order_by=["artifact_bytes DESC"])],
    "columns": [name for name in mlflow.search_runs([experiment_id]).columns if not name.startswith("tags.")],
    "experiment": client.get_experiment(experiment_id).name,
    "experiments": [found.name for found in client.search_experiments(filter_string=large)],
    "version": client.get_model_version("sized", "1").run_id,
    "versions": [found.version for found in client.search_model_versions(f"name = 'sized' AND {large}")],
    "latest": [version.version for version in client.get_registered_model("sized").latest_versions],
}
if hasattr(client, "get_logged_model"):
    by_size = [{"field_name": "artifact_bytes", "ascending": False}]
    seen["model"] = client.get_logged_model(model_id).name
    seen["models"] = [model.name for model in client.search_logged_models([experiment_id], large, order_by=by_size)]
print(json.dumps(seen))
"""


def test_official_clients_take_sizes_and_search_by_them(
    official_mlflow: Library, server: MlkeepServer, tmp_path: Path
) -> None:
    client, door = MlkeepClient(tracking_uri=server.url), door_to(server.url)
    experiment_id = client.create_experiment("sized")
    empty, run = (client.create_run(experiment_id).info for _ in range(2))
    model = client.create_logged_model(experiment_id, "logged")
    for uri in (run.artifact_uri, model.artifact_location):
        file = StoredFileMessage(path="m/weights", size=2_000_000, sha256="0" * 64)
        door.call(RecordFiles(uri=uri, files=[file]))
    client.create_registered_model("sized")
    client.create_model_version("sized", f"runs:/{run.run_id}/m", run.run_id)
    script = tmp_path / "reading.py"
    script.write_text(READING)

    output = official_mlflow.run(script, server.url, experiment_id, run.run_id, model.model_id, cwd=tmp_path)

    seen = json.loads(output.splitlines()[-1])
    logged = {"model": "logged", "models": ["logged"]} if official_mlflow.version.startswith("3") else {}
    assert seen == {
        "run": run.run_id,
        "runs": [run.run_id],
        "sorted": [run.run_id, empty.run_id],
        "columns": ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"],
        "experiment": "sized",
        "experiments": ["sized"],
        "version": run.run_id,
        "versions": ["1"],
        "latest": ["1"],
        **logged,
    }
