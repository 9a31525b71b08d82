"""`mlkeep models` at the prompt."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlkeep.cli.models import models
from mlkeep.core.errors import BadRequest, InvalidInput, NotFound

SPLIT = json.dumps({"dataframe_split": {"columns": ["a", "b"], "data": [[2, 1], [1, 2]]}})


def test_predict_prints_what_invocations_answers(model_path: Path) -> None:
    result = CliRunner().invoke(models, ["predict", "-m", str(model_path)], input=SPLIT)

    assert (result.exit_code, result.stdout) == (0, '{"predictions":[1,0]}')


def test_predict_reads_and_writes_files(model_path: Path, tmp_path: Path) -> None:
    given, made = tmp_path / "in.csv", tmp_path / "out.json"
    given.write_text("a,b\n1,2\n")
    arguments = ["predict", "-m", str(model_path), "-i", str(given), "-o", str(made), "-t", "csv", "--no-conda"]

    result = CliRunner().invoke(models, arguments)

    assert (result.exit_code, result.stdout, made.read_text()) == (0, "", '{"predictions":[0]}')


def test_predict_raises_what_is_wrong_with_the_input_or_the_model(model_path: Path, tmp_path: Path) -> None:
    bad_input = CliRunner().invoke(models, ["predict", "-m", str(model_path)], input="{}")
    no_model = CliRunner().invoke(models, ["predict", "-m", str(tmp_path / "nothing")], input=SPLIT)

    assert isinstance(bad_input.exception, BadRequest)
    assert isinstance(no_model.exception, NotFound)


@pytest.mark.parametrize("variable", ["MLFLOW_PORT", "MLKEEP_PORT"])
def test_a_busy_port_from_the_environment_is_named(model_path: Path, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        env = {"MLFLOW_PORT": "1", variable: str(port)}
        result = CliRunner().invoke(models, ["serve", "-m", str(model_path), "--no-conda"], env=env)

    assert isinstance(result.exception, InvalidInput)
    assert f"Port {port} on 127.0.0.1 is in use" in result.exception.message


def test_what_belongs_to_an_environment_of_its_own_is_refused_for_this_one() -> None:
    override = CliRunner().invoke(models, ["predict", "-m", "x", "-r", "numpy<2"])
    variable = CliRunner().invoke(models, ["predict", "-m", "x", "--env", "A"])

    assert (override.exit_code, variable.exit_code) == (2, 2)
    assert "add --env-manager uv or virtualenv" in " ".join(override.stderr.split())
    assert "'A' must look like NAME=VALUE." in variable.stderr


def test_variables_are_set_for_the_model(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLKEEP_OF_A_TEST", "")
    arguments = ["predict", "-m", str(model_path), "--env", "MLKEEP_OF_A_TEST=a=b", "--install-mlflow"]

    result = CliRunner().invoke(models, arguments, input=SPLIT)

    assert (result.exit_code, os.environ["MLKEEP_OF_A_TEST"]) == (0, "a=b")


@pytest.mark.parametrize(
    "command",
    ["serve", "predict", "prepare-env", "verify", "update-pip-requirements", "generate-dockerfile", "build-docker"],
)
def test_help_shows_examples(command: str) -> None:
    result = CliRunner().invoke(models, [command, "--help"])

    assert f"mlkeep models {command} " in result.stdout.partition("Example")[2]
