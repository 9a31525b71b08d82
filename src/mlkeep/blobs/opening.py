"""The artifact store that a URI names."""

from __future__ import annotations

import functools
import os
from urllib.parse import urlsplit

from mlkeep.blobs.buckets.s3.bucket import S3Bucket
from mlkeep.blobs.buckets.s3.client import S3Client
from mlkeep.blobs.buckets.s3.parts import Sessions
from mlkeep.blobs.buckets.s3.place import S3Place, s3_place
from mlkeep.blobs.buckets.store import ObjectStore
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.blobs.web import WebStore
from mlkeep.core.errors import NotOffered
from mlkeep.core.uris import is_local, local_path, without_password

SCHEMES = ("file", "s3", "gs", "abfss", "wasbs", "http", "https")
"""What messages tell that is known; `s3a`, `s3n`, `r2`, `abfs` and `wasb` are spoken too."""


def open_store(uri: str) -> ArtifactStore:
    """The store below a URI: a path, or a URI of one of `SCHEMES`. The environment is read; nothing is asked.

    Stores in buckets that are opened with the same settings share their connections.

    Raises:
        InvalidInput: the URI, or a variable of the environment that matters for it, is wrong.
        NotOffered: another scheme.
    """
    if is_local(uri):
        return FolderStore(local_path(uri))
    match urlsplit(uri).scheme.lower():
        case "s3" | "s3a" | "s3n" | "r2":
            return _s3_store(*s3_place(uri))
        case "gs" | "abfs" | "abfss" | "wasb" | "wasbs":
            return _cloud_store(uri, _settings())
        case "http" | "https":
            return WebStore(uri)
        case _:
            raise NotOffered(
                f"Artifacts at '{without_password(uri)}' cannot be reached: mlkeep knows the schemes "
                f"{', '.join(SCHEMES)} and mlflow-artifacts."
            )


@functools.lru_cache(maxsize=64)
def _s3_store(place: S3Place, prefix: str) -> ObjectStore:
    if place.keys is None:
        from mlkeep.blobs.buckets.clouds import role_store  # obstore takes a while to load

        return role_store(place, prefix)
    bucket = S3Bucket(_s3_client(place))
    return ObjectStore(bucket, prefix, Sessions(bucket, prefix))


@functools.lru_cache(maxsize=64)
def _s3_client(place: S3Place) -> S3Client:
    return S3Client(place)


@functools.lru_cache(maxsize=64)
def _cloud_store(uri: str, settings: frozenset[tuple[str, str]]) -> ObjectStore:  # noqa: ARG001 - obstore reads them itself
    from mlkeep.blobs.buckets.clouds import azure_store, gcs_store  # obstore takes a while to load

    return gcs_store(uri) if uri.lower().startswith("gs:") else azure_store(uri)


def _settings() -> frozenset[tuple[str, str]]:
    """What the environment says that a store of obstore is made with."""
    prefixes = ("AZURE_", "GOOGLE_", "MLFLOW_HTTP_", "MLKEEP_HTTP_")
    return frozenset(item for item in os.environ.items() if item[0].startswith(prefixes))
