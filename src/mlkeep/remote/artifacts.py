"""Artifacts behind a server: the client's side of MLflow's artifact proxy, and of what mlkeep's server has beside it."""

from __future__ import annotations

import functools
import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from mlkeep.blobs import paths
from mlkeep.blobs.contract import Signed
from mlkeep.blobs.moving.threads import shared_out
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import BadRequest, InternalError, InvalidInput, NoSuchEndpoint, NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.remote.abilities import Abilities, abilities_of
from mlkeep.remote.bodies import BytesBody, FileBody
from mlkeep.remote.proxied_sink import ProxiedSink
from mlkeep.remote.transport import Body, Transport, decoded
from mlkeep.remote.uploads import ProxiedBundles, ProxiedParts
from mlkeep.wire.artifacts import ProxyListResponse
from mlkeep.wire.resources import BYTES
from mlkeep.wire.uploads import TRANSFER_ROOT, Tree, digest_header

_ROOT = "/api/2.0/mlflow-artifacts/artifacts"
_LISTED_AT_ONCE = 8


class ProxiedStore:
    """See `blobs.contract.ArtifactStore`: what lies below `root` at the server's artifact destination.

    With a server of mlkeep it has parts and bundles, and what is sent carries its digest. With others it does with
    MLflow's protocol. Requests are repeated by the transport, so callers need not.
    """

    def __init__(self, transport: Transport, root: str) -> None:
        self._transport = transport
        self._root = root.strip("/")
        self._parts = ProxiedParts(transport, self._root)

    @property
    def server(self) -> str:
        """The address of the server."""
        return self._transport.base

    @property
    def abilities(self) -> Abilities:
        """What the server can do."""
        return abilities_of(self._transport)

    @property
    def parts(self) -> ProxiedParts | None:
        return self._parts if self.abilities.transfers else None

    @property
    def bundles(self) -> ProxiedBundles | None:
        return ProxiedBundles(self._transport, self._root) if self.abilities.transfers else None

    def below(self, path: str) -> ProxiedStore:
        return ProxiedStore(self._transport, paths.joined(self._root, paths.checked(path)))

    def tree(self, path: str = "") -> list[FileInfo]:
        folder = paths.checked(path)
        if not self.abilities.transfers:
            return _walked(self, folder)
        body = self._transport.send("GET", f"{TRANSFER_ROOT}/tree", query={"path": paths.joined(self._root, folder)})
        files = decoded(self._transport, body, Tree).files
        return [FileInfo(paths.joined(folder, file.path), is_dir=False, file_size=file.size) for file in files]

    def list(self, path: str = "") -> list[FileInfo]:
        folder = paths.checked(path)
        body = self._transport.send("GET", _ROOT, query={"path": paths.joined(self._root, folder)})
        infos = [info.entity() for info in decoded(self._transport, body, ProxyListResponse).files]
        return [FileInfo(paths.joined(folder, info.path), info.is_dir, info.file_size) for info in infos]

    def size(self, path: str) -> int | None:
        name = paths.checked(path)
        if not name:
            return None
        if not self.abilities.transfers:
            # Older servers of MLflow answer a request for a file that is not there with a 500, which would be repeated.
            found = self.list(name.rpartition("/")[0])
            return next((info.file_size or 0 for info in found if info.path == name and not info.is_dir), None)
        try:
            return int(self._transport.head(self._address(name)).get("Content-Length", ""))
        except (NotFound, NoSuchEndpoint, InvalidInput, BadRequest):
            return None
        except ValueError as err:
            raise InternalError(f"The server at {self._transport.base} does not tell the size of '{path}'.") from err

    def put(self, path: str, source: Path) -> StoredFile:
        with FileBody(source) as body:
            known = body.digest() if self.abilities.transfers else None
            self._put(path, body, known)
            return StoredFile(paths.checked_file(path), body.size, known or body.sha256)

    def put_bytes(self, path: str, data: bytes) -> StoredFile:
        sha256 = hashlib.sha256(data).hexdigest()
        self._put(path, BytesBody(data), sha256 if self.abilities.transfers else None)
        return StoredFile(paths.checked_file(path), len(data), sha256)

    def sink(self, path: str, size: int | None = None) -> ProxiedSink:  # noqa: ARG002 - it makes no difference
        return ProxiedSink(paths.checked_file(path), functools.partial(self.put, path))

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end <= start:
            if self.size(path) is None:
                raise NotFound(f"No such artifact: '{path}'")
            return iter(())
        headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        stream = self._transport.stream("GET", self._address(path), headers=headers)
        if stream.status == 416:  # the file ends before
            stream.close()
            return iter(())
        if stream.status == 206 or not headers:
            return stream.pieces()
        return _cut(stream.pieces(), start, end)

    def local_file(self, path: str) -> Path | None:
        paths.checked_file(path)
        return None  # it lies elsewhere

    def delete(self, path: str) -> None:
        self._transport.send("DELETE", self._address(path))

    def share(self, path: str, twin: str, file: StoredFile) -> bool:  # noqa: ARG002 - part of the contract
        for one in (path, twin):
            paths.checked_file(one)
        return False  # the server does so by itself

    def sign(self, method: str, path: str, expires_s: int) -> Signed | None:  # noqa: ARG002 - part of the contract
        paths.checked_file(path)
        return None  # requests must carry the credentials of whoever makes them

    def _put(self, path: str, body: Body, sha256: str | None) -> None:
        headers = {"Content-Type": mimetypes.guess_type(path)[0] or BYTES}
        if sha256 is not None:
            headers["Content-Digest"] = digest_header(sha256)
        self._transport.upload("PUT", self._address(paths.checked_file(path)), body, headers=headers)

    def _address(self, path: str) -> str:
        return f"{_ROOT}/{quote(paths.joined(self._root, paths.checked(path)))}"


def _walked(store: ProxiedStore, folder: str) -> list[FileInfo]:
    """All files below a folder, by MLflow's protocol: a request for each folder."""
    files: list[FileInfo] = []
    folders = [folder]
    while folders:
        listed = shared_out([functools.partial(store.list, one) for one in folders], _LISTED_AT_ONCE)
        found = [info for infos in listed for info in infos]
        files += [info for info in found if not info.is_dir]
        folders = [info.path for info in found if info.is_dir]
    return sorted(files, key=lambda info: info.path)


def _cut(pieces: Iterator[bytes], start: int, end: int | None) -> Iterator[bytes]:
    """What was asked for, from a server that sends whole files only."""
    at = 0
    for piece in pieces:
        wanted = piece[max(0, start - at) : None if end is None else max(0, end - at)]
        at += len(piece)
        if wanted:
            yield wanted
        if end is not None and at >= end:
            return
