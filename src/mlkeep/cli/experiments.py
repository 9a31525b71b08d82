"""`mlkeep experiments`."""

from __future__ import annotations

from typing import TextIO

import click

from mlkeep.cli.options import one_given, output_option, view_option
from mlkeep.cli.runs import runs_of
from mlkeep.cli.tables import print_change, print_fields, print_json, print_table, shown_time
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
@output_option
def create(experiment_name: str, artifact_location: str | None, output: str) -> None:
    """Make an experiment, and print its id.

    \b
    Examples:
      mlkeep experiments create -n fraud-detection
      mlkeep experiments create -n fraud-detection -l file:///data/fraud
      mlkeep experiments create -n fraud-detection --output json | jq -r .experiment_id
    """
    experiment_id = fluent.create_experiment(experiment_name, artifact_location)
    print_change(
        output,
        f"Created experiment '{experiment_name}' with id {experiment_id}",
        lambda: fluent.get_experiment(experiment_id),
    )


@experiments.command()
@view_option
@click.option("--max-results", type=click.IntRange(min=1), metavar="N", help="At most so many. Default: all.")
@output_option
def search(view: ViewType, max_results: int | None, output: str) -> None:
    """List experiments, the newest first.

    \b
    Examples:
      mlkeep experiments search
      mlkeep experiments search --view deleted_only --max-results 20
      mlkeep experiments search --output json | jq -r '.[].name'
    """
    found = fluent.search_experiments(view, max_results)
    if output == "json":
        print_json([experiment.to_dictionary() for experiment in found])
        return
    print_table(
        ["Experiment Id", "Name", "Artifact Location"],
        [[experiment.experiment_id, experiment.name, experiment.artifact_location] for experiment in found],
    )


@experiments.command()
@click.option("-x", "--experiment-id", metavar="ID", help="Its id.")
@click.option("-n", "--experiment-name", metavar="NAME", help="Or its name.")
@output_option
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
        print_json(found.to_dictionary())
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
@output_option
def delete(experiment_id: str, output: str) -> None:
    """Put an experiment and its runs into the bin; `restore` takes them back.

    \b
    Example:
      mlkeep experiments delete -x 1
    """
    fluent.delete_experiment(experiment_id)
    print_change(
        output, f"Experiment with ID {experiment_id} has been deleted.", lambda: fluent.get_experiment(experiment_id)
    )


@experiments.command()
@_experiment_id
@output_option
def restore(experiment_id: str, output: str) -> None:
    """Take an experiment and its runs out of the bin.

    \b
    Example:
      mlkeep experiments restore -x 1
    """
    fluent.restore_experiment(experiment_id)
    print_change(
        output, f"Experiment with id {experiment_id} has been restored.", lambda: fluent.get_experiment(experiment_id)
    )


@experiments.command()
@_experiment_id
@click.option("--new-name", required=True, metavar="NAME", help="Its new name; no other experiment has it.")
@output_option
def rename(experiment_id: str, new_name: str, output: str) -> None:
    """Give an experiment another name.

    \b
    Example:
      mlkeep experiments rename -x 1 --new-name fraud-detection-2024
    """
    fluent.tracking_client().rename_experiment(experiment_id, new_name)
    print_change(
        output,
        f"Experiment with id {experiment_id} has been renamed to '{new_name}'.",
        lambda: fluent.get_experiment(experiment_id),
    )


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
