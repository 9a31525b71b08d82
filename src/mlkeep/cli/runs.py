"""`mlkeep runs`."""

from __future__ import annotations

import os

import click

from mlkeep.cli.options import env, one_given, output_option, view_option
from mlkeep.cli.tables import one_line, print_change, print_json, print_table, shown_time
from mlkeep.core.entities import Run, ViewType
from mlkeep.core.presence import LOST_TAG
from mlkeep.sdk import fluent
from mlkeep.sdk.active_experiment import found_or_made_experiment
from mlkeep.sdk.search import RUNS_PER_PAGE, all_pages

_run_id = click.option("--run-id", required=True, metavar="ID", help="The run's id.")


@click.group()
def runs() -> None:
    """Make, list, describe, delete and restore runs.

    Deleting puts a run into a bin, from which `restore` takes it back.

    \b
    Examples:
      mlkeep runs list --experiment-id 1
      mlkeep runs describe --run-id 5d65ef3487c34ca7a7970d1c08be1c67
    """


@runs.command("list")
@click.option(
    "--experiment-id",
    required=True,
    envvar=env("EXPERIMENT_ID"),
    show_envvar=True,
    metavar="ID",
    help="The experiment's id.",
)
@view_option
@output_option
def list_runs(experiment_id: str, view: ViewType, output: str) -> None:
    """List the runs of an experiment, the latest start first. As JSON each is what `describe` prints.

    If trainers have vanished without a word, the table also tells how the runs stand: RUNNING (LOST).

    \b
    Examples:
      mlkeep runs list --experiment-id 1
      mlkeep runs list --experiment-id 1 --view deleted_only
      mlkeep runs list --experiment-id 1 --output json | jq '.[].data.metrics'
    """
    found = runs_of(experiment_id, view)
    if output == "json":
        print_json([run.to_dictionary() for run in found])
        return
    headings = ["Date", "Name", "ID"]
    rows = [[shown_time(run.info.start_time), run.info.run_name, run.info.run_id] for run in found]
    if any(map(_is_lost, found)):  # else the table is that of MLflow's command
        headings.append("Status")
        rows = [[*row, _shown_status(run)] for row, run in zip(rows, found, strict=True)]
    print_table(headings, rows)


@runs.command()
@click.option(
    "--experiment-id",
    envvar=env("EXPERIMENT_ID"),
    show_envvar=True,
    metavar="ID",
    help="The id of the experiment the run belongs to.",
)
@click.option(
    "--experiment-name",
    envvar=env("EXPERIMENT_NAME"),
    show_envvar=True,
    metavar="NAME",
    help="Or the experiment's name. It is made if there is none.",
)
@click.option("--run-name", metavar="NAME", help="The run's name. Default: one is made up.")
@click.option("--description", metavar="TEXT", help="A note about the run, in Markdown.")
@click.option("-t", "--tags", multiple=True, metavar="KEY=VALUE", help="A tag; may be given several times.")
@click.option(
    "--status",
    type=click.Choice(["finished", "failed", "killed"], case_sensitive=False),
    default="finished",
    show_default=True,
    help="How the run ended.",
)
@click.option("--parent-run-id", metavar="ID", help="The run this one is nested in.")
def create(
    experiment_id: str | None,
    experiment_name: str | None,
    run_name: str | None,
    description: str | None,
    tags: tuple[str, ...],
    status: str,
    parent_run_id: str | None,
) -> None:
    """Make a run that has ended, and print its id as JSON.

    It is for work that was done elsewhere, and for trying things out.

    \b
    Examples:
      mlkeep runs create --experiment-id 1 --run-name manual-baseline
      mlkeep runs create --experiment-name fraud -t team=risk -t env=prod --status failed
    """
    labels = dict(_tag(text) for text in tags)
    if one_given("experiment_id", "experiment_name") == "experiment_name":
        experiment_id = found_or_made_experiment(str(experiment_name)).experiment_id
    for variable in env("RUN_ID"):  # it would make start_run go on with that run
        os.environ.pop(variable, None)
    run = fluent.start_run(
        experiment_id=experiment_id,
        run_name=run_name,
        parent_run_id=parent_run_id,
        tags=labels,
        description=description,
    )
    fluent.end_run(status.upper())
    made = {
        "run_id": run.info.run_id,
        "experiment_id": run.info.experiment_id,
        "status": status.upper(),
        "run_name": run.info.run_name,
    }
    print_json(made)


@runs.command()
@_run_id
def describe(run_id: str) -> None:
    """Print what is known of a run, deleted or not, as JSON.

    If its trainer has vanished without a word, standard error says so.

    \b
    Example:
      mlkeep runs describe --run-id 5d65ef3487c34ca7a7970d1c08be1c67 | jq .data.metrics
    """
    run = fluent.get_run(run_id)
    print_json(run.to_dictionary(), indent=4)
    if _is_lost(run):
        click.echo(
            f"{_shown_status(run)}: nothing was heard of its trainer since {one_line(run.data.tags[LOST_TAG])}.",
            err=True,
        )


@runs.command()
@_run_id
@output_option
def delete(run_id: str, output: str) -> None:
    """Put a run into the bin; `restore` takes it back.

    \b
    Example:
      mlkeep runs delete --run-id 5d65ef3487c34ca7a7970d1c08be1c67
    """
    fluent.delete_run(run_id)
    print_change(output, f"Run with ID {run_id} has been deleted.", lambda: fluent.get_run(run_id), 4)


@runs.command()
@_run_id
@output_option
def restore(run_id: str, output: str) -> None:
    """Take a run out of the bin.

    \b
    Example:
      mlkeep runs restore --run-id 5d65ef3487c34ca7a7970d1c08be1c67
    """
    fluent.restore_run(run_id)
    print_change(output, f"Run with id {run_id} has been restored.", lambda: fluent.get_run(run_id), 4)


def runs_of(experiment_id: str, view: ViewType) -> list[Run]:
    """All runs of an experiment, the latest start first. Raises NotFound: there is no such experiment."""
    client = fluent.tracking_client()
    client.get_experiment(experiment_id)  # a search would find nothing, and hide that the id is wrong
    return all_pages(
        lambda size, token: client.search_runs([experiment_id], "", view, size, None, token), None, RUNS_PER_PAGE
    )


def _is_lost(run: Run) -> bool:
    return LOST_TAG in run.data.tags


def _shown_status(run: Run) -> str:
    return f"{run.info.status} (LOST)" if _is_lost(run) else run.info.status


def _tag(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.UsageError(f"Invalid tag '{text}': it must look like key=value.")
    return key, value
