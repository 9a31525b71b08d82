"""Predicting and serving in the environment of a model, by a process in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.environments.building import Environment, EnvManager, build, this_environment
from mlkeep.environments.recorded import recorded
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.example import InputExample
from mlkeep.models.mlmodel import Model


def prepare(
    model_uri: str, manager: EnvManager, overrides: Sequence[str] = (), home: str | None = None
) -> tuple[Path, Environment]:
    """The folder of a model, and its environment, built unless it is there. `overrides` are other requirement lines.

    Raises:
        NotFound: there is no such model.
        InvalidInput: the environment cannot be built, or the manager is `local`.
        NotInstalled: the manager is not there.
    """
    if manager is EnvManager.LOCAL:
        raise InvalidInput("env_manager: 'local' builds no environment: give uv, virtualenv or conda.")
    folder = fetch(model_uri)
    conf = Model.load(folder).flavors.get(PYFUNC, {})
    wanted = recorded(folder, conf.get("python_version")).with_overrides(overrides)
    return folder, build(wanted, manager, home)


def run_in(
    environment: Environment, arguments: Sequence[str], variables: Mapping[str, str] | None = None, given: bytes = b""
) -> tuple[bytes, int]:
    """Run `mlkeep` with these arguments and `given` as its input in an environment: what it prints, and its exit code.

    What it writes to standard error comes out on ours.
    """
    done = subprocess.run(  # noqa: S603 - no shell
        _command(environment, arguments),
        env=environment.variables(variables),
        input=given,
        stdout=subprocess.PIPE,
        check=False,
    )
    return done.stdout, done.returncode


def become(environment: Environment, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by `mlkeep` with these arguments in an environment: signals then reach it directly."""
    command = _command(environment, arguments)
    os.execve(command[0], command, environment.variables())  # noqa: S606 - no shell


def _command(environment: Environment, arguments: Sequence[str]) -> list[str]:
    # -P: files of the working folder are no modules of the model.
    return [str(environment.python), "-P", "-m", "mlkeep.cli.main", *arguments]


def predict(
    model_uri: str,
    input_data: Any = None,
    input_path: str | None = None,
    content_type: str = "json",
    output_path: str | None = None,
    env_manager: str = "virtualenv",
    install_mlflow: bool = False,  # noqa: ARG001 - mlkeep is always installed
    pip_requirements_override: Sequence[str] | None = None,
    extra_envs: Mapping[str, str] | None = None,
) -> None:
    """Predict in an environment that is built as the model says, as a trial of how it will be deployed.

    The input is what `/invocations` takes: a text, or a dict, list, frame or array, which are sent as JSON; or the file
    `input_path`. The predictions go to `output_path`, else to standard output. The other arguments are MLflow's.

    Raises:
        InvalidInput: an argument makes no sense, or the environment cannot be built.
        MlkeepException: the model cannot answer; what the process printed says why.
    """
    if (input_data is None) == (input_path is None):
        raise InvalidInput("Give either input_data or input_path, and only one of them.")
    if content_type not in {"json", "csv"}:
        raise InvalidInput(f"content_type: {content_type!r} is unknown; choose 'json' or 'csv'.")
    manager = EnvManager(env_manager)
    given = _body(input_data, content_type).encode() if input_path is None else Path(input_path).read_bytes()
    if manager is EnvManager.LOCAL:
        folder, environment = fetch(model_uri), this_environment()
    else:
        folder, environment = prepare(model_uri, manager, list(pip_requirements_override or ()))
    answer, code = run_in(environment, ["models", "predict", "-m", str(folder), "-t", content_type], extra_envs, given)
    if code:
        raise MlkeepException(
            f"The model at {model_uri} did not predict in its environment (exit code {code}); what went wrong is above."
        )
    if output_path is not None:
        Path(output_path).write_bytes(answer)
    else:
        sys.stdout.write(answer.decode())


def _body(data: Any, content_type: str) -> str:
    """Data as the body of a request to `/invocations`."""
    if isinstance(data, str):
        return data
    if content_type == "csv":
        if not hasattr(data, "to_csv"):
            raise InvalidInput(f"input_data: CSV is made of a text or a frame, not of {type(data).__name__}.")
        text: str = data.to_csv(index=False)
        return text
    return InputExample(data).to_serving_json()
