"""`mlkeep models`: serve a model over HTTP, or score a file with it."""

from __future__ import annotations

from typing import BinaryIO

import click

from mlkeep.cli.options import env

_CONTENT_TYPES = {"json": "application/json", "csv": "text/csv"}

_model_uri = click.option(
    "-m",
    "--model-uri",
    required=True,
    metavar="URI",
    help="The model: models:/NAME/3, models:/NAME@alias, models:/m-ID, runs:/RUN_ID/PATH, or a local folder.",
)


def _only_local(_: click.Context, __: click.Parameter, value: str) -> str:
    if value != "local":
        raise click.BadParameter(
            f"'{value}' is not offered yet. Use --env-manager local, which runs the model in this Python environment "
            "(install the model's requirements.txt in it first)."
        )
    return value


_env_manager = click.option(
    "--env-manager",
    type=click.Choice(["local", "virtualenv", "uv", "conda"]),
    default="local",
    show_default=True,
    callback=_only_local,
    expose_value=False,
    help="Where the model runs. 'local' is this Python environment; the others are not offered yet.",
)
_no_conda = click.option(
    "--no-conda", is_flag=True, expose_value=False, help="The same as --env-manager local; older scripts have it."
)


@click.group()
def models() -> None:
    """Serve models, and score with them."""


@models.command()
@_model_uri
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
@_env_manager
@_no_conda
def serve(model_uri: str, port: int, host: str, timeout: float, workers: int) -> None:
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
    from mlkeep.serving.server import serve as run_server

    run_server(
        model_uri,
        host=host,
        port=port,
        timeout_s=timeout,
        workers=workers,
        on_ready=lambda url: click.echo(f"Serving {model_uri} on {url}/invocations; Ctrl-C stops it.", err=True),
    )


@models.command()
@_model_uri
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
@_env_manager
@_no_conda
def predict(model_uri: str, input_path: BinaryIO, output_path: BinaryIO, content_type: str) -> None:
    """Score a file, and print what /invocations would answer.

    \b
    Examples:
      echo '{"inputs": [[5.1, 3.5, 1.4, 0.2]]}' | mlkeep models predict -m models:/iris-classifier@champion
      mlkeep models predict -m runs:/RUN_ID/model -i flowers.csv -t csv -o predictions.json
    """
    from mlkeep.serving.server import load

    output_path.write(load(model_uri).answer(input_path.read(), _CONTENT_TYPES[content_type]))
