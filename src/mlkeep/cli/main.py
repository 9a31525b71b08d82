"""`mlkeep`: the root of all commands."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from mlkeep.core.errors import MlkeepException
from mlkeep.version import __version__

_COMMANDS = {
    "server": ("mlkeep.cli.server", "server", "Run the tracking server."),
    "ui": ("mlkeep.cli.server", "server", "The same as `server`; MLflow's other name for it."),
    "demo": ("mlkeep.cli.demo", "demo", "Track, register, serve and predict, on this machine."),
    "experiments": ("mlkeep.cli.experiments", "experiments", "Make, list, rename, delete and restore experiments."),
    "runs": ("mlkeep.cli.runs", "runs", "Make, list, describe, delete and restore runs."),
    "artifacts": (
        "mlkeep.cli.artifacts",
        "artifacts",
        "List, download, log, verify and delete files of runs and models.",
    ),
    "sync": ("mlkeep.cli.sync", "sync", "Send what was logged while the server was not there."),
    "journal": ("mlkeep.cli.journal", "journal", "Look at what was logged and is still on disk."),
    "models": ("mlkeep.cli.models", "models", "Serve models and predict with them."),
    "db": ("mlkeep.cli.db", "db", "Upgrade and check the schema of a database."),
    "doctor": ("mlkeep.cli.doctor", "doctor", "Check versions, the tracking store and the artifact store."),
}
"""Where each command is, and its line of help: a command's module is loaded when it is called."""


class _Root(click.Group):
    """Loads commands when they are called, and tells errors of mlkeep in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MlkeepException as error:
            raise click.ClickException(error.message) from error


@click.group(cls=_Root, context_settings={"help_option_names": ["--help"]})
@click.version_option(__version__, prog_name="mlkeep")
def main() -> None:
    """mlkeep keeps runs, models and deployments.

    Every command that tracks uses MLKEEP_TRACKING_URI (or MLFLOW_TRACKING_URI): a server such as
    http://localhost:5000, or a database such as sqlite:///mlkeep.db. Without it, .mlkeep/mlkeep.db in the working
    folder is used.
    """


if __name__ == "__main__":
    sys.exit(main())
