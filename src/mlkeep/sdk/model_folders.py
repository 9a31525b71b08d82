"""Where a model that lies elsewhere can be loaded from: a folder of this machine that was made once, and is shared."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from mlkeep.core.errors import NotFound, Unavailable
from mlkeep.sdk import config
from mlkeep.sdk.artifacts import Found, download_artifacts, local_folder, places_named, sought
from mlkeep.sdk.kept_folders import KeptFolders
from mlkeep.sdk.model_uris import parse_model_uri
from mlkeep.sdk.places import Place
from mlkeep.sdk.scratch import is_scratch
from mlkeep.sdk.stores import cache_folder, cache_limit, plan_for

_NOTE = "registered_model_meta"

_log = logging.getLogger(__name__)


def model_folder(uri: str) -> Path:
    """The folder of the model at `uri`, which is no local one; nobody is to write to it.

    If the server recorded the digests of all its files, it is one of the cache, and a model that was loaded before is
    neither transferred nor read again; else it goes when the program ends. What a URI means, and which files are there,
    the server is asked each time. If it does not answer, a model that the same version, logged model or run named before
    is taken from the cache, with a warning in the log; an alias, a stage or the latest version may have moved.

    Raises:
        NotFound: there is nothing there.
        Unavailable: the server does not answer, and the model is not in the cache, or its URI may have moved.
        Damaged: a file is not what was recorded when it was kept.
    """
    try:
        return _fetched(uri)
    except Unavailable as error:
        remembered = _remembered(uri)
        if remembered is None:
            raise
        _log.warning("The model at %s is taken from the cache, as it was loaded before: %s", uri, error.message)
        return remembered


def was_checked(folder: Path) -> bool:
    """Whether the files of a folder that `model_folder` gave were compared with digests, or came just now."""
    return is_scratch(folder) or folder.is_relative_to(_root())


def _fetched(uri: str) -> Path:
    missing: NotFound | None = None
    for place in places_named(uri):
        local = local_folder(place)
        if local is not None and local.exists():
            return local
        try:
            found = sought(place, config.get_tracking_uri())
        except NotFound as error:
            missing = missing or error
            continue
        folder = _kept(found, place) if _is_known(found) else None
        if folder is None:
            break
        _remember(uri, _Meant(folder.name, found.name))
        return folder / found.name
    else:
        raise NotFound(f"Failed to download artifacts from '{uri}': there is nothing there.") from missing
    return Path(download_artifacts(uri))


def _is_known(found: Found) -> bool:
    """Whether it is known what each file is, and there is room for all."""
    size = sum(file.size for file in found.files)
    is_recorded = all(file.path in found.expected for file in found.files)
    return is_recorded and size <= cache_limit() // 2 and plan_for(found.root.store).verify


def _kept(found: Found, place: Place) -> Path | None:
    """The folder of the cache with these files, downloaded if need be; None if it cannot be had."""
    digests = {file.name: found.expected[file.path].sha256 for file in found.files}

    def fill(folder: Path) -> Mapping[str, str]:
        found.root.download(found.files, found.expected, folder, scratch=True)
        if not place.note:
            return digests
        note = folder / found.name / _NOTE
        note.write_text(place.note, encoding="utf-8")
        return {**digests, str(note.relative_to(folder)): hashlib.sha256(place.note.encode()).hexdigest()}

    content = [found.name, place.note, *(f"{digests[name]} {name}" for name in sorted(digests))]
    try:
        return _folders().made(hashlib.sha256("\n".join(content).encode()).hexdigest(), fill)
    except OSError as error:
        _log.warning("The model is not kept in the cache: %s", error)
        return None


class _Meant(msgspec.Struct, frozen=True):
    """What a URI meant: a folder of the cache, and where in it the model lies."""

    digest: str
    within: str


def _remember(uri: str, meant: _Meant) -> None:
    """Note what a URI means that cannot mean anything else later."""
    if not _is_fixed(uri) or _noted(uri) == meant:
        return
    place = _note_of(uri)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".new-{uuid.uuid4().hex}")
        temporary.write_bytes(msgspec.json.encode(meant))
        temporary.replace(place)


def _remembered(uri: str) -> Path | None:
    meant = _noted(uri) if _is_fixed(uri) else None
    with suppress(OSError):
        folder = None if meant is None else _folders().take(meant.digest)
        if folder is None or meant is None:
            return None
        return folder / meant.within
    return None


def _noted(uri: str) -> _Meant | None:
    try:
        return msgspec.json.decode(_note_of(uri).read_bytes(), type=_Meant)
    except (OSError, msgspec.MsgspecError):
        return None


def _note_of(uri: str) -> Path:
    where = "\n".join([config.get_tracking_uri(), config.get_registry_uri(), uri])
    return _root() / "names" / hashlib.sha256(where.encode()).hexdigest()


def _is_fixed(uri: str) -> bool:
    """Whether a URI names a version, a logged model or a run, and not what somebody may move."""
    if not uri.startswith("models:/"):
        return uri.startswith("runs:/")
    parsed = parse_model_uri(uri)
    return parsed.version is not None or parsed.model_id is not None


def _folders() -> KeptFolders:
    return KeptFolders(_root(), cache_folder(), cache_limit())


def _root() -> Path:
    return cache_folder() / "models"
