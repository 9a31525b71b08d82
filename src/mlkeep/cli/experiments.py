"""`mlkeep experiments`."""

from __future__ import annotations

import json
from typing import TextIO

import click

from mlkeep.cli.options import one_given, view_option
from mlkeep.cli.runs import runs_of
from mlkeep.cli.tables import print_fields, print_table, shown_time
from mlkeep.core.entities import Experiment, ViewType
from mlkeep.core.errors import NotFound
from mlkeep.sdk import fluent

_experiment_id = click.option("-x", "--experiment-id", required=True, metavar="ID", help="The experiment's id.")


@click.group()
def experiments() -> None:
    """Make, list, rename, delete and restore experiments.

    Deleting puts an experiment and its runs into a bin, from which `restore` takes them back.

    \b
    Examples:
      mlkeep experiments create -n fraud-detection
      mlkeep experiments search
      mlkeep experiments csv -x 1 -o runs.csv
    """


@experiments.command()
@click.option("-n", "--experiment-name", required=True, metavar="NAME", help="Its name; no other experiment has it.")
@click.option(
    "-l",
    "--artifact-location",
    metavar="URI",
    help="Where the artifacts of its runs go. Default: a folder of its own below the store's artifact root.",
)
def create(experiment_name: str, artifact_location: str | None) -> None:
    """Make an experiment, and print its id.

    \b
    Examples:
      mlkeep experiments create -n fraud-detection
      mlkeep experiments create -n fraud-detection -l file:///data/fraud
    """
    experiment_id = fluent.create_experiment(experiment_name, artifact_location)
    click.echo(f"Created experiment '{experiment_name}' with id {experiment_id}")


@experiments.command()
@view_option
@click.option("--max-results", type=click.IntRange(min=1), metavar="N", help="At most so many. Default: all.")
def search(view: ViewType, max_results: int | None) -> None:
    """List experiments, the newest first.

    \b
    Examples:
      mlkeep experiments search
      mlkeep experiments search --view deleted_only --max-results 20
    """
    print_table(
        ["Experiment Id", "Name", "Artifact Location"],
        [
            [found.experiment_id, found.name, found.artifact_location]
            for found in fluent.search_experiments(view, max_results)
        ],
    )


@experiments.command()
@click.option("-x", "--experiment-id", metavar="ID", help="Its id.")
@click.option("-n", "--experiment-name", metavar="NAME", help="Or its name.")
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="How it is printed."
)
def get(experiment_id: str | None, experiment_name: str | None, output: str) -> None:
    """Print what is known of an experiment, deleted or not.

    \b
    Examples:
      mlkeep experiments get -x 1
      mlkeep experiments get -n fraud-detection --output json
    """
    by_id = one_given("experiment_id", "experiment_name") == "experiment_id"
    found = fluent.get_experiment(str(experiment_id)) if by_id else _named(str(experiment_name))
    if output == "json":
        click.echo(json.dumps(found.to_dictionary(), indent=2, sort_keys=True, ensure_ascii=False))
        return
    print_fields(
        [
            ("Experiment ID", found.experiment_id),
            ("Name", found.name),
            ("Artifact Location", found.artifact_location),
            ("Lifecycle Stage", found.lifecycle_stage),
            ("Creation Time", shown_time(found.creation_time)),
            ("Last Update Time", shown_time(found.last_update_time)),
            ("Tags", ", ".join(f"{key}={value}" for key, value in sorted(found.tags.items()))),
        ]
    )


@experiments.command()
@_experiment_id
def delete(experiment_id: str) -> None:
    """Put an experiment and its runs into the bin."""
    fluent.delete_experiment(experiment_id)
    click.echo(
        f"Experiment {experiment_id} is in the bin; `mlkeep experiments restore -x {experiment_id}` takes it back."
    )


@experiments.command()
@_experiment_id
def restore(experiment_id: str) -> None:
    """Take an experiment and its runs out of the bin."""
    fluent.restore_experiment(experiment_id)
    click.echo(f"Experiment {experiment_id} is out of the bin.")


@experiments.command()
@_experiment_id
@click.option("--new-name", required=True, metavar="NAME", help="Its new name; no other experiment has it.")
def rename(experiment_id: str, new_name: str) -> None:
    """Give an experiment another name.

    \b
    Example:
      mlkeep experiments rename -x 1 --new-name fraud-detection-2024
    """
    fluent.tracking_client().rename_experiment(experiment_id, new_name)
    click.echo(f"Experiment {experiment_id} is now called '{new_name}'.")


@experiments.command()
@_experiment_id
@click.option(
    "-o",
    "--filename",
    type=click.File("w", encoding="utf-8", lazy=True),
    default="-",
    metavar="FILE",
    help="Where the table goes; a file of this name is replaced. Default: standard output.",
)
def csv(experiment_id: str, filename: TextIO) -> None:
    """Write all runs of an experiment that are not deleted as CSV.

    A row is a run, the latest start first. Columns: run_id, experiment_id, status, artifact_uri, start_time and
    end_time (UTC), then metrics.*, params.* and tags.*.

    \b
    Examples:
      mlkeep experiments csv -x 1 -o runs.csv
      mlkeep experiments csv -x 1 | head
    """
    from mlkeep.sdk.search import as_frame

    table = as_frame(runs_of(experiment_id, ViewType.ACTIVE_ONLY)).to_csv(index=False)
    filename.write(table)


def _named(name: str) -> Experiment:
    if (found := fluent.get_experiment_by_name(name)) is None:
        raise NotFound(f"No experiment is called '{name}': `mlkeep experiments search` lists all of them.")
    return found
