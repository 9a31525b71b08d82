"""`mlkeep server`."""

from __future__ import annotations

import re
from functools import partial

import click

from mlkeep.cli.options import env
from mlkeep.core.presence import LOST_AFTER_S, MOST_LOST_AFTER_S
from mlkeep.sdk.config import DEFAULT_FOLDER
from mlkeep.server.options import MAX_BODY_BYTES

DRAIN_S = 30
"""Seconds that requests get to finish when the server is stopped."""

_DEFAULT_BACKEND = f"sqlite:///{DEFAULT_FOLDER}/mlkeep.db"


def _check_is_alone(backend_store_uri: str, serve_artifacts: bool) -> None:
    """Raises UsageError: a server of artifacts only is told of a database, or not to serve artifacts."""
    if not serve_artifacts:
        raise click.UsageError(
            "--artifacts-only and --no-serve-artifacts together leave nothing to serve: drop one of them."
        )
    if backend_store_uri != _DEFAULT_BACKEND:
        raise click.UsageError(
            "--artifacts-only serves no runs or models, so it does not go with --backend-store-uri: drop one of them."
        )


def _checked_prefix(_context: click.Context, _param: click.Parameter, value: str) -> str:
    """An option's value as a prefix of paths, or the empty one."""
    if value and not re.fullmatch(r"(/[\w.~-]+)+", value, re.ASCII):
        raise click.BadParameter(
            f"'{value}' must begin with a slash, not end with one, and have nothing but letters, digits and - . _ ~ "
            "between slashes: for example /mlkeep."
        )
    return value


