"""The commands of `mlkeep models` about what a model needs: building it, proving it, changing it, and images with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from mlkeep.cli.model_options import home_option, install_mlflow_option, model_uri_option

if TYPE_CHECKING:
    from mlkeep.environments.verifying import Verified

_builder_option = click.option(
    "--env-manager",
    type=click.Choice(["uv", "virtualenv", "conda"]),
    default="virtualenv",
    show_default=True,
    help="What builds the environment; virtualenv takes uv where there is one, else pip.",
)
_image_manager_option = click.option(
    "--env-manager",
    type=click.Choice(["local", "uv", "virtualenv", "conda"]),
    help="For commands written for MLflow: images are always filled by uv.",
)
_image_model_option = click.option(
    "-m",
    "--model-uri",
    metavar="URI",
    help="The model. Without one, the image serves what is mounted at /opt/ml/model.",
)
_java_option = click.option("--install-java", is_flag=True, help="Install Java, which Spark needs.")


@click.command("prepare-env", short_help="Build the environment of a model ahead.")
@model_uri_option
@_builder_option
@install_mlflow_option
@home_option
def prepare_env(model_uri: str, env_manager: str, home: str | None) -> None:
    """Build the environment of a model, so that `predict` and `serve` find it, and print its folder.

    \b
    Example:
      mlkeep models prepare-env -m models:/iris-classifier@champion
    """
    from mlkeep.environments.building import EnvManager
    from mlkeep.environments.running import prepare

    _, environment = prepare(model_uri, EnvManager(env_manager), home=home)
    click.echo(environment.folder)


@click.command(short_help="Prove that a model runs in an environment of its own.")
@click.argument("model_uri", metavar="URI")
@click.option(
    "--env-manager",
    type=click.Choice(["local", "uv", "virtualenv", "conda"]),
    default="uv",
    show_default=True,
    help="What builds the environment; local tries the model in this Python environment.",
)
@home_option
@click.option(
    "--record/--no-record",
    default=True,
    show_default=True,
    help="Whether to keep the proof as the tag mlkeep.verified of the version, logged model or run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the proof as JSON.")
@click.option(
    "--packages",
    "packages_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what was installed into a file, as lines name==version.",
)
def verify(
    model_uri: str, env_manager: str, home: str | None, record: bool, as_json: bool, packages_file: Path | None
) -> None:
    """Prove that a model runs as it was saved: fetch it, build its environment, load it there, predict its example.

    The files must be those that were recorded, and what the model predicts must be what its signature says. The exit
    code is 1 if it does not. A server can ask for this proof of every new version (MLKEEP_REQUIRE_OF_VERSIONS=verified).

    \b
    Examples:
      mlkeep models verify models:/iris-classifier/3
      mlkeep models verify runs:/RUN_ID/model --no-record --json
    """
    from mlkeep.environments.verifying import verify as run_verification

    found = run_verification(model_uri, env_manager, record=record, home=home)
    if packages_file is not None:
        packages_file.write_text("".join(f"{line}\n" for line in found.packages), encoding="utf-8")
    if as_json:
        click.echo(msgspec.json.encode(found.proof))
    else:
        _tell(model_uri, found)
    if not found.proof.has_passed:
        click.get_current_context().exit(1)


def _tell(model_uri: str, found: Verified) -> None:
    proof = found.proof
    took = ", ".join(f"{name} {value:.2f} s" for name, value in proof.seconds.items())
    if proof.has_passed:
        did = "loads and predicts its example" if proof.predicted else "loads (it has no input example to predict)"
        click.echo(
            f"{model_uri} {did} with Python {proof.python} and {len(found.packages) or 'these'} packages: {took}."
        )
    else:
        click.echo(f"{model_uri} failed: {proof.reason}")
        if found.traceback:
            click.echo(found.traceback.rstrip(), err=True)
        if found.advice:
            click.echo(found.advice.replace(" URI ", f" {model_uri} "))
    if found.recorded_on:
        click.echo(f"Recorded on {found.recorded_on}.")


@click.command("update-pip-requirements", short_help="Change what a saved model needs.")
@model_uri_option
@click.argument("operation", type=click.Choice(["add", "remove"]))
@click.argument("requirement_strings", nargs=-1, required=True)
def update_pip_requirements(model_uri: str, operation: str, requirement_strings: tuple[str, ...]) -> None:
    """Add lines to the requirements of a model, or remove them, in requirements.txt and conda.yaml.

    A line replaces the one for the same package. Versions of registered models do not change: update the model of the
    run, or the logged model, and register it again.

    \b
    Example:
      mlkeep models update-pip-requirements -m runs:/RUN_ID/model add 'pandas==2.2.3' scipy
    """
    from mlkeep.environments.updating import update_model_requirements

    update_model_requirements(model_uri, "add" if operation == "add" else "remove", requirement_strings)
    click.echo(f"The requirements of {model_uri} are updated.", err=True)


@click.command("generate-dockerfile", short_help="Write the files of an image that serves a model.")
@_image_model_option
@click.option(
    "-d",
    "--output-directory",
    default="mlflow-dockerfile",
    show_default=True,
    metavar="FOLDER",
    help="Where the files go; it is made, and must be empty.",
)
@_image_manager_option
@home_option
@_java_option
def generate_dockerfile(
    model_uri: str | None, output_directory: str, env_manager: str | None, home: str | None, install_java: bool
) -> None:
    """Write the Dockerfile of an image that serves a model on port 8080, and the files it is built from.

    \b
    Example:
      mlkeep models generate-dockerfile -m models:/iris-classifier@champion -d image && docker build image
    """
    from mlkeep.environments.images import generate_dockerfile as write_files

    folder = write_files(model_uri, output_directory, env_manager, home, install_java)
    click.echo(f"Written to {folder}; build it with: docker build -t NAME {folder}", err=True)


@click.command("build-docker", short_help="Build an image that serves a model.")
@_image_model_option
@click.option("-n", "--name", default="mlflow-pyfunc-servable", show_default=True, help="The name of the image.")
@_image_manager_option
@home_option
@_java_option
@install_mlflow_option
def build_docker(
    model_uri: str | None, name: str, env_manager: str | None, home: str | None, install_java: bool
) -> None:
    """Build an image that serves a model on port 8080, with docker or podman.

    \b
    Example:
      mlkeep models build-docker -m models:/iris-classifier@champion -n iris
    """
    from mlkeep.environments.images import build_docker as build_image

    build_image(model_uri, name, env_manager, home, install_java)
    click.echo(f"Built {name}: docker run -p 8080:8080 {name}", err=True)
