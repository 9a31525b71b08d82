"""`mlkeep db`: the schema of a database."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import click

from mlkeep.cli.options import env

F = TypeVar("F", bound=Callable[..., object])

ENVIRONMENT = env("BACKEND_STORE_URI")


def _url_from_environment(_: click.Context, __: click.Parameter, value: str | None) -> str:
    """The argument, else the environment. The variable is read here, as click shows no variables of arguments."""
    found = value or next((os.environ[name] for name in ENVIRONMENT if os.environ.get(name)), None)
    if found is None:
        raise click.UsageError(f"Name the database: as an argument, or in {' or '.join(ENVIRONMENT)}.")
    return found


def _takes_url(command: F) -> F:
    return click.argument("url", required=False, callback=_url_from_environment)(command)


@click.group()
def db() -> None:
    """Look after the schema of a database.

    URL is that of the database, such as postgresql://user:password@host/database or sqlite:///mlkeep.db. Without it,
    MLKEEP_BACKEND_STORE_URI (or MLFLOW_BACKEND_STORE_URI) is used.
    """


@db.command()
@_takes_url
def upgrade(url: str) -> None:
    """Carry a database to the schema of this version.

    An empty one gets its tables. Make a backup first; servers that run go on meanwhile.
    """
    from mlkeep.storage.sql import migrations

    before, now = migrations.upgrade(url)
    if before == now:
        click.echo(f"The schema is at revision {now}: nothing to do.")
    else:
        click.echo(f"The schema went from {_told(before)} to revision {now}.")


@db.command()
@_takes_url
def check(url: str) -> None:
    """Say which schema a database has, and whether this version works with it.

    Nothing is changed. The exit code is 1 if something has to be done first.
    """
    from mlkeep.storage.sql import migrations

    report = migrations.check(url)
    click.echo(
        f"{report.place}: {_told(report.revision)}; this version of mlkeep works with revision {migrations.HEAD}."
    )
    for difference in report.differences:
        click.echo(f"different from what it should be: {difference}")
    if report.revision != migrations.HEAD:
        click.echo("Run `mlkeep db upgrade` on it.")
    if not report.is_current:
        click.get_current_context().exit(1)


def _told(revision: str | None) -> str:
    return "empty" if revision is None else f"revision {revision}"
