"""`mlkeep journal`: what is on disk of what was logged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mlkeep.cli.options import output_option
from mlkeep.cli.tables import one_line, print_json, print_table, shown_time
from mlkeep.core.errors import MlkeepException
from mlkeep.core.settings import setting
from mlkeep.sdk.journal.checking import described, faults, repair
from mlkeep.sdk.journal.folder import State, journals_in, states
from mlkeep.sdk.journal.whereabouts import journal_folder

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])


@click.group()
def journal() -> None:
    """Look at what was logged and is still on disk.

    DIR is a folder of journals: MLKEEP_JOURNAL_DIR if none is given, else .mlkeep/journal.
    """


def _takes_path(command: F) -> F:
    kind = click.Path(exists=True, path_type=Path)
    return click.argument("path", required=False, metavar="[DIR or FILE]", type=kind)(command)


@journal.command("list")
@click.argument(
    "folder", required=False, metavar="[DIR]", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@output_option
def list_journals(folder: Path | None, output: str) -> None:
    """List journals: whose they are, what of them is not sent, was refused or is damaged.

    \b
    Examples:
      mlkeep journal list
      mlkeep journal list /mnt/cluster/journal --output json | jq '.[].unsent'
    """
    found = states(folder or journal_folder())
    if output == "json":
        print_json([_told(one) for one in found])
        return
    print_table(
        ["Run", "Server", "Writer", "Begun", "Bytes", "Unsent", "Refused", "Damaged", ""],
        [
            [
                one.contents.head.run_id,
                one.contents.head.tracking_uri or "unknown",
                f"{one.contents.head.host}:{one.contents.head.pid}",
                shown_time(one.contents.head.at_ms),
                f"{one.contents.size:,}",
                f"{one.contents.unsent:,}",
                f"{len(one.refused):,}",
                f"{len(one.contents.damage):,}",
                "being written" if one.is_live else "",
            ]
            for one in found
        ],
    )
    for one in found:
        for refusal in one.refused:
            what, reason = described(refusal.record), one_line(refusal.reason)
            click.echo(f"refused of run {one.contents.head.run_id}: {what}: {reason}")


@journal.command()
@_takes_path
def verify(path: Path | None) -> None:
    """Look for damage: a line for each fault, with the bytes it takes and what is lost.

    Nothing is changed. The exit code is 1 if there is a fault.

    \b
    Example:
      mlkeep journal verify /mnt/cluster/journal
    """
    count = 0
    for file in (paths := _paths(path)):
        for fault in _attempt(faults, file):
            click.echo(f"{fault.path}: bytes {fault.at} to {fault.end}: {one_line(fault.lost)}")
            count += 1
    if count:
        click.get_current_context().exit(1)
    click.echo(f"{len(paths)} {'journal is' if len(paths) == 1 else 'journals are'} sound.")


@journal.command("repair")
@_takes_path
@click.option("--tracking-uri", metavar="URI", help="The server of journals that do not tell it any more.")
def repair_journals(path: Path | None, tracking_uri: str | None) -> None:
    """Have sound copies take the place of damaged journals, which are kept under names that end with .damaged.

    `mlkeep sync` skips what is damaged by itself: this is for who wants to see first what is there. Journals of running
    programs are not touched.

    \b
    Example:
      mlkeep journal repair .mlkeep/journal
    """
    server = tracking_uri or setting("TRACKING_URI") or ""
    is_complete = True
    for file in _paths(path):
        try:
            done = _attempt(lambda each: repair(each, server), file)
        except MlkeepException as error:
            click.echo(error.message, err=True)
            is_complete = False
            continue
        if done is None:
            continue
        for fault in done.dropped:
            click.echo(f"{fault.path}: dropped bytes {fault.at} to {fault.end}: {one_line(fault.lost)}")
        click.echo(f"{done.path}: {done.kept:,} records are not sent. The damaged journal is {done.damaged_path.name}.")
    if not is_complete:
        click.get_current_context().exit(1)


def _attempt(act: Callable[[Path], T], file: Path) -> T:
    try:
        return act(file)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from error


def _paths(path: Path | None) -> list[Path]:
    if path is not None and path.is_file():
        return [path]
    return journals_in(path or journal_folder())


def _told(one: State) -> dict[str, Any]:
    """A journal as JSON."""
    head = one.contents.head
    return {
        "path": str(one.path),
        "run_id": head.run_id,
        "server_run_id": one.contents.known or head.run_id,
        "tracking_uri": head.tracking_uri,
        "writer": head.writer,
        "host": head.host,
        "pid": head.pid,
        "begun_ms": head.at_ms,
        "bytes": one.contents.size,
        "unsent": one.contents.unsent,
        "is_live": one.is_live,
        "refused": [{"record": described(refusal.record), "reason": refusal.reason} for refusal in one.refused],
        "damaged": [{"at": damage.at, "end": damage.end} for damage in one.contents.damage],
    }
