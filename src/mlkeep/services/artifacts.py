"""Use-cases of the manifest, which tells the size and digest of each artifact."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from mlkeep.blobs import paths
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.manifest import StoredFile
from mlkeep.core.names import invalid
from mlkeep.services.call import Call
from mlkeep.storage.artifact_files import Place
from mlkeep.storage.contract import Transaction
from mlkeep.wire import artifacts as wire
from mlkeep.wire.message import Empty

OpenStore = Callable[[str], ArtifactStore]
"""Opens the place an artifact URI names."""

_PLAIN = re.compile(r"[a-zA-Z0-9_][\w.-]*(?:/[a-zA-Z0-9_][\w.-]*)*", re.ASCII)
"""Paths that are in normal form and safe at first sight, as most are."""

_SHA256 = re.compile("[0-9a-f]{64}")


def record(call: Call, request: wire.RecordFiles) -> wire.RecordFilesResponse:
    _check_count(request.files, "files", limits.MAX_FILES_PER_RECORD)
    place = find_place(call.tx, request.uri)
    folder = place.path if place is not None else ""
    files = {file.path: file for file in (_checked_file(given, folder, i) for i, given in enumerate(request.files))}
    if place is None:
        return wire.RecordFilesResponse(recorded=False)
    if files:
        call.tx.artifact_files.put(place.owner, list(files.values()))
    return wire.RecordFilesResponse(recorded=True)


def forget(call: Call, request: wire.ForgetFiles) -> Empty:
    _check_count(request.paths, "paths", limits.MAX_PATHS_PER_FORGETTING)
    gone = [paths.checked(path) for path in request.paths]
    place = find_place(call.tx, request.uri)
    if place is not None and place.owner.count:
        call.tx.artifact_files.remove(place.owner, [paths.joined(place.path, path) for path in gone])
    return Empty()


def get_manifest(call: Call, request: wire.GetManifest) -> wire.GetManifestResponse:
    path = paths.checked(request.path)
    place = find_place(call.tx, request.uri)
    if place is None:
        return wire.GetManifestResponse()
    asked = msgspec.structs.replace(place, path=paths.joined(place.path, path))
    start = len(place.path) + 1 if place.path else 0
    return wire.GetManifestResponse(
        files=[
            wire.StoredFileMessage.of(msgspec.structs.replace(file, path=file.path[start:]))
            for file in call.tx.artifact_files.files(asked)
            if len(file.path) > start  # a URI that names a file has nothing below it
        ]
    )


def find_place(tx: Transaction, uri: str) -> Place | None:
    """The place among the artifacts of a run or logged model that a URI names, its path in normal form.

    Raises:
        InvalidInput: there is such a run or model, and the rest of the URI is no safe path.
    """
    place = tx.artifact_files.find_place(uri)
    return None if place is None else msgspec.structs.replace(place, path=paths.checked(place.path))


def find_twin(tx: Transaction, uri: str, size: int, sha256: str) -> str | None:
    """The URI of a recorded file of the same experiment that has this size and digest, and is not the one at `uri`.

    Without a digest, of any file of this size. None if there is none, or if `uri` is nobody's.

    Raises:
        InvalidInput: the path in `uri` is not safe, or `sha256` is no digest.
    """
    digest = _checked_digest(sha256, "sha256") if sha256 else None
    place = find_place(tx, uri)
    return None if place is None else tx.artifact_files.find_twin(place, size, digest)


def _check_count(given: Sequence[object], field: str, most: int) -> None:
    if len(given) > most:
        raise InvalidInput(f"A request can have at most {most} '{field}'. Got {len(given)}: send several requests.")


def _checked_file(given: wire.StoredFileMessage, folder: str, number: int) -> StoredFile:
    """The file with its path below the artifact root. Raises InvalidInput: something about it cannot be."""
    field = f"files[{number}]"
    path = given.path if _PLAIN.fullmatch(given.path) else paths.checked_file(given.path)
    path = paths.joined(folder, path)
    if len(path) * 4 > limits.MAX_ARTIFACT_PATH_BYTES and len(path.encode()) > limits.MAX_ARTIFACT_PATH_BYTES:
        raise invalid(
            f"{field}.path", path, f"a path that is recorded has at most {limits.MAX_ARTIFACT_PATH_BYTES} bytes."
        )
    if not 0 <= given.size <= limits.MAX_ARTIFACT_BYTES:
        raise invalid(
            f"{field}.size", given.size, f"it must be a number of bytes from 0 to {limits.MAX_ARTIFACT_BYTES}."
        )
    return StoredFile(path, given.size, _checked_digest(given.sha256, f"{field}.sha256"))


def _checked_digest(sha256: str, field: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise invalid(field, sha256, "it must be a SHA-256 as 64 lowercase hexadecimal digits.")
    return sha256


READS = {wire.GetManifest: get_manifest}
WRITES = {wire.RecordFiles: record, wire.ForgetFiles: forget}
