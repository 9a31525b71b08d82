"""The artifact proxy: MLflow's `mlflow-artifacts` routes for single files. Bytes stream through, whatever their number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import unquote

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mlkeep.blobs import paths
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NoSuchEndpoint
from mlkeep.server.api import AnyRequest, json_response
from mlkeep.server.artifacts.destination import Destination
from mlkeep.server.artifacts.routing import below, caller_of, file_response, path_below, query_of, route, told
from mlkeep.web.bodies import in_thread, receive_body
from mlkeep.wire.artifacts import FileMessage, ProxyListResponse
from mlkeep.wire.resources import ARTIFACT_ROOTS
from mlkeep.wire.uploads import digest_of

T = TypeVar("T")


class TakesBytes(Protocol):
    """What `received` needs of a sink."""

    def write(self, data: bytes | memoryview, /) -> None:
        """Take some bytes, which are only valid during the call."""
        ...

    def discard(self) -> None:
        """Leave no trace, unless it was kept."""
        ...


def proxy_routes(destination: Destination) -> list[HTTPRouteHandler]:
    """List, read, write and delete below the destination."""
    store = destination.store

    async def list_folder(request: AnyRequest) -> Response[bytes]:
        _refuse_slash(request)
        folder = paths.checked(query_of(request, "path"))
        found = await in_thread(partial(store.list, folder))
        return told(ProxyListResponse(files=[_named(info) for info in found]))

    async def download(request: AnyRequest) -> Response[bytes]:
        path = paths.checked_file(path_below(request, ARTIFACT_ROOTS))
        return await file_response(request, store, path, await destination.digest_of(path, caller_of(request)))

    async def upload(request: AnyRequest) -> Response[bytes]:
        path = paths.checked_file(path_below(request, ARTIFACT_ROOTS))
        announced = digest_of(request.headers.get("content-digest", ""))
        sink = await in_thread(partial(store.sink, path, announced_size(request)))
        await received(request, sink, partial(destination.keep, path, sink, announced, caller_of(request)))
        return json_response(b"{}")

    async def delete(request: AnyRequest) -> Response[bytes]:
        path = paths.checked(path_below(request, ARTIFACT_ROOTS))
        if not path:
            raise InvalidInput("Invalid path: the root of the artifacts cannot be deleted; name a file or a folder.")
        await in_thread(partial(store.delete, path))
        await destination.forget(path, caller_of(request))
        return json_response(b"{}")

    files = below(ARTIFACT_ROOTS)
    return [
        route(ARTIFACT_ROOTS, ["GET"], list_folder),
        route(files, ["GET", "HEAD"], download),
        route(files, ["PUT"], upload),
        route(files, ["DELETE"], delete),
    ]


async def received(request: AnyRequest, sink: TakesBytes, keep: Callable[[], Awaitable[T]]) -> T:
    """What `keep` makes of a sink into which the body of the request went. Whatever fails, the sink leaves no trace."""
    try:
        await receive_body(request.scope, request.receive, sink.write)
        return await keep()
    except BaseException:
        # An upload that is cancelled must not be left lying about; a second cancellation waits for this.
        await asyncio.shield(in_thread(sink.discard))
        raise


def announced_size(request: AnyRequest) -> int | None:
    """How many bytes the body has, if it says so."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None


def _named(info: FileInfo) -> FileMessage:
    """Listings of the proxy give names only, relative to the folder."""
    return FileMessage.of(FileInfo(info.path.rpartition("/")[2], info.is_dir, info.file_size))


def _refuse_slash(request: AnyRequest) -> None:
    path = unquote(request.scope["raw_path"].decode("latin-1"))
    if path.endswith("/"):  # the framework overlooks it
        raise NoSuchEndpoint(f"There is nothing at {request.method} {path}: leave out the slash at its end.")
