"""A program that runs with no server at all, and `mlkeep sync` afterwards, on another machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.processes import MlkeepServer, environment
from mlkeep import MlkeepClient

TRAINING = """
import mlkeep

mlkeep.set_experiment("team/offline")
with mlkeep.start_run(run_name="parent", tags={"a": 1}) as run:
    mlkeep.log_params({"lr": 0.1, "epochs": 3})
    for step in range(300):
        mlkeep.log_metrics({"loss": 1 / (step + 1), "acc": step}, step=step)
    mlkeep.log_text("hello", "notes/readme.txt")
    with mlkeep.start_run(run_name="child", nested=True):
        mlkeep.log_metric("x", 1.5)
"""


def ran(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env={**environment(), **variables}, capture_output=True, text=True, check=False
    )


def test_what_was_logged_offline_is_all_there_after_a_sync_from_another_folder(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    trained = ran([sys.executable, "-c", TRAINING], here, MLKEEP_MODE="offline", MLKEEP_TRACKING_URI="http://nowhere")
    assert trained.returncode == 0
    assert "601 points and artifacts of 2 runs wait to be sent" in trained.stderr
    assert f"mlkeep sync {here / '.mlkeep' / 'journal'}" in trained.stderr
    shutil.copytree(here / ".mlkeep" / "journal", elsewhere)
    sync = [sys.executable, "-m", "mlkeep.cli.main", "sync", str(elsewhere)]
    server = MlkeepServer(tmp_path / "server")
    try:
        assert ran(sync, tmp_path, MLKEEP_TRACKING_URI=server.url).returncode == 0
        assert ran(sync, tmp_path, MLKEEP_TRACKING_URI=server.url).stdout == "There is nothing to send.\n"
        client = MlkeepClient(server.url)
        experiment = client.get_experiment_by_name("team/offline")
        assert experiment is not None
        child, parent = client.search_runs([experiment.experiment_id])
        assert (parent.info.run_name, parent.info.status, parent.data.tags["a"]) == ("parent", "FINISHED", "1")
        assert parent.data.params == {"lr": "0.1", "epochs": "3"}
        assert [point.step for point in client.get_metric_history(parent.info.run_id, "loss")] == list(range(300))
        assert [file.path for file in client.list_artifacts(parent.info.run_id, "notes")] == ["notes/readme.txt"]
        assert (child.info.status, child.data.metrics) == ("FINISHED", {"x": 1.5})
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    finally:
        server.end()
    assert list(elsewhere.iterdir()) == []
