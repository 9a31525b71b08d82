"""Listing artifacts of runs and logged models."""

from __future__ import annotations

from collections.abc import Callable

from mlkeep.blobs import paths
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.wire.artifacts import FileMessage, ListArtifactsResponse

OpenStore = Callable[[str], ArtifactStore]
"""Opens the place an artifact URI names."""


def listing(root_uri: str, path: str, open_store: OpenStore) -> ListArtifactsResponse:
    """What is at `path` below an artifact root. Raises InvalidInput: the path is not safe."""
    files = open_store(root_uri).list(paths.checked(path))
    return ListArtifactsResponse(root_uri=root_uri, files=[FileMessage.of(info) for info in files])
