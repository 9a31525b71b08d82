"""The checks of `mlkeep doctor`: each looks at one thing and says what it found, and what to do if it is wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.diagnosis import Check, Verdict, diagnose
from mlkeep.blobs.paths import STAGING
from mlkeep.core import errors
from mlkeep.core.errors import MlkeepException
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID
from mlkeep.core.uris import is_local, local_path
from mlkeep.remote.transport import transport_to
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.stores import store_at

ROUND_TRIPS = 5
PATIENCE_S = 10
"""Seconds a server gets to answer a check, unless the user's settings say otherwise."""


class Finding(msgspec.Struct, frozen=True):
    """What a check found. `advice` is one sentence on what to do, empty if all is well."""

    check: str
    detail: str
    advice: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.advice


def check_store(check: str, uri: str) -> Finding:
    """Whether the server or database at `uri` can be reached and used.

    A database that is not there is not made; an older one is brought up to date, as by any other command.
    """
    try:
        with _impatient():
            detail = _served(uri) if uri.startswith(("http://", "https://")) else _opened(uri)
    except MlkeepException as error:
        return Finding(check, error.message, _advice(error, uri))
    return Finding(check, detail)


def check_artifacts(uri: str) -> Finding:
    """Whether a file can be written, read and deleted where the artifacts of the Default experiment of `uri` go."""
    check = "artifact store"
    with _impatient():
        try:
            place = _artifact_location(uri)
        except MlkeepException as error:
            return Finding(check, error.message, _advice(error, uri))
        try:
            detail = _probed(place, uri)
        except MlkeepException as error:
            return Finding(check, f"{place} cannot be used: {error.message}", _artifact_advice(error))
    if is_local(place) and uri.startswith(("http://", "https://")):
        detail += "; it is a folder of this machine, and other machines must have the same one mounted there"
    return Finding(check, detail)


def check_place(uri: str, tracking_uri: str) -> Iterator[Check]:
    """What can be done at an artifact URI, step by step; an address of a server means what it keeps for others.

    `mlflow-artifacts:` without a host means those of the tracking server.
    """
    with _impatient(), _no_new_folders(uri):
        first = "folder" if is_local(uri) else "server" if _is_served(uri) else "bucket"
        try:
            store = _place(uri, tracking_uri)
        except MlkeepException as error:
            yield Check(first, Verdict.FAIL, error.message, "Correct the URI, or what the message names.")
            return
        yield from diagnose(store, first)


def _is_served(uri: str) -> bool:
    return uri.startswith(("http://", "https://", "mlflow-artifacts:"))


def _place(uri: str, tracking_uri: str) -> ArtifactStore:
    if uri.startswith(("http://", "https://")):
        return store_at("mlflow-artifacts:/", uri)
    if uri.startswith("mlflow-artifacts:"):
        return store_at(uri, tracking_uri)
    from mlkeep.blobs.opening import open_store  # needed for such places only

    return open_store(uri)


def _served(uri: str) -> str:
    transport = transport_to(uri)
    if transport.send("GET", "/health").strip() != b"OK":
        raise errors.NoSuchEndpoint(f"{uri}/health answers something else than OK.")
    trips_ms = []
    for _ in range(ROUND_TRIPS):
        start = time.perf_counter()
        transport.send("GET", "/health")
        trips_ms.append((time.perf_counter() - start) * 1_000)
    version = transport.send("GET", "/version").decode("utf-8", "replace").strip()
    MlkeepClient(tracking_uri=uri).search_experiments(max_results=1)  # other than /health, it may need a password
    return f"the server (version {version}) answers; a round trip takes {min(trips_ms):.1f} ms"


def _opened(uri: str) -> str:
    file = _database_file(uri)
    if file is not None and not file.exists():
        _check_can_be_made(file)
        return f"{file} is not there yet; it is made when something is tracked"
    start = time.perf_counter()
    MlkeepClient(tracking_uri=uri).search_experiments(max_results=1)
    opened = f"opened in {(time.perf_counter() - start) * 1_000:.0f} ms"
    return opened if file is None else f"{opened}; schema revision {_revision(file)}"


