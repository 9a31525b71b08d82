"""Options of the commands about models."""

from __future__ import annotations

import click

model_uri_option = click.option(
    "-m",
    "--model-uri",
    required=True,
    metavar="URI",
    help="The model: models:/NAME/3, models:/NAME@alias, models:/m-ID, runs:/RUN_ID/PATH, or a local folder.",
)
"""Gives a command the argument `model_uri`."""

env_manager_option = click.option(
    "--env-manager",
    type=click.Choice(["local", "uv", "virtualenv", "conda"]),
    default="local",
    show_default=True,
    help="Where the model runs. 'local' is this Python environment; the others build the one that the model was saved "
    "with, once, below MLKEEP_ENV_ROOT.",
)
"""Gives a command the argument `env_manager`."""

no_conda_option = click.option(
    "--no-conda", is_flag=True, expose_value=False, help="The same as --env-manager local; older scripts have it."
)

install_mlflow_option = click.option(
    "--install-mlflow",
    is_flag=True,
    expose_value=False,
    help="For commands written for MLflow: mlkeep is always installed in the environment.",
)

home_option = click.option(
    "--mlflow-home",
    "home",
    envvar=["MLKEEP_HOME", "MLFLOW_HOME"],
    metavar="PATH",
    help="A checkout or wheel of mlkeep to install. Default: the mlkeep that runs here.",
)
"""Gives a command the argument `home`."""
