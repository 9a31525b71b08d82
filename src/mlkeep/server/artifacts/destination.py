"""The place where the artifact proxy keeps files, and the manifest that tells of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from functools import partial

import msgspec

from mlkeep.blobs import paths
from mlkeep.blobs.contract import ArtifactStore, Sink
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core import limits
from mlkeep.core.errors import Damaged
from mlkeep.core.manifest import StoredFile
from mlkeep.services.call import Caller
from mlkeep.services.dispatch import Dispatcher
from mlkeep.web.bodies import in_thread
from mlkeep.wire.artifacts import (
    ForgetFiles,
    GetManifest,
    GetManifestResponse,
    RecordFiles,
    RecordFilesResponse,
    StoredFileMessage,
)

PROXY_URI = "mlflow-artifacts:/"

_LOCKS = 64
"""So many files can be shown and recorded at the same time, and a few that share a lock wait for each other."""


class Settling:
    """While one request shows and records a file, no other of this process does so with the same file.

    Else the manifest might come to tell of one that has been replaced.
    """

    def __init__(self) -> None:
        self._locks = [asyncio.Lock() for _ in range(_LOCKS)]

    def of(self, uri: str) -> asyncio.Lock:
        """What to hold meanwhile."""
        return self._locks[hash(uri) % _LOCKS]


class Destination:
    """A store together with what the manifest knows of it. Paths are relative to the store's root, and checked."""

    def __init__(
        self,
        store: ArtifactStore,
        manifest: Dispatcher | None,
        uri: str = PROXY_URI,
        *,
        settling: Settling,
        shares: bool = False,
    ) -> None:
        """`manifest` is None on a server without a database; `uri` is that of the root.

        `shares` says that files of the store may share their place with others that have the same bytes.
        """
        self.store = store
        self.manifest = manifest
        self._uri = uri.rstrip("/")
        self._shares = shares and manifest is not None
        self._settling = settling

    @property
    def is_local(self) -> bool:
        """Whether the files lie on this machine, so that nothing is won by moving several at a time."""
        return isinstance(self.store, FolderStore)

    def uri(self, path: str = "") -> str:
        """The artifact URI of a path."""
        return f"{self._uri}/{path}"

    def find_twin(self, path: str, size: int, sha256: str = "") -> str | None:
        """The path of another file that may have the same bytes; waits for the database."""
        if not self._shares or self.manifest is None or size == 0:
            return None
        twin = self.manifest.find_twin(self.uri(path), size, sha256)
        start = f"{self._uri}/"
        return twin.removeprefix(start) if twin is not None and twin.startswith(start) else None

    async def keep(self, path: str, sink: Sink, announced: str | None, caller: Caller) -> StoredFile:
        """Show and record the file whose bytes went into `sink`. `announced` is its digest, if the sender told it.

        Raises Damaged: the bytes have another one; nothing is kept.
        """
        async with self.settling(path):
            stored = await in_thread(partial(self._show, path, sink, announced))
            await self.record([stored], caller)
        return stored

    def _show(self, path: str, sink: Sink, announced: str | None) -> StoredFile:
        written = sink.finish()
        if announced is not None and announced != written.sha256:
            raise Damaged(
                f"The bytes that arrived of '{path}' are not those that were sent: their SHA-256 is {written.sha256}, "
                f"the request announced {announced}. Nothing was kept; send the file again."
            )
        sink.commit(self.find_twin(path, written.size, written.sha256))
        return msgspec.structs.replace(written, path=path)

    def settling(self, path: str) -> asyncio.Lock:
        """What to hold while a file is shown and recorded."""
        return self._settling.of(self.uri(path))

    async def record(self, files: Sequence[StoredFile], caller: Caller, folder: str = "") -> None:
        """Tell the manifest of files; their paths are those of the store.

        `folder` holds all of them. If it belongs to a run or model, they are recorded together, else folder by folder.
        """
        if self.manifest is None or not files:
            return
        if folder and await self._record_below(folder, files, caller):
            return
        by_folder = sorted(files, key=_folder_of)
        for parent, group in itertools.groupby(by_folder, key=_folder_of):
            if parent != folder or not folder:
                await self._record_below(parent, list(group), caller)

    async def _record_below(self, folder: str, files: Sequence[StoredFile], caller: Caller) -> bool:
        if self.manifest is None:
            return False
        start = len(folder) + 1 if folder else 0
        messages = [StoredFileMessage(path=file.path[start:], size=file.size, sha256=file.sha256) for file in files]
        recorded = True
        for first in range(0, len(messages), limits.MAX_FILES_PER_RECORD):
            some = messages[first : first + limits.MAX_FILES_PER_RECORD]
            answer = await self.manifest.call_async(RecordFiles(uri=self.uri(folder), files=some), caller)
            recorded = recorded and isinstance(answer, RecordFilesResponse) and answer.recorded
        return recorded

    async def forget(self, path: str, caller: Caller) -> None:
        """Tell the manifest that a file, or all of a folder, is gone, or that nothing is known of it any more."""
        if self.manifest is not None:
            await self.manifest.call_async(ForgetFiles(uri=self.uri(path), paths=[""]), caller)

    async def find(self, path: str, caller: Caller) -> StoredFile | None:
        """What was recorded of a file, None if nothing was."""
        folder, _, name = path.rpartition("/")
        found = await self._manifest_of(folder, caller, name)
        return next((StoredFile(path, file.size, file.sha256) for file in found if file.path == name), None)

    async def digest_of(self, path: str, caller: Caller) -> str:
        """The SHA-256 that was recorded of a file, "" if none was."""
        found = await self.find(path, caller)
        return "" if found is None else found.sha256

    async def recorded(self, folder: str, caller: Caller) -> dict[str, str]:
        """The SHA-256 of each file below a folder of which it was recorded."""
        return {paths.joined(folder, file.path): file.sha256 for file in await self._manifest_of(folder, caller)}

    async def _manifest_of(self, folder: str, caller: Caller, path: str = "") -> list[StoredFileMessage]:
        if self.manifest is None:
            return []
        answer = await self.manifest.call_async(GetManifest(uri=self.uri(folder), path=path), caller)
        return answer.files if isinstance(answer, GetManifestResponse) else []


def _folder_of(file: StoredFile) -> str:
    return file.path.rpartition("/")[0]
