"""`mlkeep models`: serve a model over HTTP, score a file with it, and what `model_environments` has."""

from __future__ import annotations

import os
from typing import BinaryIO

import click

from mlkeep.cli.model_environments import (
    build_docker,
    generate_dockerfile,
    prepare_env,
    update_pip_requirements,
    verify,
)
from mlkeep.cli.model_options import env_manager_option, install_mlflow_option, model_uri_option, no_conda_option
from mlkeep.cli.options import env

_CONTENT_TYPES = {"json": "application/json", "csv": "text/csv"}


@click.group()
def models() -> None:
    """Serve models, score with them, and look after what they need."""


for _command in (prepare_env, verify, update_pip_requirements, generate_dockerfile, build_docker):
    models.add_command(_command)


@models.command(short_help="Answer predictions over HTTP.")
@model_uri_option
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=5000,
    envvar=env("PORT"),
    show_default=True,
    show_envvar=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "-h",
    "--host",
    default="127.0.0.1",
    envvar=env("HOST"),
    show_default=True,
    show_envvar=True,
    help="The address to listen on; 0.0.0.0 is every one of this machine.",
)
@click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    envvar=env("SCORING_SERVER_REQUEST_TIMEOUT"),
    show_default=True,
    show_envvar=True,
    help="Seconds a request may take before it is answered with 504.",
)
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    envvar=env("MODELS_WORKERS"),
    show_default=True,
    show_envvar=True,
    help="Processes that serve; each holds the model.",
)
@env_manager_option
@no_conda_option
@install_mlflow_option
def serve(model_uri: str, port: int, host: str, timeout: float, workers: int, env_manager: str) -> None:
    """Answer predictions over HTTP, by MLflow's scoring protocol.

    POST /invocations takes JSON (dataframe_split, dataframe_records, inputs or instances) or CSV, checks it against
    the model's signature and answers {"predictions": ...}. GET /ping and /health answer 200 as soon as the model is
    loaded. SIGTERM and Ctrl-C end the server after the requests in flight.

    \b
    Examples:
      mlkeep models serve -m models:/iris-classifier@champion -p 8080
      mlkeep models serve -m ./model -h 0.0.0.0 -p 8080 -w 4
    \b
      curl -s localhost:8080/invocations -H 'Content-Type: application/json' \\
        -d '{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, 2.0]]}}'
    """
    if env_manager != "local":
        from mlkeep.environments.building import EnvManager
        from mlkeep.environments.running import become, prepare

        folder, environment = prepare(model_uri, EnvManager(env_manager))
        options = ["--port", str(port), "--host", host, "--timeout", str(timeout), "--workers", str(workers)]
        become(environment, ["models", "serve", "--model-uri", str(folder), *options])

    from mlkeep.serving.server import serve as run_server

    run_server(
        model_uri,
        host=host,
        port=port,
        timeout_s=timeout,
        workers=workers,
        on_ready=lambda url: click.echo(f"Serving {model_uri} on {url}/invocations; Ctrl-C stops it.", err=True),
    )


def _as_variables(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for value in values:
        name, equals, content = value.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"'{value}' must look like NAME=VALUE.")
        found[name] = content
    return found


@models.command(short_help="Score a file.")
@model_uri_option
@click.option(
    "-i",
    "--input-path",
    type=click.File("rb"),
    default="-",
    metavar="FILE",
    help="What to score, in one of the formats of /invocations. Default: standard input.",
)
@click.option(
    "-o",
    "--output-path",
    type=click.File("wb", lazy=True),
    default="-",
    metavar="FILE",
    help="Where the predictions go. Default: standard output.",
)
@click.option(
    "-t",
    "--content-type",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="The format of the input.",
)
@env_manager_option
@no_conda_option
@install_mlflow_option
@click.option(
    "-r",
    "--pip-requirements-override",
    metavar="LINES",
    help="Requirements to install instead of the model's own for the same packages, separated by commas. Not with "
    "--env-manager local.",
)
@click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_as_variables,
    help="An environment variable for the model. May be given several times.",
)
def predict(
    model_uri: str,
    input_path: BinaryIO,
    output_path: BinaryIO,
    content_type: str,
    env_manager: str,
    pip_requirements_override: str | None,
    variables: dict[str, str],
) -> None:
    """Score a file, and print what /invocations would answer.

    \b
    Examples:
      echo '{"inputs": [[5.1, 3.5, 1.4, 0.2]]}' | mlkeep models predict -m models:/iris-classifier@champion
      mlkeep models predict -m runs:/RUN_ID/model -i flowers.csv -t csv -o predictions.json
      mlkeep models predict -m runs:/RUN_ID/model -i flowers.csv -t csv --env-manager uv -r 'pandas==2.2.3'
    """
    overrides = [line.strip() for line in (pip_requirements_override or "").split(",") if line.strip()]
    if env_manager == "local":
        if overrides:
            raise click.UsageError(
                "-r changes the environment that the model runs in, and local is this one, which is not touched: add "
                "--env-manager uv or virtualenv."
            )
        os.environ.update(variables)
        from mlkeep.serving.server import load

        output_path.write(load(model_uri).answer(input_path.read(), _CONTENT_TYPES[content_type]))
        return
    from mlkeep.environments.building import EnvManager
    from mlkeep.environments.running import prepare, run_in

    folder, environment = prepare(model_uri, EnvManager(env_manager), overrides)
    arguments = ["models", "predict", "-m", str(folder), "-t", content_type]
    answer, code = run_in(environment, arguments, variables, input_path.read())
    if code:
        click.get_current_context().exit(code)
    output_path.write(answer)
