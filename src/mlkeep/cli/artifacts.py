"""`mlkeep artifacts`: files of runs and models."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, assert_never

import click

from mlkeep.cli.options import one_given
from mlkeep.cli.tables import one_line, print_table
from mlkeep.core.entities import FileInfo
from mlkeep.sdk import artifacts as by_uri
from mlkeep.sdk import fluent
from mlkeep.sdk.verifying import FileCheck, FileState

_run_id = click.option("-r", "--run-id", metavar="ID", help="The run whose artifacts are meant.")
_into_run = click.option("-r", "--run-id", required=True, metavar="ID", help="The run that gets them.")
_artifact_uri = click.option(
    "-u",
    "--artifact-uri",
    metavar="URI",
    help="Or where they are: runs:/RUN_ID/PATH, models:/NAME/3, models:/NAME@alias, mlflow-artifacts:/PATH, s3://BUCKET/PATH, "
    "a local path.",
)
_path = click.option("-a", "--artifact-path", metavar="PATH", help="A file or folder of the run. Default: all of them.")
_folder = click.option(
    "-a", "--artifact-path", metavar="PATH", help="The folder of the run they go into. Default: the top."
)


@click.group()
def artifacts() -> None:
    """List, download, log, verify and delete files of runs and models.

    \b
    Examples:
      mlkeep artifacts list -r RUN_ID
      mlkeep artifacts download -u models:/iris-classifier@champion -d model
      mlkeep artifacts log -r RUN_ID report.html plots
      mlkeep artifacts verify -r RUN_ID
    """


@artifacts.command("list")
@_run_id
@_artifact_uri
@_path
@click.option(
    "--output",
    type=click.Choice(["json", "table"]),
    default="json",
    show_default=True,
    help="How it is printed: for programs, or for people.",
)
def list_artifacts(run_id: str | None, artifact_uri: str | None, artifact_path: str | None, output: str) -> None:
    """List what is in a folder, not deeper, as JSON: a list of objects with path, is_dir and, of files, file_size.

    Paths begin at the run or at the URI. A pattern, such as 'checkpoints/*.pt' or '**/*.json', lists the files that match
    it, however deep.

    \b
    Examples:
      mlkeep artifacts list -r RUN_ID -a checkpoints
      mlkeep artifacts list -u models:/iris-classifier/3 --output table
      mlkeep artifacts list -r RUN_ID | jq -r '.[].path'
    """
    found = by_uri.list_artifacts(**_place(run_id, artifact_uri, artifact_path))
    if output == "table":
        print_table(["Path", "Bytes"], [[_shown(info), "" if info.is_dir else f"{info.file_size}"] for info in found])
        return
    # Written as MLflow writes it, to the byte: its R and Java clients read this.
    click.echo("[" + ", ".join(json.dumps(_told(info), indent=2) for info in found) + "]")


@artifacts.command()
@_run_id
@_artifact_uri
@_path
@click.option(
    "-d",
    "--dst-path",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="The folder it is put into, made if there is none. Default: a new one among the temporary files.",
)
def download(run_id: str | None, artifact_uri: str | None, artifact_path: str | None, dst_path: str | None) -> None:
    """Download a file or a folder, and print its local path in the last line.

    A pattern, such as 'checkpoints/*.pt' or '**/*.json', brings the files that match it, in their folders. What was
    recorded of a file when it was logged is checked.

    \b
    Examples:
      mlkeep artifacts download -r RUN_ID -a model -d .
      mlkeep artifacts download -u 'runs:/RUN_ID/checkpoints/*.pt' -d checkpoints
      mlkeep artifacts download -u models:/iris-classifier@champion -d model
    """
    place = _place(run_id, artifact_uri, artifact_path)
    # Without a destination of the caller's, a library removes what it downloaded when the program ends. This one just does.
    folder = dst_path or tempfile.mkdtemp(prefix="mlkeep-")
    try:
        path = by_uri.download_artifacts(**place, dst_path=folder)
    except BaseException:
        if dst_path is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    click.echo(Path(path).absolute())


@artifacts.command()
@_into_run
@_folder
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE...")
def log(run_id: str, artifact_path: str | None, files: tuple[Path, ...]) -> None:
    """Upload files, and folders with their names, to a run.

    An upload that breaks off, even by a crash, goes on where it was when it is begun again.

    \b
    Examples:
      mlkeep artifacts log -r RUN_ID report.html plots
      mlkeep artifacts log -r RUN_ID -a checkpoints epoch-7.pt
    """
    for file in files:
        fluent.tracking_client().log_artifact(run_id, file, artifact_path)
    click.echo(f"Logged {len(files)} {'file or folder' if len(files) == 1 else 'files and folders'} to run {run_id}.")


@artifacts.command("log-artifact")
@click.option(
    "-l",
    "--local-file",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="The file, or the folder, which keeps its name.",
)
@_into_run
@_folder
def log_artifact(local_file: Path, run_id: str, artifact_path: str | None) -> None:
    """Upload a file to a run. `mlkeep artifacts log` takes several.

    \b
    Example:
      mlkeep artifacts log-artifact -r RUN_ID -l report.html -a reports
    """
    fluent.tracking_client().log_artifact(run_id, local_file, artifact_path)
    click.echo(f"Logged artifact from local file {local_file} to artifact_path={artifact_path}", err=True)


@artifacts.command("log-artifacts")
@click.option(
    "-l",
    "--local-dir",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The folder whose files are meant.",
)
@_into_run
@_folder
def log_artifacts(local_dir: Path, run_id: str, artifact_path: str | None) -> None:
    """Upload what is in a folder to a run, without the folder's own name.

    \b
    Example:
      mlkeep artifacts log-artifacts -r RUN_ID -l plots -a plots
    """
    fluent.tracking_client().log_artifacts(run_id, local_dir, artifact_path)
    click.echo(f"Logged artifact from local dir {local_dir} to artifact_path={artifact_path}", err=True)


@artifacts.command()
@click.argument("uri", required=False)
@_run_id
@_path
@click.option(
    "--record",
    is_flag=True,
    help="Take the files as they are: record size and SHA-256 of those that are there, and forget those that are not.",
)
def verify(uri: str | None, run_id: str | None, artifact_path: str | None, record: bool) -> None:
    """Read files, and compare them with what was recorded when they were logged.

    Each file that is damaged, missing or not recorded is told in a line of its own, then a line sums up. The exit status
    is 1 if a file is damaged or missing, unless that is what is recorded now.

    \b
    Examples:
      mlkeep artifacts verify -r RUN_ID
      mlkeep artifacts verify models:/iris-classifier@champion
      mlkeep artifacts verify -r RUN_ID -a imported --record
    """
    found = by_uri.verify_artifacts(**_place(run_id, uri, artifact_path, argument="uri"), record=record)
    for file in found.files:
        if (line := _finding(file)) is not None:
            click.echo(line)
    counts = ", ".join(f"{len(found.in_state(state))} {_STATES[state]}" for state in FileState)
    click.echo(f"{len(found.files)} files: {counts}.{' Recorded as they are now.' if record else ''}")
    if not found.is_sound and not record:
        raise SystemExit(1)


@artifacts.command()
@_run_id
@_artifact_uri
@_path
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(run_id: str | None, artifact_uri: str | None, artifact_path: str | None, yes: bool) -> None:
    """Remove a file, or a folder with everything in it, for good.

    \b
    Examples:
      mlkeep artifacts delete -r RUN_ID -a checkpoints
      mlkeep artifacts delete -u mlflow-artifacts:/1/RUN_ID/artifacts/a.bin --yes
    """
    place = _place(run_id, artifact_uri, artifact_path)
    name = artifact_uri or (f"'{artifact_path}' of run {run_id}" if artifact_path else f"all artifacts of run {run_id}")
    if not yes:
        click.confirm(f"Delete {name}? This cannot be taken back", abort=True)
    by_uri.delete_artifacts(**place)
    click.echo(f"Deleted {name}.")


_STATES = {
    FileState.OK: "as recorded",
    FileState.DAMAGED: "damaged",
    FileState.MISSING: "missing",
    FileState.NOT_RECORDED: "not recorded",
}


def _finding(file: FileCheck) -> str | None:
    """What is to be told of a file; None if it is as it should be."""
    name = one_line(file.path)
    match file.state:
        case FileState.OK:
            return None
        case FileState.DAMAGED:
            return (
                f"damaged       {name}: {file.size} bytes with the SHA-256 {file.sha256}, "
                f"recorded are {file.recorded_size} with {file.recorded_sha256}"
            )
        case FileState.MISSING:
            return f"missing       {name}: recorded are {file.recorded_size} bytes"
        case FileState.NOT_RECORDED:
            return f"not recorded  {name}: {file.size} bytes"
        case _:
            assert_never(file.state)


def _place(
    run_id: str | None, artifact_uri: str | None, artifact_path: str | None, argument: str = "artifact_uri"
) -> dict[str, Any]:
    """What is meant, as the functions want to know it. Raises UsageError: it is not said, or said twice."""
    if one_given("run_id", argument) == "run_id":
        return {"run_id": run_id, "artifact_path": artifact_path}
    if artifact_path is not None:
        raise click.UsageError("--artifact-path goes with --run-id: put the path into the URI.")
    return {"artifact_uri": artifact_uri}


def _told(info: FileInfo) -> dict[str, Any]:
    told: dict[str, Any] = {"path": info.path, "is_dir": info.is_dir}
    return told if info.file_size is None else {**told, "file_size": info.file_size}


def _shown(info: FileInfo) -> str:
    return f"{info.path}/" if info.is_dir else info.path
