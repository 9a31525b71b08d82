"""Options that several commands have."""

from __future__ import annotations

import click
from click.core import ParameterSource

from mlkeep.core.entities import ViewType


def env(name: str) -> list[str]:
    """The environment variables an option may come from: ours wins over MLflow's."""
    return [f"MLKEEP_{name}", f"MLFLOW_{name}"]


def _as_view(_: click.Context, __: click.Parameter, value: str) -> ViewType:
    return ViewType.from_string(value)


view_option = click.option(
    "-v",
    "--view",
    type=click.Choice([ViewType.to_string(view) for view in ViewType], case_sensitive=False),
    default="active_only",
    show_default=True,
    callback=_as_view,
    help="Which to list: those in use, those in the bin, or both.",
)
"""Gives a command the argument `view`, a ViewType."""


output_option = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How it is printed: for people, or for programs.",
)
"""Gives a command the argument `output`, "table" or "json"."""


def one_given(first: str, second: str) -> str:
    """Which of two arguments of the running command was given; the command line wins over the environment.

    Raises:
        UsageError: none was given, or both in the same way.
    """
    context = click.get_current_context()
    given = [name for name in (first, second) if context.params[name] is not None]
    typed = [name for name in given if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    chosen = typed or given
    if len(chosen) != 1:
        options = " or ".join(f"--{name.replace('_', '-')}" for name in (first, second))
        raise click.UsageError(f"Give either {options}, and only one of them.")
    return chosen[0]
