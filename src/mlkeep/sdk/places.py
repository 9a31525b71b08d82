"""Where artifacts lie: from URIs of runs, models and files to artifact roots and paths below them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from mlkeep.core.errors import NoSuchEndpoint, NotFound
from mlkeep.sdk import nowhere
from mlkeep.sdk.journal.whereabouts import staging_folder
from mlkeep.sdk.model_uris import ModelUri, parse_model_uri
from mlkeep.sdk.recording import door, is_silent, known_at
from mlkeep.wire import logged_models, registry, runs


class Place(msgspec.Struct, frozen=True):
    """Where something lies: an artifact root and a path below it. `note` is put beside what is downloaded.

    `stands_for` is the folder among a run's artifacts that the root is shown as, "" for the root of them all.
    `is_uri` says that the root is what the user named, not the place of a run or model that was named.
    """

    root: str
    path: str = ""
    note: str = ""
    stands_for: str = ""
    is_uri: bool = False


def places_of(uri: str, tracking_uri: str, registry_uri: str) -> Iterator[Place]:
    """Where `uri` may lie, the likeliest place first. Raises NotFound: the run, model, version or alias is not there."""
    if uri.startswith("runs:/"):
        run_id, _, path = uri.removeprefix("runs:/").strip("/").partition("/")
        yield from _places_in_run(run_id, path, tracking_uri)
    elif uri.startswith("models:/"):
        yield _place_of_model(uri, tracking_uri, registry_uri)
    else:
        yield Place(uri, is_uri=True)


def _places_in_run(run_id: str, path: str, tracking_uri: str) -> Iterator[Place]:
    known = known_at(tracking_uri, run_id)
    if known is not None and is_silent(run_id):
        return
    if known is not None and known.is_local:
        yield Place(str(staging_folder(run_id)), path)
        return
    request = runs.GetRun(run_id=run_id if known is None else known.server_run_id)
    info = door(tracking_uri).call(request).run.info
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
            page = door(tracking_uri).call(request)
        except NoSuchEndpoint:  # MLflow before 3.0
            return
        yield from (model for model in page.models if model.info.source_run_id == run_id)
        if not (token := page.next_page_token):
            return


def _place_of_model(uri: str, tracking_uri: str, registry_uri: str) -> Place:
    parsed = parse_model_uri(uri)
    if parsed.model_id is not None:
        where = nowhere.uri if parsed.model_id in nowhere.model_ids else tracking_uri
        answer = door(where).call(logged_models.GetLoggedModel(model_id=parsed.model_id))
        return Place(answer.model.info.artifact_uri, note=_note(None, None))
    version = version_named(parsed, registry_uri)
    place = door(registry_uri).call(registry.GetDownloadUri(name=parsed.name, version=version))
    return Place(place.artifact_uri, note=_note(parsed.name, version))


def version_named(uri: ModelUri, registry_uri: str) -> str:
    """The version a model URI means now. Raises NotFound, InvalidInput."""
    ask = door(registry_uri).call
    if uri.version is not None:
        return uri.version
    if uri.alias is not None:
        version: str = ask(registry.GetVersionByAlias(name=uri.name, alias=uri.alias)).model_version.version
        return version
    stages = [] if uri.stage is None else [uri.stage]
    found = ask(registry.GetLatestVersions(name=uri.name, stages=stages)).model_versions
    if not found:
        wanted = "any version" if uri.stage is None else f"a version in stage '{uri.stage}'"
        raise NotFound(f"The registered model '{uri.name}' does not have {wanted}.")
    return str(max(int(version.version) for version in found))


def _note(name: str | None, version: str | None) -> str:
    """MLflow's `registered_model_meta`: which version this is a download of. JSON texts are YAML."""
    return f"model_name: {json.dumps(name)}\nmodel_version: {json.dumps(version)}\n"
