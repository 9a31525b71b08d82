"""Uploads in parts, and bundles of small files, to and from a server of mlkeep: the client's side of `wire.uploads`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from mlkeep.blobs import bundles, paths
from mlkeep.blobs.contract import PartUpload
from mlkeep.core.errors import Damaged, InternalError, InvalidInput, MlkeepException, NoSuchEndpoint, NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.remote.bodies import BytesBody
from mlkeep.remote.transport import Transport, decoded
from mlkeep.wire.artifacts import StoredFileMessage
from mlkeep.wire.resources import BYTES, JSON
from mlkeep.wire.uploads import (
    BUNDLE_TYPE,
    TRANSFER_ROOT,
    BeginUpload,
    BundleRequest,
    CompleteUpload,
    Tree,
    UploadState,
    digest_header,
)

_UPLOADS = f"{TRANSFER_ROOT}/uploads"
_SLOWEST_DISK = 20_000_000
"""Bytes a second that a server reads at the least when it looks through a complete file."""

M = TypeVar("M")


class ProxiedParts:
    """See `blobs.contract.AskingParts`. `find` knows the uploads that were begun here."""

    def __init__(self, transport: Transport, root: str) -> None:
        self._transport = transport
        self._root = root
        self._begun: dict[str, tuple[PartUpload, BeginUpload]] = {}

    def begin(self, path: str, size: int, fingerprint: str, part_bytes: int) -> PartUpload:
        begun = self._begin(path, size, fingerprint, part_bytes, "")
        if isinstance(begun, StoredFile):
            raise InternalError(f"The server at {self._transport.base} took '{path}' for complete without its digest.")
        return begun

    def begin_known(
        self, path: str, size: int, fingerprint: str, part_bytes: int, sha256: str
    ) -> PartUpload | StoredFile:
        return self._begin(path, size, fingerprint, part_bytes, sha256)

    def _begin(self, path: str, size: int, fingerprint: str, part_bytes: int, sha256: str) -> PartUpload | StoredFile:
        name = paths.checked_file(path)
        asked = BeginUpload(
            path=paths.joined(self._root, name),
            size=size,
            fingerprint=fingerprint,
            part_bytes=part_bytes,
            sha256=sha256,
        )
        state = self._sent("POST", _UPLOADS, asked, UploadState)
        if state.stored is not None:
            return StoredFile(name, state.stored.size, state.stored.sha256)
        begun = PartUpload(
            state.upload_id, name, size, state.part_bytes, frozenset(state.have), state.digests, state.ask_again
        )
        self._begun[begun.upload_id] = (begun, asked)
        return begun

    def find(self, upload_id: str) -> PartUpload:
        _, asked = self._known(upload_id)
        state = self._sent("POST", _UPLOADS, asked, UploadState)
        if state.upload_id != upload_id:
            del self._begun[upload_id]
            self.abort(state.upload_id)
            raise self._unknown(upload_id)
        begun = msgspec.structs.replace(self._begun[upload_id][0], have=frozenset(state.have))
        self._begun[upload_id] = (begun, asked)
        return begun

    def sink(self, upload_id: str, number: int, sha256: str | None = None) -> ProxiedPart:
        begun, _ = self._known(upload_id)
        if not 1 <= number <= begun.count:
            raise InvalidInput(
                f"Invalid part {number} of the upload of '{begun.path}': its parts are numbered from 1 to {begun.count}."
            )
        return ProxiedPart(self._transport, begun, number, sha256)

    def complete(self, upload_id: str, sha256: str | None, twin: str | None = None) -> StoredFile:  # noqa: ARG002 - the server looks for one
        begun, _ = self._known(upload_id)
        if sha256 is None:
            raise InvalidInput(f"The upload of '{begun.path}' cannot be completed without its SHA-256: give it.")
        asked = CompleteUpload(sha256=sha256)
        patience_s = begun.size / _SLOWEST_DISK
        try:
            stored = self._sent("POST", f"{_address(upload_id)}/complete", asked, StoredFileMessage, patience_s)
        except Damaged:
            del self._begun[upload_id]
            raise
        del self._begun[upload_id]
        return StoredFile(begun.path, stored.size, stored.sha256)

    def abort(self, upload_id: str) -> None:
        self._begun.pop(upload_id, None)
        try:
            self._transport.send("DELETE", _address(upload_id))
        except (NotFound, NoSuchEndpoint):  # ids that were made up may be other paths
            return

    def _known(self, upload_id: str) -> tuple[PartUpload, BeginUpload]:
        if upload_id not in self._begun:
            raise self._unknown(upload_id)
        return self._begun[upload_id]

    def _unknown(self, upload_id: str) -> MlkeepException:
        return NotFound(f"No such upload: '{upload_id}'")

    def _sent(self, method: str, path: str, message: msgspec.Struct, answer: type[M], patience_s: float = 0) -> M:
        body = self._transport.send(method, path, body=msgspec.json.encode(message), at_least_s=patience_s)
        return decoded(self._transport, body, answer)


class ProxiedPart:
    """See `blobs.contract.Sink`. A part that comes in one piece is sent from where it lies."""

    def __init__(self, transport: Transport, begun: PartUpload, number: int, sha256: str | None) -> None:
        start, end = begun.range_of(number)
        self._transport = transport
        self._begun = begun
        self._number = number
        self._size = end - start
        self._sha256 = sha256
        self._held = bytearray()
        self._count = 0
        self._sent = False
        self._failure: MlkeepException | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """What goes wrong with the sending is told by `finish`."""
        self._count += len(data)
        if self._count == len(data) == self._size:
            try:
                self._send(data)
            except MlkeepException as err:
                self._failure = err
        elif self._count <= self._size:
            self._held += data

    def finish(self) -> StoredFile:
        if self._failure is not None:
            raise self._failure
        if self._count != self._size:
            raise InvalidInput(
                f"Part {self._number} of '{self._begun.path}' must have {self._size} bytes, not {self._count}."
            )
        if not self._sent:
            self._send(self._held)
        return StoredFile(self._begun.path, self._size, self._sha256 or "")

    def commit(self, twin: str | None = None) -> None:
        """It was kept when it was sent."""

    def discard(self) -> None:
        """There is nothing of it here, and the server keeps no half parts."""
        self._held = bytearray()

    def _send(self, data: bytes | bytearray | memoryview) -> None:
        headers = {"Content-Type": BYTES}
        if self._sha256 is not None:
            headers["Content-Digest"] = digest_header(self._sha256)
        path = f"{_address(self._begun.upload_id)}/{self._number}"
        self._transport.upload("PUT", path, BytesBody(data), headers=headers)
        self._sent = True


def _address(upload_id: str) -> str:
    return f"{_UPLOADS}/{quote(upload_id, safe='')}"


class ProxiedBundles:
    """See `blobs.contract.Bundles`."""

    def __init__(self, transport: Transport, root: str) -> None:
        self._transport = transport
        self._root = root

    def put_many(self, files: Mapping[str, Path]) -> list[StoredFile]:
        body = b"".join(bundles.write(_record(paths.checked_file(path), source) for path, source in files.items()))
        answer = self._transport.upload(
            "POST",
            f"{TRANSFER_ROOT}/bundle",
            BytesBody(body),
            query={"path": self._root},
            headers={"Content-Type": BUNDLE_TYPE},
        )
        return [StoredFile(file.path, file.size, file.sha256) for file in decoded(self._transport, answer, Tree).files]

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        stream = self._transport.stream(
            "POST",
            f"{TRANSFER_ROOT}/bundle/read",
            query={"path": self._root},
            body=msgspec.json.encode(BundleRequest(paths=list(paths))),
            headers={"Content-Type": JSON},
        )
        for file, data in bundles.read(stream.pieces()):
            yield file.path, data


def _record(path: str, source: Path) -> tuple[StoredFile, bytes]:
    data = source.read_bytes()
    return StoredFile(path, len(data), hashlib.sha256(data).hexdigest()), data
