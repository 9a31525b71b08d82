"""`mlkeep runs` at the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mlkeep import MlkeepClient

Run = Callable[..., Result]


@pytest.fixture
def client(store: Path) -> MlkeepClient:
    """A client of the database the commands use."""
    return MlkeepClient(tracking_uri=f"sqlite:///{store}")


def test_create_makes_a_run_that_has_ended(mlkeep: Run, client: MlkeepClient) -> None:
    parent = client.create_run("0").info.run_id
    words = ["--experiment-id", "0", "--run-name", "alpha", "--description", "by hand", "--status", "FAILED"]
    result = mlkeep("runs", "create", *words, "-t", "team=risk", "-t", "note=a=b", "--parent-run-id", parent)

    made = json.loads(result.stdout)
    run = client.get_run(made["run_id"])
    assert made == {"run_id": run.info.run_id, "experiment_id": "0", "status": "FAILED", "run_name": "alpha"}
    assert (run.info.run_name, run.info.status) == ("alpha", "FAILED")
    assert run.info.end_time is not None
    assert {key: value for key, value in run.data.tags.items() if "source" not in key and key != "mlflow.user"} == {
        "mlflow.note.content": "by hand",
        "mlflow.parentRunId": parent,
        "mlflow.runName": "alpha",
        "note": "a=b",
        "team": "risk",
    }


def test_create_makes_the_experiment_named_for_the_first_time(mlkeep: Run, client: MlkeepClient) -> None:
    ids = [json.loads(mlkeep("runs", "create", "--experiment-name", "new").stdout)["experiment_id"] for _ in range(2)]

    assert ids == ["1", "1"]
    assert client.get_experiment("1").name == "new"


def test_an_experiment_on_the_command_line_wins_over_one_in_the_environment(mlkeep: Run) -> None:
    def experiment_of(*words: str, **env: str) -> str:
        return str(json.loads(mlkeep("runs", "create", *words, env=env).stdout)["experiment_id"])

    assert experiment_of(MLFLOW_EXPERIMENT_ID="0") == "0"
    assert experiment_of("--experiment-name", "new", MLFLOW_EXPERIMENT_ID="0") == "1"
    assert experiment_of("--experiment-id", "0", MLKEEP_EXPERIMENT_NAME="new") == "0"


@pytest.mark.parametrize("words", [[], ["--experiment-id", "0", "--experiment-name", "Default"]])
def test_create_wants_exactly_one_experiment(mlkeep: Run, words: list[str]) -> None:
    result = mlkeep("runs", "create", *words)

    assert result.exit_code == 2
    assert "Give either --experiment-id or --experiment-name, and only one of them." in result.stderr


def test_a_tag_without_a_value_is_refused_before_anything_is_made(mlkeep: Run, client: MlkeepClient) -> None:
    result = mlkeep("runs", "create", "--experiment-name", "new", "-t", "team")

    assert result.exit_code == 2
    assert "Invalid tag 'team': it must look like key=value." in result.stderr
    assert client.get_experiment_by_name("new") is None


def test_create_never_goes_on_with_the_run_of_the_environment(
    mlkeep: Run, client: MlkeepClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", running)

    made = json.loads(mlkeep("runs", "create", "--experiment-id", "0").stdout)["run_id"]

    assert made != running
    assert client.get_run(running).info.status == "RUNNING"


def test_list_shows_the_latest_start_first(mlkeep: Run, client: MlkeepClient) -> None:
    old = client.create_run("0", start_time=1_000, run_name="old").info.run_id
    new = client.create_run("0", start_time=86_400_000, run_name="newer").info.run_id
    gone = client.create_run("0", start_time=2_000, run_name="gone").info.run_id
    client.delete_run(gone)

    assert mlkeep("runs", "list", "--experiment-id", "0").stdout.splitlines() == [
        "Date                     Name   ID",
        "-----------------------  -----  --------------------------------",
        f"1970-01-02 00:00:00 UTC  newer  {new}",
        f"1970-01-01 00:00:01 UTC  old    {old}",
    ]
    deleted = mlkeep("runs", "list", "-v", "deleted_only", env={"MLFLOW_EXPERIMENT_ID": "0"})
    assert deleted.stdout.splitlines()[2:] == [f"1970-01-01 00:00:02 UTC  gone  {gone}"]


def test_lost_runs_are_marked(mlkeep: Run, client: MlkeepClient) -> None:
    lost = client.create_run("0", start_time=1_000, run_name="lost", tags={"mlkeep.lost": "2026-01-02T03:04:05Z"})
    ended = client.create_run("0", start_time=2_000, run_name="ended")
    client.set_terminated(ended.info.run_id)

    assert mlkeep("runs", "list", "--experiment-id", "0").stdout.splitlines() == [
        "Date                     Name   ID                                Status",
        "-----------------------  -----  --------------------------------  --------------",
        f"1970-01-01 00:00:02 UTC  ended  {ended.info.run_id}  FINISHED",
        f"1970-01-01 00:00:01 UTC  lost   {lost.info.run_id}  RUNNING (LOST)",
    ]
    described = [mlkeep("runs", "describe", "--run-id", run.info.run_id) for run in (lost, ended)]
    assert [result.stderr for result in described] == [
        "RUNNING (LOST): nothing was heard of its trainer since 2026-01-02T03:04:05Z.\n",
        "",
    ]
    assert json.loads(described[0].stdout)["data"]["tags"]["mlkeep.lost"] == "2026-01-02T03:04:05Z"


def test_list_of_an_experiment_that_is_not_there_is_an_error(mlkeep: Run) -> None:
    result = mlkeep("runs", "list", "--experiment-id", "7")

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: No experiment has the id '7'.\n")


def test_describe_prints_the_whole_run(mlkeep: Run, client: MlkeepClient) -> None:
    run_id = client.create_run("0", run_name="alpha").info.run_id
    client.log_metric(run_id, "loss", 0.25)
    client.log_param(run_id, "größe", "7")

    result = mlkeep("runs", "describe", "--run-id", run_id)

    assert json.loads(result.stdout) == client.get_run(run_id).to_dictionary()
    assert '\n        "metrics": {\n            "loss": 0.25\n' in result.stdout
    assert "größe" in result.stdout


def test_a_run_can_be_deleted_and_restored(mlkeep: Run, client: MlkeepClient) -> None:
    run_id = client.create_run("0").info.run_id

    told, stages = [], []
    for command in ("delete", "restore"):
        told.append(mlkeep("runs", command, "--run-id", run_id).stdout)
        stages.append(client.get_run(run_id).info.lifecycle_stage)

    assert told == [f"Run with ID {run_id} has been deleted.\n", f"Run with id {run_id} has been restored.\n"]
    assert stages == ["deleted", "active"]


def test_lists_and_changes_can_be_told_as_json_that_every_reader_takes(mlkeep: Run, client: MlkeepClient) -> None:
    run_id = client.create_run("0").info.run_id
    for key, value in (("loss", float("nan")), ("up", float("inf")), ("down", float("-inf")), ("acc", 0.5)):
        client.log_metric(run_id, key, value)

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is no JSON")

    def told(*words: str) -> Any:
        return json.loads(mlkeep("runs", *words).stdout, parse_constant=refuse)

    (listed,) = told("list", "--experiment-id", "0", "--output", "json")
    assert listed["data"]["metrics"] == {"loss": "NaN", "up": "Infinity", "down": "-Infinity", "acc": 0.5}
    assert listed == told("describe", "--run-id", run_id)
    deleted = told("delete", "--run-id", run_id, "--output", "json")
    assert (deleted["info"]["run_id"], deleted["info"]["lifecycle_stage"]) == (run_id, "deleted")
    assert told("restore", "--run-id", run_id, "--output", "json") == listed


def test_what_is_not_there_is_an_error_of_one_line_and_what_makes_no_sense_one_of_usage(mlkeep: Run) -> None:
    for words in (["describe"], ["delete"], ["restore"]):
        missing = mlkeep("runs", *words, "--run-id", "f" * 32)
        assert (missing.exit_code, missing.stdout) == (1, "")
        assert missing.stderr == f"Error: Run with id={'f' * 32} not found.\n"
    for words in (["describe"], ["list"], ["list", "--experiment-id", "0", "--view", "some"], ["forget"]):
        nonsense = mlkeep("runs", *words)
        assert (nonsense.exit_code, nonsense.stdout) == (2, "")
        assert nonsense.stderr.startswith("Usage: ")


@pytest.mark.parametrize("command", [[], ["list"], ["create"], ["describe"], ["delete"], ["restore"]])
def test_help_shows_examples(mlkeep: Run, command: list[str]) -> None:
    assert "  mlkeep runs " in mlkeep("runs", *command, "--help").stdout
