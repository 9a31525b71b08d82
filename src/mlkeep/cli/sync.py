"""`mlkeep sync`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from mlkeep.cli.options import output_option
from mlkeep.cli.tables import one_line, print_json
from mlkeep.core.uris import without_password
from mlkeep.sdk.journal.syncing import Synced
from mlkeep.sdk.sync import sync as sync_folder


@click.command()
@click.argument(
    "folder", required=False, metavar="[DIR]", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--tracking-uri", metavar="URI", help="The server to send it to. Default: the one it was logged for.")
@output_option
def sync(folder: Path | None, tracking_uri: str | None, output: str) -> None:
    """Send what was logged while the server was not there.

    DIR is a folder of journals, from this machine or another one: MLKEEP_JOURNAL_DIR if none is given, else
    .mlkeep/journal. A journal is deleted once the server has all of it. It may be interrupted and done again: everything
    is stored once. What running programs write is left to them.

    MLKEEP_TRACKING_URI (or MLFLOW_TRACKING_URI) says where to send it, as --tracking-uri does. The exit code is 1 if
    something could not be sent.

    \b
    Examples:
      mlkeep sync
      mlkeep sync /mnt/cluster/journal --tracking-uri https://mlkeep.example.com
    """
    told = sync_folder(folder, tracking_uri)
    if output == "json":
        print_json(msgspec.to_builtins(told, enc_hook=str))
    else:
        _say(told)
    if told.kept:
        click.get_current_context().exit(1)


def _say(told: Synced) -> None:
    for sent in told.sent:
        refused = f", {sent.refused} of them refused" if sent.refused else ""
        click.echo(
            f"sent: run {sent.run_id} to {without_password(sent.tracking_uri)}, {_records(sent.records)}{refused}"
        )
        for damage in sent.damage:
            kept = f", see {sent.damaged_path}" if sent.damaged_path is not None else ""
            click.echo(f"damaged: bytes {damage.at} to {damage.end} of {sent.path.name} were skipped{kept}")
    for kept_one in told.kept:
        click.echo(f"kept: {kept_one.path}: {one_line(kept_one.reason)}")
    for live in told.live:
        click.echo(f"skipped: {live.path}: {one_line(live.reason)}")
    if not (told.sent or told.kept or told.live):
        click.echo("There is nothing to send.")


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
