"""The artifact proxy: MLflow's `mlflow-artifacts` routes. Bytes stream through, whatever the size of the file."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from litestar import HttpMethod, Response
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK

from mlkeep.blobs import paths
from mlkeep.blobs.objects import ObjectArtifacts
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import Unavailable
from mlkeep.server.api import AnyRequest, json_response
from mlkeep.wire.artifacts import FileMessage, ProxyListResponse
from mlkeep.wire.resources import ARTIFACT_ROOTS as _ROOTS

_TEXT_ENDINGS = frozenset(
    [
        "txt",
        "log",
        "err",
        "cfg",
        "conf",
        "cnf",
        "cf",
        "ini",
        "properties",
        "prop",
        "hocon",
        "toml",
        "yaml",
        "yml",
        "xml",
        "json",
        "js",
        "py",
        "py3",
        "csv",
        "tsv",
        "md",
        "rst",
        "ipynb",
        "mlmodel",
        "mlproject",
    ]
)
"""Endings (or whole names without a dot) that MLflow sends as plain text, whatever their own type."""


def artifact_routes(store: ObjectArtifacts | None) -> list[HTTPRouteHandler]:
    """The routes of the proxy to `store`; without a store they say that there is none."""

    def proxied() -> ObjectArtifacts:
        if store is None:
            raise Unavailable(
                "Artifact serving is disabled: the server was started with --no-serve-artifacts. Clients reach the "
                "artifact store themselves."
            )
        return store

    async def list_folder(request: AnyRequest) -> Response[bytes]:
        folder = paths.checked(str(request.query_params.get("path", "")))
        found = await sync_to_thread(proxied().list, folder)
        return json_response(msgspec.json.encode(ProxyListResponse(files=[_named(info) for info in found])))

    async def download(request: AnyRequest) -> Stream:
        path = _asked_path(request)
        size, pieces = await proxied().read_stream(path)
        name = path.rpartition("/")[2]
        headers = {
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; {_filename(name)}",
            "X-Content-Type-Options": "nosniff",
        }
        return Stream(pieces, media_type=content_type_of(name), headers=headers)

    async def upload(request: AnyRequest) -> Response[bytes]:
        await proxied().put_stream(_asked_path(request), _pieces(request))
        return json_response(b"{}")

    async def delete(request: AnyRequest) -> Response[bytes]:
        await sync_to_thread(proxied().delete, _asked_path(request))
        return json_response(b"{}")

    files = [f"{root}/{{path:path}}" for root in _ROOTS]
    return [
        _route(list(_ROOTS), "GET", list_folder),
        _route(files, "GET", download),
        _route(files, "PUT", upload),
        _route(files, "DELETE", delete),
    ]


def content_type_of(name: str) -> str:
    """The content type an artifact of this name is sent with."""
    if name.rpartition(".")[2].lower() in _TEXT_ENDINGS and name != "MLproject":
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _route(paths: list[str], method: str, handler: Any) -> HTTPRouteHandler:
    return HTTPRouteHandler(
        paths, http_method=[HttpMethod(method)], status_code=HTTP_200_OK, request_max_body_size=None
    )(handler)


def _asked_path(request: AnyRequest) -> str:
    """The path below the proxy, decoded once and otherwise as the client wrote it; frameworks tidy paths up."""
    raw = request.scope["raw_path"].decode("latin-1")
    root = next(root for root in _ROOTS if f"{root}/" in raw)
    path = unquote(raw.partition(f"{root}/")[2])
    paths.checked(path)
    return path


def _named(info: FileInfo) -> FileMessage:
    """Listings of the proxy give names only, relative to the folder."""
    return FileMessage.of(FileInfo(info.path.rpartition("/")[2], info.is_dir, info.file_size))


def _filename(name: str) -> str:
    if name.isascii() and not set(name) & set(' "\\;,()<>@:/[]?={}\t'):
        return f"filename={name}"
    return f"filename*=UTF-8''{quote(name, safe='')}"


async def _pieces(request: AnyRequest) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece
