"""Artifacts by URI: listing, downloading, deleting, wherever they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from mlkeep.blobs import paths
from mlkeep.blobs.moving.downloads import Wanted
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.core.uris import is_local, local_path
from mlkeep.sdk import config, globs, scratch
from mlkeep.sdk.places import Place, places_of
from mlkeep.sdk.stores import ArtifactRoot, cache, cache_folder
from mlkeep.sdk.verifying import Verification, verification

_SCRATCH = "scratch"
"""The folder of the cache in which downloads without a destination lie."""


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> str:
    """The local path of a file or folder, downloaded if it is not local already.

    Name it by `artifact_uri` (a path, or a URI such as `runs:/`, `models:/`, `mlflow-artifacts:/`, `s3://`) or by `run_id`
    and `artifact_path`. With `dst_path` it is put into that folder, under its own name unless it is all of a run or model; without, into one that goes when the program ends,
    and its files may be read-only.

    The path may be a pattern, such as `checkpoints/*.pt` or `**/metrics.json`, unless there is something of that very
    name: then the files that match are put below that folder under their paths, and it is given.

    Files of which the SHA-256 was recorded are checked, unless MLKEEP_VERIFY_ARTIFACTS is false.

    Raises:
        InvalidInput: both or none of `artifact_uri` and `run_id`, or an unsafe path.
        NotFound: there is nothing there.
        Damaged: a file is not what was recorded when it was kept; it is not put anywhere.
    """
    uri = _asked_uri(artifact_uri, run_id, artifact_path)
    missing: NotFound | None = None
    for place in places_named(uri, tracking_uri, registry_uri):
        try:
            return _fetched(place, tracking_uri or config.get_tracking_uri(), dst_path)
        except NotFound as err:
            missing = missing or err
    raise NotFound(f"Failed to download artifacts from '{uri}': there is nothing there.") from missing


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """What is in a folder of artifacts, not deeper, sorted by path. Name it as for `download_artifacts`.

    If there is nothing there and the path is a pattern: the files that match it, however deep.
    """
    uri = _asked_uri(artifact_uri, run_id, artifact_path)
    for place in places_named(uri, tracking_uri, None):
        root, path = ArtifactRoot(place.root, tracking_uri or config.get_tracking_uri()), paths.checked(place.path)
        found = root.list(path)
        if not found and globs.may_be_pattern(path):
            found = _matching(root, path)
        if found:
            return [msgspec.structs.replace(info, path=paths.joined(place.stands_for, info.path)) for info in found]
    return []


def delete_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> None:
    """Remove a file, or a folder with everything in it. Name it as for `download_artifacts`; no patterns.

    Raises:
        InvalidInput: both or none of `artifact_uri` and `run_id`, or an unsafe path.
        NotFound: there is nothing there.
    """
    uri = _asked_uri(artifact_uri, run_id, artifact_path)
    for root, path in _located(uri, tracking_uri):
        if root.store.tree(path) or (path and root.size(path) is not None):
            root.delete(path)
            return
    raise NotFound(f"Failed to delete '{uri}': there is nothing there.")


def verify_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
    *,
    record: bool = False,
) -> Verification:
    """Whether the files of a file or folder are those that were kept: all are read. Name it as for `download_artifacts`.

    With `record` what is there now is recorded, and counts as right from then on; what is told is what was found before.

    Raises:
        InvalidInput: both or none of `artifact_uri` and `run_id`, or an unsafe path.
        NotFound: there is nothing there, and nothing was.
    """
    uri = _asked_uri(artifact_uri, run_id, artifact_path)
    for root, path in _located(uri, tracking_uri):
        if (found := verification(root, path, record=record)).files:
            return found
    raise NotFound(f"There is nothing at '{uri}', and nothing was recorded there.")


def _located(uri: str, tracking_uri: str | None) -> Iterator[tuple[ArtifactRoot, str]]:
    """The roots and paths that a URI may mean. That of a file is its folder and its name."""
    for place in places_named(uri, tracking_uri, None):
        root, path = ArtifactRoot(place.root, tracking_uri or config.get_tracking_uri()), paths.checked(place.path)
        yield root, path
        above, name = _divided(place.root)
        if not path and name:
            yield ArtifactRoot(above, root.tracking_uri), name


def _fetched(place: Place, tracking_uri: str, dst_path: str | None) -> str:
    local = local_folder(place)
    if local is not None and dst_path is None and local.exists():
        return str(local)
    found = sought(place, tracking_uri)
    if dst_path is not None:
        target = Path(dst_path)
    else:
        target = scratch.new_folder(cache_folder() / _SCRATCH if cache() is not None else None)
    found.root.download(found.files, found.expected, target, scratch=dst_path is None)
    base = target / found.name
    if place.note and base.is_dir():
        (base / "registered_model_meta").write_text(place.note)
    return str(base)


def local_folder(place: Place) -> Path | None:
    """The place as a path, if it is one in this machine's file system."""
    return local_path(place.root) / paths.checked(place.path) if is_local(place.root) else None


class Found(msgspec.Struct, frozen=True):
    """Files to download. They land under `name`, "" if that is not one thing, but several."""

    root: ArtifactRoot
    files: list[Wanted]
    expected: dict[str, StoredFile]
    name: str


def sought(place: Place, tracking_uri: str) -> Found:
    """What a download of a place brings. Raises NotFound; Damaged: something of it is lost."""
    root, path = ArtifactRoot(place.root, tracking_uri), paths.checked(place.path)
    if path:
        return _below(root, path)
    if place.root.startswith(("http://", "https://")):
        name = paths.checked_file(unquote(urlsplit(place.root).path).rpartition("/")[2] or "index.html")
        return Found(root, [Wanted("", name, root.size("") or 0)], {}, name)
    above, name = _divided(place.root)
    # All of a run or model lies in the target itself, a folder by its own URI in one of its name, as MLflow has it.
    folder = name if place.is_uri else place.stands_for
    try:
        expected = root.recorded()
        files = [Wanted(one.path, paths.joined(folder, one.name), one.size) for one in root.wanted("", expected)]
        return Found(root, files, expected, folder)
    except NotFound:
        if not name:
            raise
    return _below(ArtifactRoot(above, tracking_uri), paths.checked(name))  # the URI is that of a file, or a pattern


def _below(root: ArtifactRoot, path: str) -> Found:
    """The file or folder `path`; or else the files that match it."""
    try:
        expected = root.recorded(path)
        return Found(root, root.wanted(path, expected), expected, path.rpartition("/")[2])
    except NotFound:
        files = _matching(root, path) if globs.may_be_pattern(path) else []
        if not files:
            raise
    wanted = [Wanted(info.path, info.path, info.file_size or 0) for info in files]
    return Found(root, wanted, root.recorded(globs.plain_folder(path)), "")


def _matching(root: ArtifactRoot, pattern: str) -> list[FileInfo]:
    return [info for info in root.store.tree(globs.plain_folder(pattern)) if globs.matches(info.path, pattern)]


def _divided(uri: str) -> tuple[str, str]:
    """A URI as that of a folder, and a path below it: its last segment, or all from the first that may be a pattern.

    The path is "" if there is none: the URI is that of a disk or a bucket.
    """
    start = re.match(r"(?:[a-zA-Z][\w+.-]+:)?(?://[^/]*)?/?", uri)
    root = start[0] if start else ""
    segments = uri[len(root) :].rstrip("/").split("/")
    patterns = [i for i, segment in enumerate(segments) if globs.may_be_pattern(segment)]
    kept = patterns[0] if patterns else len(segments) - 1
    return root + "/".join(segments[:kept]) or ".", "/".join(segments[kept:])


def places_named(uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Iterator[Place]:
    """See `places_of`; the servers are those that are set, unless they are given."""
    registry = registry_uri or tracking_uri or config.get_registry_uri()
    return places_of(uri, tracking_uri or config.get_tracking_uri(), registry)


def _asked_uri(artifact_uri: str | None, run_id: str | None, artifact_path: str | None) -> str:
    if (artifact_uri is None) == (run_id is None):
        raise InvalidInput("Give either artifact_uri or run_id (with artifact_path), not both.")
    if artifact_uri is None:
        return f"runs:/{run_id}/{artifact_path or ''}"
    if artifact_path:
        raise InvalidInput("artifact_path goes with run_id; put it into artifact_uri instead.")
    return artifact_uri
