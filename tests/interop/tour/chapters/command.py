"""The `mlflow` command: its code, called in this process, where starting it anew each time would take minutes."""

from __future__ import annotations

import csv
import json
import os
from importlib import import_module
from typing import Any

from click.testing import CliRunner

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour

cli: Any = import_module("mlflow.cli").cli


def command(tour: Tour) -> None:
    """Every verb of `experiments`, `runs` and `artifacts`, and `doctor`."""
    os.environ["MLFLOW_TRACKING_URI"] = tour.tracking_uri
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)  # the fluent functions leave it behind

    def mlflow(*arguments: str) -> Any:
        return tour.call(f"mlflow {arguments[0]}", run, *arguments)["document"]

    mlflow("experiments", "create", "--experiment-name", "by command")
    mlflow("experiments", "create", "-n", "by command")
    mlflow("experiments", "create", "-n", "elsewhere by command", "-l", "s3://bucket/x")
    experiment = tour.client.get_experiment_by_name("by command").experiment_id
    mlflow("experiments", "get", "--experiment-id", experiment)
    mlflow("experiments", "get", "--experiment-name", "by command", "--output", "json")
    mlflow("experiments", "get", "-x", "99999999")
    mlflow("experiments", "rename", "--experiment-id", experiment, "--new-name", "renamed by command")
    mlflow("experiments", "rename", "--experiment-id", "99999999", "--new-name", "x")
    mlflow("experiments", "search", "--max-results", "3")
    run_id = tour.client.create_run(experiment, start_time=1000, run_name="listed", tags={"a": "b"}).info.run_id
    tour.client.log_param(run_id, "lr", "0.1")
    tour.client.log_metric(run_id, "loss", 0.5, timestamp=5)
    mlflow("runs", "list", "--experiment-id", experiment)
    made = mlflow(
        "runs", "create", "--experiment-id", experiment, "--run-name", "made", "-t", "k=v", "--status", "failed"
    )
    if official.MAJOR >= 3:
        child = made["run_id"]
        mlflow("runs", "describe", "--run-id", child)
        mlflow(
            "runs",
            "create",
            "--experiment-name",
            "renamed by command",
            "--description",
            "why",
            "--parent-run-id",
            child,
        )
        mlflow("runs", "create", "--experiment-name", "made by creating a run")
        mlflow("runs", "create")
    mlflow("runs", "describe", "--run-id", run_id)
    mlflow("runs", "describe", "--run-id", "0" * 32)
    mlflow("runs", "delete", "--run-id", run_id)
    mlflow("runs", "list", "--experiment-id", experiment, "--view", "deleted_only")
    mlflow("runs", "restore", "--run-id", run_id)
    mlflow("runs", "delete", "--run-id", "0" * 32)
    file = tour.file("command/file.txt", "text")
    mlflow("artifacts", "log-artifact", "--local-file", str(file), "--run-id", run_id)
    mlflow(
        "artifacts", "log-artifacts", "--local-dir", str(file.parent), "--run-id", run_id, "--artifact-path", "folder"
    )
    mlflow("artifacts", "list", "--run-id", run_id)
    mlflow("artifacts", "list", "--run-id", run_id, "--artifact-path", "folder")
    mlflow(
        "artifacts", "download", "--run-id", run_id, "--artifact-path", "folder", "--dst-path", str(tour.folder / "got")
    )
    mlflow(
        "artifacts", "download", "--artifact-uri", f"runs:/{run_id}/file.txt", "--dst-path", str(tour.folder / "got")
    )
    mlflow("artifacts", "download", "--run-id", run_id, "--artifact-path", "missing")
    table = tour.folder / "runs.csv"
    mlflow("experiments", "csv", "--experiment-id", experiment, "--filename", str(table))
    with table.open() as lines:
        tour.note("the table of runs, whatever the order of its columns", list(csv.DictReader(lines)))
    mlflow("experiments", "delete", "--experiment-id", experiment)
    mlflow("experiments", "delete", "--experiment-id", experiment)
    mlflow("experiments", "search", "--view", "deleted_only", "--max-results", "50")
    mlflow("experiments", "restore", "--experiment-id", experiment)
    mlflow("experiments", "restore", "--experiment-id", experiment)
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)  # so does `runs create`
    mlflow("doctor")


def run(*arguments: str) -> dict[str, Any]:
    """What one call of the command prints, a JSON document at the end by itself, and how it ends."""
    result = CliRunner().invoke(cli, list(arguments))
    failed = result.exception if not isinstance(result.exception, SystemExit) else None
    text, brace, document = f"\n{result.stdout}".partition("\n{\n")
    return {
        "exit code": result.exit_code,
        "output": text if failed is None else "",
        "document": json.loads("{" + document) if brace else None,
        "error": [type(failed).__name__, getattr(failed, "error_code", None)] if failed else None,
    }
