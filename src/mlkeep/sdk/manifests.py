"""What the tracking server, or the database in this process, remembers of the files at a URI."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from mlkeep.core.errors import NoSuchEndpoint, NotOffered
from mlkeep.core.manifest import StoredFile
from mlkeep.sdk import recording
from mlkeep.sdk.journal.whereabouts import is_staging_folder
from mlkeep.wire.artifacts import ForgetFiles, GetManifest, RecordFiles, StoredFileMessage
from mlkeep.wire.message import Request

T = TypeVar("T")

_BATCH = 5_000
"""Files that one request tells of."""

_REMEMBERED_S = 60

_without: dict[str, float] = {}
"""Tracking servers that keep no manifests, and when they said so: those of MLflow."""


def record(tracking_uri: str, uri: str, files: Sequence[StoredFile]) -> None:
    """Tell that these files were kept below `uri`. Servers that do not remember such things are not told."""
    for batch in _batches(files):
        _call(tracking_uri, RecordFiles(uri=uri, files=[StoredFileMessage.of(file) for file in batch]))


def forget(tracking_uri: str, uri: str, paths: Sequence[str]) -> None:
    """Tell that these files and folders below `uri` are gone."""
    for batch in _batches(paths):
        _call(tracking_uri, ForgetFiles(uri=uri, paths=list(batch)))


def recorded(tracking_uri: str, uri: str, path: str = "") -> dict[str, StoredFile]:
    """What is remembered of the file or folder `path` below `uri`, by the path below `uri`."""
    if is_staging_folder(uri):
        return {}
    answer = _call(tracking_uri, GetManifest(uri=uri, path=path))
    return {} if answer is None else {file.path: file.file() for file in answer.files}


def _call(tracking_uri: str, request: Request) -> Any:
    if time.monotonic() - _without.get(tracking_uri, float("-inf")) < _REMEMBERED_S:
        return None
    try:
        return recording.door(tracking_uri).call(request)
    except (NoSuchEndpoint, NotOffered):
        _without[tracking_uri] = time.monotonic()
        return None


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
