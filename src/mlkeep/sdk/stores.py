"""Artifact roots: the store that a URI names, and what is remembered of the files in it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mlkeep.blobs import paths
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.moving.cache import Cache
from mlkeep.blobs.moving.downloads import Wanted, download_files, wanted_files
from mlkeep.blobs.moving.plan import MIB, PARTS_FROM, RANGES_FROM, Plan, Retries
from mlkeep.blobs.moving.uploads import upload
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput
from mlkeep.core.manifest import StoredFile
from mlkeep.core.settings import backoff_factor_s, backoff_jitter_s, request_retries
from mlkeep.remote import settings
from mlkeep.remote.artifacts import ProxiedStore
from mlkeep.remote.transport import transport_to
from mlkeep.sdk import manifests
from mlkeep.sdk.progress import progress

_CACHE_BYTES = 20_000_000_000
_TIB = MIB**2


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
        return ProxiedStore(transport_to(server), parts.path)
    from mlkeep.blobs.opening import open_store  # the remote way does not need it

    return open_store(root_uri)


class ArtifactRoot:
    """The artifacts below a URI. What is uploaded or deleted here, the tracking server learns of.

    Its methods take paths below the URI, and raise what `blobs.contract.ArtifactStore` tells.
    """

    def __init__(self, uri: str, tracking_uri: str) -> None:
        self.uri = uri
        self.tracking_uri = tracking_uri
        self.store = store_at(uri, tracking_uri)

    def upload(self, source: Path, target: str) -> None:
        """Upload a file to the path `target`, or what is in a folder below it. See `blobs.moving.uploads.upload`."""
        with progress(f"Uploading {source.name}") as shown:
            self._kept(upload(self.store, source, target, progress=shown, plan=plan_for(self.store)))

    def put(self, path: str, source: Path) -> None:
        """Upload a file to the path."""
        self.upload(source, paths.checked_file(path))

    def put_bytes(self, path: str, data: bytes) -> None:
        """Keep a file of these bytes."""
        self._kept([self.store.put_bytes(path, data)])

    def recorded(self, path: str = "") -> dict[str, StoredFile]:
        """What is remembered of the file or folder `path`, by path."""
        return manifests.recorded(self.tracking_uri, self.uri, path)

    def wanted(self, path: str, expected: Mapping[str, StoredFile]) -> list[Wanted]:
        """What a download of `path` brings. Raises NotFound; Damaged: something of it is lost."""
        return wanted_files(self.store, path, expected, verify=plan_for(self.store).verify)

    def download(
        self, files: Sequence[Wanted], expected: Mapping[str, StoredFile], target: Path, *, scratch: bool
    ) -> None:
        """Download files into the folder `target`. With `scratch` they may be read-only names of files of the cache."""
        with progress(f"Downloading {files[0].name if len(files) == 1 else 'artifacts'}") as shown:
            download_files(
                self.store,
                files,
                target,
                expected=expected,
                progress=shown,
                cache=cache(),
                shared=scratch,
                plan=plan_for(self.store),
            )

    def list(self, path: str = "") -> list[FileInfo]:
        """What is in a folder, not deeper."""
        return self.store.list(path)

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of a file."""
        return self.store.read(path)

    def size(self, path: str) -> int | None:
        """The size of a file; None if there is none of this name."""
        return self.store.size(path)

    def delete(self, path: str) -> None:
        """Remove a file, or a folder with everything in it."""
        self.store.delete(path)
        if not self._server_remembers:
            manifests.forget(self.tracking_uri, self.uri, [paths.checked(path)])

    def _kept(self, files: Sequence[StoredFile]) -> None:
        if files and not self._server_remembers:
            manifests.record(self.tracking_uri, self.uri, files)

    @property
    def _server_remembers(self) -> bool:
        """Whether the server that keeps the files is the tracking server, and has seen them itself."""
        if not isinstance(self.store, ProxiedStore) or not self.tracking_uri.startswith(("http://", "https://")):
            return False
        same = self.store.server == transport_to(self.tracking_uri).base
        return same and self.store.abilities.mlkeep_manifest


def plan_for(store: ArtifactStore) -> Plan:
    """How files are moved to and from a store, as the environment says."""
    proxied = isinstance(store, ProxiedStore)
    plain = isinstance(store, ProxiedStore) and not store.abilities.transfers
    ranged = not plain or settings.flag("ENABLE_PROXY_MULTIPART_DOWNLOAD")
    usual = Plan()
    return Plan(
        parts_from=_bytes("MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", PARTS_FROM),
        part_bytes=_bytes("MULTIPART_UPLOAD_CHUNK_SIZE", usual.part_bytes),
        ranges_from=_bytes("MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE", RANGES_FROM) if ranged else None,
        range_bytes=max(MIB, min(_bytes("MULTIPART_DOWNLOAD_CHUNK_SIZE", usual.range_bytes), 64 * MIB)),
        # requests to a proxy are repeated by the transport; a stream that broke off is gone on with all the same
        retries=Retries(
            most=0 if proxied else request_retries(),
            backoff_s=backoff_factor_s(),
            jitter_s=backoff_jitter_s(),
        ),
        verify=settings.flag("VERIFY_ARTIFACTS", default=True),
    )


def cache() -> Cache | None:
    """The cache of downloads; None if there is to be none."""
    most = cache_limit()
    return _cache_at(cache_folder(), most) if most else None


def cache_limit() -> int:
    """Bytes that the cache may take; 0 if there is to be none."""
    return int(settings.number("CACHE_MAX_BYTES", _CACHE_BYTES, most=_TIB * MIB))


def cache_folder() -> Path:
    """Where the cache is: `MLKEEP_CACHE_DIR`, else `mlkeep` in the user's folder of caches."""
    if own := settings.setting("CACHE_DIR"):
        return Path(own).absolute() / "artifacts"
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches).absolute() / "mlkeep" / "artifacts"


@functools.cache
def _cache_at(folder: Path, max_bytes: int) -> Cache:
    return Cache(folder, max_bytes)


def _bytes(name: str, default: int) -> int:
    return int(settings.number(name, default, most=_TIB * MIB))
