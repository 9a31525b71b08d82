"""Artifacts behind a server: the client's side of MLflow's artifact proxy."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec

from mlkeep.blobs import paths
from mlkeep.core.entities import FileInfo
from mlkeep.remote.transport import Transport
from mlkeep.wire.artifacts import ProxyListResponse

_ROOT = "/api/2.0/mlflow-artifacts/artifacts"


class ProxiedArtifacts:
    """See `blobs.contract.ArtifactStore`: what lies below `root` at the server's artifact destination."""

    def __init__(self, transport: Transport, root: str) -> None:
        self._transport = transport
        self._root = root.strip("/")

    def list(self, path: str = "") -> list[FileInfo]:
        folder = paths.checked(path)
        body = self._transport.send("GET", _ROOT, query={"path": paths.joined(self._root, folder)})
        files = msgspec.json.decode(body, type=ProxyListResponse, strict=False).files
        infos = [info.entity() for info in files]
        return [FileInfo(paths.joined(folder, info.path), info.is_dir, info.file_size) for info in infos]

    def put(self, path: str, source: Path) -> None:
        with source.open("rb") as file:
            self._put(path, file, source.stat().st_size)

    def put_bytes(self, path: str, data: bytes) -> None:
        self._put(path, BytesIO(data), len(data))

    def read(self, path: str) -> Iterator[bytes]:
        return self._transport.download(self._address(path))

    def delete(self, path: str) -> None:
        self._transport.send("DELETE", self._address(path))

    def _put(self, path: str, file: IO[bytes], size: int) -> None:
        content_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
        self._transport.upload(self._address(paths.checked_file(path)), file, size, content_type)

    def _address(self, path: str) -> str:
        return f"{_ROOT}/{quote(paths.joined(self._root, paths.checked(path)))}"
