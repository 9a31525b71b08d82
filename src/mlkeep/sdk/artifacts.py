"""Artifacts by URI: listing, reading and downloading, wherever they lie."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mlkeep.blobs import paths
from mlkeep.blobs.contract import ArtifactStore, walk
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, MlkeepException, NoSuchEndpoint, NotFound
from mlkeep.core.uris import is_local, local_path
from mlkeep.remote.artifacts import ProxiedArtifacts
from mlkeep.remote.transport import transport_to
from mlkeep.sdk import config
from mlkeep.sdk.doors import door_to
from mlkeep.sdk.model_uris import ModelUri, parse_model_uri
from mlkeep.wire import logged_models, registry, runs

THREADS = 8
"""Files transferred at a time."""


def store_at(root_uri: str, tracking_uri: str) -> ArtifactStore:
    """The artifacts below a root; `mlflow-artifacts:` without a host means those of the tracking server."""
    parts = urlsplit(root_uri)
    if parts.scheme == "mlflow-artifacts":
        server = f"http://{parts.netloc}" if parts.netloc else tracking_uri
        if not server.startswith(("http://", "https://")):
            raise InvalidInput(
                f"The artifacts at '{root_uri}' are kept by a server: set the tracking URI to its address "
                f"(it is '{tracking_uri}')."
            )
        return ProxiedArtifacts(transport_to(server), parts.path)
    from mlkeep.blobs.objects import local_artifacts  # the remote way does not need it

    return local_artifacts(root_uri)


class Place(msgspec.Struct, frozen=True):
    """Where something lies: an artifact root and a path below it. `note` is put beside what is downloaded.

    `stands_for` is the folder among a run's artifacts that the root is shown as, "" for the root of them all.
    """

    root: str
    path: str = ""
    note: str = ""
    stands_for: str = ""


def places_of(uri: str, tracking_uri: str, registry_uri: str) -> Iterator[Place]:
    """Where `uri` may lie, the likeliest place first. Raises NotFound: the run, model, version or alias is not there."""
    if uri.startswith("runs:/"):
        run_id, _, path = uri.removeprefix("runs:/").strip("/").partition("/")
        yield from _places_in_run(run_id, path, tracking_uri)
    elif uri.startswith("models:/"):
        yield _place_of_model(uri, tracking_uri, registry_uri)
    else:
        yield Place(uri)


def _places_in_run(run_id: str, path: str, tracking_uri: str) -> Iterator[Place]:
    door = door_to(tracking_uri)
    info = door.call(runs.GetRun(run_id=run_id)).run.info
    yield Place(info.artifact_uri, path)
    name, _, rest = path.partition("/")
    if name and (model := find_logged_model(tracking_uri, info.experiment_id, run_id, name)) is not None:
        yield Place(model.info.artifact_uri, rest, stands_for=name)


def find_logged_model(tracking_uri: str, experiment_id: str, run_id: str, name: str) -> Any | None:
    """The newest logged model of a run with this name, as the wire tells of it."""
    return next(logged_models_named(tracking_uri, experiment_id, run_id, name), None)


def logged_models_named(tracking_uri: str, experiment_id: str, run_id: str, name: str) -> Iterator[Any]:
    """The logged models of a run with this name, newest first, as the wire tells of them.

    None on a server that knows no logged models.
    """
    if any(character in name for character in "/:.%\"'`"):
        return
    token = ""
    while True:
        request = logged_models.SearchLoggedModels(
            experiment_ids=[experiment_id], filter=f"name = '{name}'", page_token=token
        )
        try:
            page = door_to(tracking_uri).call(request)
        except NoSuchEndpoint:  # MLflow before 3.0
            return
        yield from (model for model in page.models if model.info.source_run_id == run_id)
        if not (token := page.next_page_token):
            return


def _place_of_model(uri: str, tracking_uri: str, registry_uri: str) -> Place:
    parsed = parse_model_uri(uri)
    if parsed.model_id is not None:
        answer = door_to(tracking_uri).call(logged_models.GetLoggedModel(model_id=parsed.model_id))
        return Place(answer.model.info.artifact_uri, note=_note(None, None))
    version = version_named(parsed, registry_uri)
    place = door_to(registry_uri).call(registry.GetDownloadUri(name=parsed.name, version=version))
    return Place(place.artifact_uri, note=_note(parsed.name, version))


def version_named(uri: ModelUri, registry_uri: str) -> str:
    """The version a model URI means now. Raises NotFound, InvalidInput."""
    door = door_to(registry_uri)
    if uri.version is not None:
        return uri.version
    if uri.alias is not None:
        version: str = door.call(registry.GetVersionByAlias(name=uri.name, alias=uri.alias)).model_version.version
        return version
    stages = [] if uri.stage is None else [uri.stage]
    found = door.call(registry.GetLatestVersions(name=uri.name, stages=stages)).model_versions
    if not found:
        wanted = "any version" if uri.stage is None else f"a version in stage '{uri.stage}'"
        raise NotFound(f"The registered model '{uri.name}' does not have {wanted}.")
    return str(max(int(version.version) for version in found))


def _note(name: str | None, version: str | None) -> str:
    """MLflow's `registered_model_meta`: which version this is a download of. JSON texts are YAML."""
    return f"model_name: {json.dumps(name)}\nmodel_version: {json.dumps(version)}\n"


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> str:
    """The local path of a file or folder, downloaded if it is not local already.

    Name it by `artifact_uri` (a path, or `runs:/`, `models:/`, `mlflow-artifacts:/`, `file:`) or by `run_id` and
    `artifact_path`. With `dst_path` it is put into that folder; without, into one that goes when the program ends.

    Raises:
        InvalidInput: both or none of `artifact_uri` and `run_id`, or an unsafe path.
        NotFound: there is nothing there.
    """
    uri = _asked_uri(artifact_uri, run_id, artifact_path)
    tracking = tracking_uri or config.get_tracking_uri()
    missing: NotFound | None = None
    for place in places_of(uri, tracking, registry_uri or _registry_of(tracking_uri)):
        try:
            return _fetched(place, tracking, dst_path)
        except NotFound as err:
            missing = missing or err
    raise NotFound(f"Failed to download artifacts from '{uri}': there is nothing there.") from missing


