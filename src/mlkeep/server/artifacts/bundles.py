"""Many small files in one request or answer, for mlkeep's clients."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from typing import TypeVar

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mlkeep.blobs import bundles, paths
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.sinks import filled
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.server.api import AnyRequest
from mlkeep.server.artifacts.destination import Destination
from mlkeep.server.artifacts.routing import AnsweredBy, caller_of, message_of, query_of, route, told
from mlkeep.web.bodies import PiecesAnswer, in_thread, receive_body
from mlkeep.wire.uploads import BUNDLE_TYPE, TRANSFER_ROOT, BundleRequest, Tree, TreeFile

_AT_ONCE = 8
"""Files of one bundle that are on their way to or from a store elsewhere."""

_WORTH_SHARING = 4096
"""Bytes above which it is asked whether the store has a file already; below, it would save no place."""

_PIECE = 256 * 1024

T = TypeVar("T")


def bundle_routes(destination: Destination) -> list[HTTPRouteHandler]:
    """Bundles in and out."""

    async def keep(request: AnyRequest) -> Response[bytes]:
        folder = paths.checked(query_of(request, "path"))
        keeping = _Keeping(destination, folder)
        try:
            await receive_body(request.scope, request.receive, keeping.take)
            await in_thread(keeping.end)
        finally:
            # Also of a bundle that broke off: what is shown is recorded.
            kept = await in_thread(keeping.close)
            await destination.record(kept, caller_of(request), folder)
        start = len(folder) + 1 if folder else 0
        return told(Tree(files=[TreeFile(path=file.path[start:], size=file.size, sha256=file.sha256) for file in kept]))

    async def read(request: AnyRequest) -> Response[bytes]:
        asked = await message_of(request, BundleRequest)
        folder = paths.checked(query_of(request, "path"))
        wanted = [paths.checked_file(path) for path in asked.paths]
        await in_thread(partial(_check_all_there, destination, folder, wanted))
        digests = await destination.recorded(folder, caller_of(request))
        pieces = _in_larger_pieces(bundles.write(_read(destination, folder, wanted, digests)))
        headers = {"Content-Type": BUNDLE_TYPE, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return AnsweredBy(PiecesAnswer(pieces, 200, headers))

    return [
        route([f"{TRANSFER_ROOT}/bundle"], ["POST"], keep),
        route([f"{TRANSFER_ROOT}/bundle/read"], ["POST"], read),
    ]


class _Keeping:
    """A bundle on its way in. One thread at a time."""

    def __init__(self, destination: Destination, folder: str) -> None:
        self._destination = destination
        self._folder = folder
        self._reader = bundles.Reader()
        self._kept: list[StoredFile] = []
        self._threads = None if destination.is_local else ThreadPoolExecutor(_AT_ONCE, "mlkeep-bundle")
        self._under_way: deque[Future[StoredFile]] = deque()

    def take(self, piece: bytes | memoryview) -> None:
        """Keep the files that are whole with this piece, or begin to."""
        for file, data in self._reader.feed(piece):
            path = paths.joined(self._folder, file.path)
            if self._threads is None:
                self._kept.append(self._keep(path, file, data))
                continue
            while len(self._under_way) >= _AT_ONCE:
                self._kept.append(self._under_way.popleft().result())
            self._under_way.append(self._threads.submit(self._keep, path, file, data))

    def end(self) -> None:
        """Raises InvalidInput: the bundle is not whole. Or what keeping the last files raises."""
        while self._under_way:
            self._kept.append(self._under_way.popleft().result())
        self._reader.close()

    def close(self) -> list[StoredFile]:
        """What was kept, each file once, in the order of the bundle."""
        if self._threads is not None:
            self._threads.shutdown(wait=True)
        self._kept += [done.result() for done in self._under_way if done.exception() is None]
        return list({file.path: file for file in self._kept}.values())

    def _keep(self, path: str, file: StoredFile, data: bytes) -> StoredFile:
        if file.size <= _WORTH_SHARING:
            stored = self._destination.store.put_bytes(path, data)
            return StoredFile(path, stored.size, stored.sha256)
        stored = filled(
            self._destination.store.sink(path, file.size),
            (data,),
            lambda written: self._destination.find_twin(path, written.size, written.sha256),
        )
        return StoredFile(path, stored.size, stored.sha256)


def _check_all_there(destination: Destination, folder: str, wanted: Sequence[str]) -> None:
    """Raises NotFound, InvalidInput: a file is missing, or too large for a bundle. An answer that began cannot say so."""
    sizes = _sizes(destination, folder, wanted)
    for path in wanted:
        size = sizes.get(path)
        if size is None:
            raise NotFound(f"No such artifact: '{paths.joined(folder, path)}'")
        if size > bundles.MAX_FILE_BYTES:
            raise InvalidInput(
                f"The artifact '{paths.joined(folder, path)}' has {size} bytes; in a bundle there may be "
                f"{bundles.MAX_FILE_BYTES}. Get it alone."
            )


def _sizes(destination: Destination, folder: str, wanted: Sequence[str]) -> Mapping[str, int | None]:
    if destination.is_local:
        return {path: destination.store.size(paths.joined(folder, path)) for path in wanted}
    start = len(folder) + 1 if folder else 0
    return {info.path[start:]: info.file_size or 0 for info in destination.store.tree(folder)}


def _read(
    destination: Destination, folder: str, wanted: Sequence[str], digests: Mapping[str, str]
) -> Iterator[tuple[StoredFile, bytes]]:
    """The files with the digests that were recorded of them, so that the reader sees which is damaged."""
    at_once = 1 if destination.is_local else _AT_ONCE
    full = [paths.joined(folder, path) for path in wanted]
    read = [partial(_bytes_of, destination.store, path) for path in full]
    for path, place, data in zip(wanted, full, _ahead(read, at_once), strict=True):
        yield StoredFile(path, len(data), digests.get(place) or sha256(data).hexdigest()), data


def _bytes_of(store: ArtifactStore, path: str) -> bytes:
    return b"".join(store.read(path))


def _ahead(work: Iterable[Callable[[], T]], at_once: int) -> Iterator[T]:
    """What each of `work` gives, in order; so many are done at the same time."""
    if at_once == 1:
        yield from (each() for each in work)
        return
    with ExitStack() as closing:
        threads = ThreadPoolExecutor(at_once, "mlkeep-bundle")
        closing.callback(threads.shutdown, wait=True, cancel_futures=True)
        under_way: deque[Future[T]] = deque()
        for each in work:
            if len(under_way) >= at_once:
                yield under_way.popleft().result()
            under_way.append(threads.submit(each))
        while under_way:
            yield under_way.popleft().result()


def _in_larger_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, so that small files are not handed on one by one."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)
