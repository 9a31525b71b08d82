"""`mlkeep experiments` at the prompt."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient

Run = Callable[..., Result]


def test_create_prints_the_id_and_refuses_a_name_that_is_taken(mlkeep: Run) -> None:
    made, again = (mlkeep("experiments", "create", "-n", "fraud") for _ in range(2))

    assert (made.exit_code, made.stdout) == (0, "Created experiment 'fraud' with id 1\n")
    assert (again.exit_code, again.stdout, again.stderr) == (1, "", "Error: Experiment 'fraud' already exists.\n")


def test_search_prints_plain_columns_when_nobody_watches(mlkeep: Run, tmp_path: Path) -> None:
    mlkeep("experiments", "create", "-n", "fraud", "-l", f"file://{tmp_path}/elsewhere")

    result = mlkeep("experiments", "search")

    heading, rule, *rows = result.stdout.splitlines()
    assert heading == "Experiment Id  Name     Artifact Location"
    assert rule == f"-------------  -------  {'-' * len(f'file://{tmp_path}/elsewhere')}"
    assert sorted(rows) == [
        f"0              Default  {tmp_path}/kept/artifacts/0",
        f"1              fraud    file://{tmp_path}/elsewhere",
    ]


def test_search_can_look_into_the_bin_and_stop_early(mlkeep: Run) -> None:
    for name in ("a", "b", "c"):
        mlkeep("experiments", "create", "-n", name)
    mlkeep("experiments", "delete", "-x", "2")

    def ids(*options: str) -> set[str]:
        return {line.split()[0] for line in mlkeep("experiments", "search", *options).stdout.splitlines()[2:]}

    assert ids() == {"3", "1", "0"}
    assert ids("--view", "DELETED_ONLY") == {"2"}
    assert ids("-v", "all") == {"3", "2", "1", "0"}
    assert len(ids("-v", "all", "--max-results", "2")) == 2


def test_a_name_cannot_break_a_line_or_command_the_terminal(mlkeep: Run, store: Path) -> None:
    MlkeepClient(tracking_uri=f"sqlite:///{store}").create_experiment("two\nlines \x1b[31m")

    lines = mlkeep("experiments", "search").stdout.splitlines()[2:]

    assert [line.partition("/")[0] for line in sorted(lines)] == [
        "0              Default          ",
        "1              two�lines �[31m  ",
    ]


def test_at_a_terminal_the_table_is_drawn_and_names_are_no_markup(mlkeep: Run) -> None:
    mlkeep("experiments", "create", "-n", "[bold]risk[/bold]")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mlkeep.cli.main", "experiments", "search"]
    with subprocess.Popen(command, stdout=theirs, env={**os.environ, "COLUMNS": "200", "TERM": "xterm"}):
        os.close(theirs)
        drawn = _read_all(ours)

    assert "[bold]risk[/bold]" in drawn
    assert "─────" in drawn


def test_get_prints_a_table_by_id_and_json_by_name(mlkeep: Run, store: Path, tmp_path: Path) -> None:
    client = MlkeepClient(tracking_uri=f"sqlite:///{store}")
    experiment = client.get_experiment(client.create_experiment("fraud", tags={"team": "risk", "area": "cards"}))

    table = mlkeep("experiments", "get", "-x", "1").stdout
    as_json = mlkeep("experiments", "get", "--experiment-name", "fraud", "--output", "json").stdout

    assert json.loads(as_json) == experiment.to_dictionary()
    lines = dict(line.split(" : ", 1) for line in table.splitlines())
    assert {name.strip(): text for name, text in lines.items() if "Time" not in name} == {
        "Experiment ID": "1",
        "Name": "fraud",
        "Artifact Location": f"{tmp_path}/kept/artifacts/1",
        "Lifecycle Stage": "active",
        "Tags": "area=cards, team=risk",
    }
    assert lines["Creation Time    "].endswith(" UTC")


@pytest.mark.parametrize("options", [[], ["-x", "1", "-n", "fraud"]])
def test_get_wants_exactly_one_of_id_and_name(mlkeep: Run, options: list[str]) -> None:
    result = mlkeep("experiments", "get", *options)

    assert result.exit_code == 2
    assert "Give either --experiment-id or --experiment-name, and only one of them." in result.stderr


def test_what_is_not_there_is_an_error_of_one_line(mlkeep: Run) -> None:
    told = [
        mlkeep("experiments", *words)
        for words in (["get", "-x", "7"], ["get", "-n", "x"], ["delete", "-x", "7"], ["csv", "-x", "7"])
    ]

    assert [(result.exit_code, result.stdout, result.stderr) for result in told] == [
        (1, "", "Error: No experiment has the id '7'.\n"),
        (1, "", "Error: No experiment is called 'x': `mlkeep experiments search` lists all of them.\n"),
        (1, "", "Error: No experiment has the id '7'.\n"),
        (1, "", "Error: No experiment has the id '7'.\n"),
    ]


def test_an_experiment_can_be_renamed_deleted_and_restored(mlkeep: Run, store: Path) -> None:
    mlkeep("experiments", "create", "-n", "a")
    client = MlkeepClient(tracking_uri=f"sqlite:///{store}")

    told, states = [], []
    for words in (["rename", "-x", "1", "--new-name", "b"], ["delete", "-x", "1"], ["restore", "-x", "1"]):
        told.append(mlkeep("experiments", *words).stdout)
        states.append((client.get_experiment("1").name, client.get_experiment("1").lifecycle_stage))

    assert told == [
        "Experiment with id 1 has been renamed to 'b'.\n",
        "Experiment with ID 1 has been deleted.\n",
        "Experiment with id 1 has been restored.\n",
    ]
    assert states == [("b", "active"), ("b", "deleted"), ("b", "active")]


def test_every_command_but_csv_can_tell_what_the_experiment_is_as_json(mlkeep: Run, store: Path) -> None:
    client = MlkeepClient(tracking_uri=f"sqlite:///{store}")

    def told(*words: str) -> dict[str, object]:
        result = mlkeep("experiments", *words, "--output", "json")
        assert (result.exit_code, result.stderr) == (0, "")
        experiment: dict[str, object] = json.loads(result.stdout)
        assert experiment == client.get_experiment("1").to_dictionary()
        return experiment

    assert told("create", "-n", "a")["name"] == "a"
    assert told("rename", "-x", "1", "--new-name", "b")["name"] == "b"
    assert told("delete", "-x", "1")["lifecycle_stage"] == "deleted"
    assert told("restore", "-x", "1")["lifecycle_stage"] == "active"
    listed = json.loads(mlkeep("experiments", "search", "--output", "json").stdout)
    assert listed == [experiment.to_dictionary() for experiment in client.search_experiments()]
    assert {experiment["name"] for experiment in listed} == {"b", "Default"}


def test_csv_has_a_row_for_each_run_that_is_not_deleted(mlkeep: Run, store: Path, tmp_path: Path) -> None:
    client = MlkeepClient(tracking_uri=f"sqlite:///{store}")
    first, second, deleted = (client.create_run("0", start_time=time).info.run_id for time in (1_000, 2_000, 3_000))
    client.log_metric(first, "loss", 0.25)
    client.log_param(second, "text", 'a "quoted", long\ntext')
    client.delete_run(deleted)

    printed = mlkeep("experiments", "csv", "-x", "0").stdout
    written = mlkeep("experiments", "csv", "-x", "0", "-o", "runs.csv")

    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [(row["run_id"], row["metrics.loss"], row["params.text"], row["start_time"]) for row in rows] == [
        (second, "", 'a "quoted", long\ntext', "1970-01-01 00:00:02+00:00"),
        (first, "0.25", "", "1970-01-01 00:00:01+00:00"),
    ]
    assert (written.exit_code, written.stdout) == (0, "")
    assert (tmp_path / "runs.csv").read_text(encoding="utf-8") == printed


def test_csv_into_a_folder_that_is_not_there_is_told_in_one_line(mlkeep: Run) -> None:
    result = mlkeep("experiments", "csv", "-x", "0", "-o", "nowhere/runs.csv")

    assert (result.exit_code, result.stderr) == (
        1,
        "Error: Could not open file 'nowhere/runs.csv': No such file or directory\n",
    )


def test_the_same_commands_work_on_a_server(mlkeep: Run, server: MlkeepServer) -> None:
    env = {"MLKEEP_TRACKING_URI": server.url}

    made = mlkeep("experiments", "create", "-n", "fraud", env=env)
    listed = mlkeep("experiments", "search", env=env)
    refused = mlkeep("experiments", "create", "-n", "fraud", env=env)

    assert made.stdout == "Created experiment 'fraud' with id 1\n"
    assert sorted(listed.stdout.splitlines()[2:]) == [
        "0              Default  mlflow-artifacts:/0",
        "1              fraud    mlflow-artifacts:/1",
    ]
    assert (refused.exit_code, refused.stderr) == (
        1,
        "Error: RESOURCE_ALREADY_EXISTS: Experiment 'fraud' already exists.\n",
    )


@pytest.mark.parametrize("command", [[], ["create"], ["search"], ["get"], ["rename"], ["delete"], ["restore"], ["csv"]])
def test_help_shows_examples(mlkeep: Run, command: list[str]) -> None:
    assert "  mlkeep experiments " in mlkeep("experiments", *command, "--help").stdout


def _read_all(descriptor: int) -> str:
    pieces = []
    try:
        while piece := os.read(descriptor, 65_536):
            pieces.append(piece)
    except OSError:  # how Linux tells that nobody holds the other end any more
        pass
    finally:
        os.close(descriptor)
    return b"".join(pieces).decode()
