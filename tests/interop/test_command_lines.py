"""The official `mlflow` command on our server, and `mlkeep` on an official one: the same words do the same."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner, Result

from bench.environments import Library
from bench.processes import MlkeepServer
from mlkeep.cli.main import main
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import unique

pytestmark = [pytest.mark.interop, pytest.mark.tour, pytest.mark.xdist_group("official")]


def theirs(library: Library, address: str, *words: str) -> str:
    """What `mlflow` prints; it succeeds."""
    return library.run("-m", "mlflow", *words, env={"MLFLOW_TRACKING_URI": address})


def ours(address: str, *words: str) -> Result:
    """What comes of `mlkeep`."""
    return CliRunner().invoke(main, words, env={"MLKEEP_TRACKING_URI": address})


def rows(table: str) -> list[list[str]]:
    """The cells of a printed table, without the rule; columns stand two blanks apart."""
    lines = [line for line in table.splitlines() if line.strip() and not set(line) <= {"-", " "}]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def records(text: str) -> list[dict[str, str]]:
    """The rows of a CSV, without columns that say nothing."""
    return [{name: cell for name, cell in row.items() if cell} for row in csv.DictReader(io.StringIO(text))]


def test_the_official_commands_see_and_do_on_our_server_what_ours_do(
    official_mlflow: Library, server: MlkeepServer
) -> None:
    assert theirs(official_mlflow, server.url, "experiments", "create", "-n", "fraud") == (
        "Created experiment 'fraud' with id 1\n"
    )
    client = MlkeepClient(server.url)
    runs = [
        client.create_run("1", start_time=1_000 * i, tags={"n": i}, run_name=f"run {i}").info.run_id for i in (1, 2)
    ]
    client.log_metric(runs[0], "loss", 0.25)
    client.log_param(runs[1], "text", 'a "quoted", long\ntext')

    for read in (["experiments", "search"], ["runs", "list", "--experiment-id", "1"]):
        assert sorted(rows(theirs(official_mlflow, server.url, *read))) == sorted(rows(ours(server.url, *read).stdout))
    table = ["experiments", "csv", "-x", "1"]
    assert records(theirs(official_mlflow, server.url, *table)) == records(ours(server.url, *table).stdout)
    described = ["runs", "describe", "--run-id", runs[0]]
    told = json.loads(theirs(official_mlflow, server.url, *described))
    told["info"].pop("run_uuid", None)  # printed before 3.0
    same = json.loads(ours(server.url, *described).stdout)
    assert (told["info"], told["data"]) == (same["info"], same["data"])

    theirs(official_mlflow, server.url, "runs", "delete", "--run-id", runs[0])
    theirs(official_mlflow, server.url, "experiments", "rename", "-x", "1", "--new-name", "risk")
    theirs(official_mlflow, server.url, "experiments", "delete", "-x", "1")
    assert client.get_run(runs[0]).info.lifecycle_stage == "deleted"
    assert (client.get_experiment("1").name, client.get_experiment("1").lifecycle_stage) == ("risk", "deleted")


def test_our_commands_work_on_an_official_server(official_server: str) -> None:
    def mlkeep(*words: str) -> Result:
        return ours(official_server, *words)

    name = unique("fraud")
    made = json.loads(mlkeep("experiments", "create", "-n", name, "--output", "json").stdout)
    experiment_id = made["experiment_id"]
    run = json.loads(
        mlkeep("runs", "create", "--experiment-id", experiment_id, "-t", "a=1", "--status", "failed").stdout
    )
    client = MlkeepClient(official_server)
    client.log_metric(run["run_id"], "loss", 0.25)

    assert [experiment_id, name, made["artifact_location"]] in rows(mlkeep("experiments", "search").stdout)
    got = json.loads(mlkeep("experiments", "get", "-n", name, "--output", "json").stdout)
    assert got == client.get_experiment(experiment_id).to_dictionary()
    listed = rows(mlkeep("runs", "list", "--experiment-id", experiment_id).stdout)
    assert [row[1:] for row in listed] == [["Name", "ID"], [run["run_name"], run["run_id"]]]
    described = json.loads(mlkeep("runs", "describe", "--run-id", run["run_id"]).stdout)
    assert described == client.get_run(run["run_id"]).to_dictionary()
    assert (described["info"]["status"], described["data"]["tags"]["a"]) == ("FAILED", "1")
    (record,) = records(mlkeep("experiments", "csv", "-x", experiment_id).stdout)
    assert (record["run_id"], record["metrics.loss"], record["tags.a"]) == (run["run_id"], "0.25", "1")

    assert mlkeep("runs", "delete", "--run-id", run["run_id"]).exit_code == 0
    assert mlkeep("runs", "restore", "--run-id", run["run_id"]).exit_code == 0
    assert mlkeep("experiments", "rename", "-x", experiment_id, "--new-name", f"{name}!").exit_code == 0
    assert mlkeep("experiments", "delete", "-x", experiment_id).exit_code == 0
    assert mlkeep("experiments", "restore", "-x", experiment_id).exit_code == 0
    assert client.get_experiment(experiment_id).name == f"{name}!"
    refused = mlkeep("experiments", "create", "-n", f"{name}!")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: RESOURCE_ALREADY_EXISTS: ")