def _asked_uri(artifact_uri: str | None, run_id: str | None, artifact_path: str | None) -> str:
    if (artifact_uri is None) == (run_id is None):
        raise InvalidInput("Give either artifact_uri or run_id (with artifact_path), not both.")
    if artifact_uri is None:
        return f"runs:/{run_id}/{artifact_path or ''}"
    if artifact_path:
        raise InvalidInput("artifact_path goes with run_id; put it into artifact_uri instead.")
    return artifact_uri


def _registry_of(tracking_uri: str | None) -> str:
    return tracking_uri or config.get_registry_uri()


def _fetched(place: Place, tracking_uri: str, dst_path: str | None) -> str:
    local = _local(place)
    if local is not None and dst_path is None:
        if not local.exists():
            raise NotFound(f"No such file or folder: '{local}'.")
        return str(local)
    root, path = place.root, paths.checked(place.path)
    if not path:  # the URI names the thing itself: what is above it is the root
        root, _, path = root.rstrip("/").rpartition("/")
    target = Path(dst_path) if dst_path is not None else Path(tempfile.mkdtemp(prefix="mlkeep-", dir=_scratch()))
    target.mkdir(parents=True, exist_ok=True)
    return str(_copy(store_at(root or "/", tracking_uri), path, target, place.note))


def _copy(store: ArtifactStore, path: str, target: Path, note: str) -> Path:
    """Download a file or folder into `target`, under its own name."""
    base = target / path.rpartition("/")[2]
    files = list(walk(store, path))
    if not files:
        # Older servers of MLflow answer a request for a file that is not there with a 500, which would be repeated.
        if all(info.path != path for info in store.list(path.rpartition("/")[0])):
            raise NotFound(f"There is no artifact '{path}'.")
        _write(store, path, base)
        return base
    with ThreadPoolExecutor(THREADS) as threads:
        for done in [
            threads.submit(_write, store, info.path, base / info.path.removeprefix(f"{path}/")) for info in files
        ]:
            done.result()
    if note:
        (base / "registered_model_meta").write_text(note)
    return base


def _write(store: ArtifactStore, path: str, target: Path) -> None:
    """One file: under another name until it is whole."""
    pieces = store.read(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _local(place: Place) -> Path | None:
    """The place as a path, if it is one in this machine's file system."""
    return local_path(place.root) / paths.checked(place.path) if is_local(place.root) else None


@functools.cache
def _scratch() -> str:
    folder = tempfile.mkdtemp(prefix="mlkeep-downloads-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """What is in a folder of artifacts, not deeper, sorted by path. Name it as for `download_artifacts`."""
    uri = _asked_uri(artifact_uri, run_id, artifact_path)
    tracking = tracking_uri or config.get_tracking_uri()
    for place in places_of(uri, tracking, _registry_of(tracking_uri)):
        if found := store_at(place.root, tracking).list(place.path):
            return [msgspec.structs.replace(info, path=paths.joined(place.stands_for, info.path)) for info in found]
    return []


def load_text(artifact_uri: str) -> str:
    """The text of an artifact, UTF-8."""
    return Path(download_artifacts(artifact_uri)).read_text(encoding="utf-8")


def load_dict(artifact_uri: str) -> dict[str, Any]:
    """The JSON object in an artifact. Raises MlkeepException (BAD_REQUEST): it is none."""
    try:
        value: dict[str, Any] = json.loads(load_text(artifact_uri))
    except ValueError as err:
        raise MlkeepException(f"The artifact '{artifact_uri}' is not JSON: {err}.", error_code="BAD_REQUEST") from err
    return value