def _database_file(uri: str) -> Path | None:
    if not uri.startswith("sqlite"):
        return None
    from mlkeep.storage.sql.dialect.urls import file_of  # a server is checked without a database at hand

    return file_of(uri)


def _check_can_be_made(file: Path) -> None:
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise errors.Unavailable(
            f"{file} is not there, and cannot be made: {folder} is no folder that can be written to."
        )


def _revision(file: Path) -> str:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            return str(connection.execute("SELECT version_num FROM mlkeep_schema").fetchone()[0])
    except sqlite3.Error as error:
        raise errors.Unavailable(f"The database file '{file}' cannot be read: {error}.") from error


def _artifact_location(uri: str) -> str:
    file = _database_file(uri)
    if file is not None and not file.exists():
        from mlkeep.sdk.local import artifacts_beside

        return artifacts_beside(uri)
    return MlkeepClient(tracking_uri=uri).get_experiment(DEFAULT_EXPERIMENT_ID).artifact_location


def _probed(place: str, tracking_uri: str) -> str:
    store = store_at(place, tracking_uri)
    name, sent = f"mlkeep-doctor-{uuid.uuid4().hex}.txt", b"Written by `mlkeep doctor`; it may be deleted.\n"
    with _no_new_folders(place):
        store.put_bytes(name, sent)  # whole or not at all: if it fails, there is nothing to delete
        try:
            received = b"".join(store.read(name))
        finally:
            store.delete(name)
    if received != sent:
        raise errors.InternalError(f"{name} at {place} was read back with other bytes than were written.")
    return f"wrote, read and deleted {name} ({len(sent)} bytes) at {place}"


@contextmanager
def _no_new_folders(place: str) -> Iterator[None]:
    """Remove the folders of a local place that were made meanwhile and are empty."""
    folder = local_path(place).absolute() if is_local(place) else None
    missing = [] if folder is None else [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        if folder is not None and folder in missing:
            shutil.rmtree(folder / STAGING, ignore_errors=True)
        for each in missing:
            try:
                each.rmdir()
            except OSError:  # somebody uses it by now, or it was never made
                break


@contextmanager
def _impatient() -> Iterator[None]:
    """Ask servers once, and wait for a short time: a check shows how things are now."""
    wanted = {"MLKEEP_HTTP_REQUEST_MAX_RETRIES": "0"}
    if not os.environ.get("MLKEEP_HTTP_REQUEST_TIMEOUT") and not os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT"):
        wanted["MLKEEP_HTTP_REQUEST_TIMEOUT"] = str(PATIENCE_S)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _advice(error: MlkeepException, uri: str) -> str:
    match error:
        case errors.Unauthenticated():
            return "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        case errors.Forbidden():
            return "Ask the administrator of the server for the permission, or use another account."
        case errors.NoSuchEndpoint():
            return "Something else than a tracking server answers there: check host, port and path of the tracking URI."
        case errors.Unavailable() if uri.startswith("http"):
            return "Start the server with `mlkeep server`, or set MLKEEP_TRACKING_URI to one that runs."
        case errors.Unavailable() if uri.startswith("postgres"):
            return "Check host, port, user and password of the database, and whether it accepts connections."
        case errors.Unavailable():
            return "Make the file and its folder readable and writable for this user, or set MLKEEP_TRACKING_URI."
        case errors.InvalidInput() | errors.NotOffered():
            return "Set MLKEEP_TRACKING_URI to a server (http://host:5000) or a SQLite file (sqlite:///mlkeep.db)."
        case _:
            return "Look into the log of the server, which says more."


def _artifact_advice(error: MlkeepException) -> str:
    match error:
        case errors.Unauthenticated() | errors.Forbidden():
            return "Use an account that may write to the experiment 'Default'."
        case errors.NotOffered():
            return "Start the server with --serve-artifacts, so that clients need not reach the artifact store."
        case _:
            return "Make the place writable, or start the server with another --artifacts-destination."