@click.command()
@click.option(
    "--backend-store-uri",
    envvar=env("BACKEND_STORE_URI"),
    default=_DEFAULT_BACKEND,
    show_default=True,
    metavar="URI",
    help="Database for experiments, runs and models, such as sqlite:///mlkeep.db, which is made if it is not there, or "
    "postgresql://user:password@host/database.",
)
@click.option(
    "--default-artifact-root",
    envvar=env("DEFAULT_ARTIFACT_ROOT"),
    metavar="URI",
    help="Where the artifacts of new experiments go. Default: to the server itself (mlflow-artifacts:/), or, with "
    "--no-serve-artifacts, the folder artifacts beside the database.",
)
@click.option(
    "--artifacts-destination",
    envvar=env("ARTIFACTS_DESTINATION"),
    metavar="URI",
    help="Where the server keeps the artifacts that clients send it. Default: the folder artifacts beside the database.",
)
@click.option(
    "--serve-artifacts/--no-serve-artifacts",
    envvar=env("SERVE_ARTIFACTS"),
    default=True,
    show_default=True,
    help="Whether clients send and fetch artifacts through the server.",
)
@click.option(
    "--artifacts-only",
    envvar=env("ARTIFACTS_ONLY"),
    is_flag=True,
    help="Serve artifacts and nothing else, without a database: runs and models are tracked by another server.",
)
@click.option(
    "--artifact-folder",
    "artifact_folders",
    envvar="MLKEEP_ARTIFACT_FOLDERS",
    type=click.Path(file_okay=False),
    multiple=True,
    metavar="PATH",
    help="A folder of this machine, besides those of --artifacts-destination and --default-artifact-root, that runs may "
    "keep artifacts in and the server may read and write for them. May be given several times.",
)
@click.option(
    "--multipart-uploads/--no-multipart-uploads",
    envvar=env("ENABLE_PROXY_MULTIPART_UPLOAD"),
    default=False,
    show_default=True,
    help="Whether MLflow's clients are told to upload large files in parts: to the object store, or to URLs of this "
    "server, which they then must be able to reach by the name they use for it.",
)
@click.option(
    "--multipart-downloads/--no-multipart-downloads",
    envvar=env("ENABLE_PROXY_MULTIPART_DOWNLOAD"),
    default=False,
    show_default=True,
    help="Whether MLflow's clients are told to fetch large files directly from the object store.",
)
@click.option("-h", "--host", envvar=env("HOST"), default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "-p", "--port", envvar=env("PORT"), default=5000, show_default=True, help="Port to listen on; 0 takes a free one."
)
@click.option(
    "-w",
    "--workers",
    envvar=env("WORKERS"),
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that answer requests. One is enough for most teams.",
)
@click.option(
    "--static-prefix",
    envvar=env("STATIC_PREFIX"),
    default="",
    metavar="PATH",
    callback=_checked_prefix,
    help="A path such as /mlkeep, which all paths of the server begin with; clients add it to the address.",
)
@click.option(
    "--durability",
    envvar=env("DURABILITY"),
    type=click.Choice(["normal", "full"]),
    help="What an acknowledged write survives: the death of the server (normal), or also the loss of power (full). "
    "Default: normal on SQLite, full on PostgreSQL.",
)
@click.option(
    "--read-connections",
    envvar=env("SQLALCHEMYSTORE_POOL_SIZE"),
    type=click.IntRange(min=1),
    help="Connections to the database on which each process reads, and reads it runs at once.",
)
@click.option(
    "--max-body-bytes",
    envvar=env("MAX_BODY_BYTES"),
    type=click.IntRange(min=1),
    default=MAX_BODY_BYTES,
    show_default=True,
    help="The largest request the server reads. Files that clients upload may be of any size.",
)
@click.option(
    "--lost-after",
    envvar=env("LOST_AFTER"),
    type=click.FloatRange(min=0, max=MOST_LOST_AFTER_S),
    default=LOST_AFTER_S,
    show_default=True,
    metavar="SECONDS",
    help="For how long nothing is heard of the trainer of a run before the run is marked as lost; never sooner than after "
    "three heartbeats are missing.",
)
@click.option(
    "--require-of-versions",
    envvar=env("REQUIRE_OF_VERSIONS"),
    default="",
    metavar="RULE[,RULE...]",
    help="What new versions of registered models must be, whichever client makes them: no-pickle (no file runs code when "
    "it is loaded), signature, verified (`mlkeep models verify` has proved that the model runs). What does not fit is "
    "refused with the reason and what to do. Default: nothing.",
)
@click.option(
    "--access-log/--no-access-log",
    envvar=env("ACCESS_LOG"),
    default=True,
    show_default=True,
    help="Whether to write a line of JSON for each request to standard error.",
)
def server(
    backend_store_uri: str,
    default_artifact_root: str | None,
    artifacts_destination: str | None,
    serve_artifacts: bool,
    artifacts_only: bool,
    artifact_folders: tuple[str, ...],
    multipart_uploads: bool,
    multipart_downloads: bool,
    host: str,
    port: int,
    workers: int,
    static_prefix: str,
    durability: str | None,
    read_connections: int | None,
    max_body_bytes: int,
    lost_after: float,
    require_of_versions: str,
    access_log: bool,
) -> None:
    """Run the tracking server.

    It keeps everything in a database and a folder, by default both below .mlkeep in the working folder, and stops
    on Ctrl-C or SIGTERM after finishing what it has begun.

    \b
    Examples:
      mlkeep server
      mlkeep server --host 0.0.0.0 --port 8000 --backend-store-uri sqlite:////data/mlkeep.db
    """
    from mlkeep.sdk.local import artifacts_beside
    from mlkeep.server.app import make_app
    from mlkeep.server.options import ServerOptions
    from mlkeep.storage.sql.storage import SqlStorage
    from mlkeep.web.listen import bind, url_of
    from mlkeep.web.process import run
    from mlkeep.web.workers import run_workers

    if artifacts_only:
        _check_is_alone(backend_store_uri, serve_artifacts)
    if serve_artifacts:
        destination = artifacts_destination or artifacts_beside(backend_store_uri)
        root = default_artifact_root or "mlflow-artifacts:/"
    else:
        destination = None
        root = default_artifact_root or artifacts_beside(backend_store_uri)
    options = ServerOptions(
        backend_store_uri=None if artifacts_only else backend_store_uri,
        artifact_root=root,
        artifacts_destination=destination,
        artifact_folders=artifact_folders,
        multipart_uploads=multipart_uploads,
        multipart_downloads=multipart_downloads,
        static_prefix=static_prefix,
        durability=durability,
        read_connections=read_connections,
        max_body_bytes=max_body_bytes,
        lost_after_s=lost_after,
        require_of_versions=require_of_versions,
    )
    with bind(host, port) as listening:
        prepare = partial(make_app, options)

        def announce() -> None:
            click.echo(f"mlkeep is listening on {url_of(listening)}{static_prefix} (Ctrl-C stops it).", err=True)

        if workers == 1:
            run(prepare(), listening, drain_s=DRAIN_S, access_log=access_log, on_ready=announce)
        else:
            # One process brings the database up to date, and says what is wrong with it, before several open it.
            if options.backend_store_uri is not None:
                SqlStorage(options.backend_store_uri, durability=options.durability).close()
            run_workers(prepare, listening, workers, drain_s=DRAIN_S, access_log=access_log, on_ready=announce)
