"""URLs that carry their own permission, where the store can sign them: bytes then do not pass through this server."""

from __future__ import annotations

from functools import partial

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mlkeep.blobs import paths
from mlkeep.blobs.contract import ArtifactStore, Signed
from mlkeep.core.errors import InvalidInput, NotFound, NotOffered
from mlkeep.core.settings import setting
from mlkeep.server.api import AnyRequest
from mlkeep.server.artifacts.destination import Destination
from mlkeep.server.artifacts.of_runs import Roots
from mlkeep.server.artifacts.routing import below, caller_of, message_of, path_below, route, told
from mlkeep.web.bodies import in_thread
from mlkeep.wire.multipart import (
    NO_MULTIPART_DOWNLOAD,
    PRESIGN_DOWNLOAD_PATHS,
    PRESIGN_UPLOAD_PATHS,
    PRESIGNED_ROOTS,
    PresignDownload,
    PresignDownloadResponse,
    PresignedDownload,
    PresignUpload,
    PresignUploadResponse,
    checked_expiration,
    signed_headers,
)

_DEFAULT_DOWNLOAD_EXPIRATION_S = 300


def presigned_proxy_routes(destination: Destination) -> list[HTTPRouteHandler]:
    """Where a file of the proxy can be had directly."""

    async def presigned(request: AnyRequest) -> Response[bytes]:
        path = paths.checked_file(path_below(request, PRESIGNED_ROOTS))
        size, signed = await in_thread(partial(_to_read, destination.store, path, download_expiration_s()))
        if signed is None:
            raise NotOffered(f"{NO_MULTIPART_DOWNLOAD}: get the file through the proxy.")
        return told(PresignedDownload(url=signed.url, headers=signed.headers, file_size=size))

    return [route(below(PRESIGNED_ROOTS), ["GET"], presigned)]


def presigned_routes(roots: Roots) -> list[HTTPRouteHandler]:
    """Where a file of a run or logged model can be had, or can be put, directly."""

    async def to_upload(request: AnyRequest) -> Response[bytes]:
        wanted = await message_of(request, PresignUpload)
        expires_s = checked_expiration(wanted.expiration)
        if bool(wanted.run_id) == bool(wanted.model_id):
            raise InvalidInput("Exactly one of run_id and model_id must be provided.")
        path = paths.checked_file(wanted.path)
        root = await (roots.of_run(wanted.run_id) if wanted.run_id else roots.of_model(wanted.model_id))
        _refuse_proxied(root, "upload")
        place = await in_thread(partial(roots.open, root))
        signed = await in_thread(partial(place.store.sign, "PUT", path, expires_s))
        if signed is None:
            raise _cannot_sign(root)
        await place.forget(path, caller_of(request))  # what is going to be there nobody digests
        return told(PresignUploadResponse(presigned_url=signed.url, headers=signed_headers(signed.headers)))

    async def to_download(request: AnyRequest) -> Response[bytes]:
        wanted = await message_of(request, PresignDownload)
        asked_s = download_expiration_s() if wanted.expiration is None else wanted.expiration
        expires_s = checked_expiration(asked_s)
        path = paths.checked_file(wanted.path)
        root = await roots.of_run(wanted.run_id)
        _refuse_proxied(root, "download")
        place = await in_thread(partial(roots.open, root))
        size, signed = await in_thread(partial(_to_read, place.store, path, expires_s))
        if signed is None:
            raise _cannot_sign(root)
        headers = signed_headers(signed.headers)
        return told(PresignDownloadResponse(presigned_url=signed.url, headers=headers, file_size=size))

    return [
        route(PRESIGN_UPLOAD_PATHS, ["POST"], to_upload),
        route(PRESIGN_DOWNLOAD_PATHS, ["POST"], to_download),
    ]


def download_expiration_s() -> int:
    """Seconds that URLs for reading are good for, unless the client says otherwise. Raises InvalidInput."""
    name = "PRESIGNED_DOWNLOAD_URL_TTL_SECONDS"
    text = setting(name)
    if text is None:
        return _DEFAULT_DOWNLOAD_EXPIRATION_S
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"Invalid value '{text}' for MLKEEP_{name}: it must be a number of seconds.")
    return checked_expiration(int(text))


def _to_read(store: ArtifactStore, path: str, expires_s: int) -> tuple[int, Signed | None]:
    """The size of a file, and where it can be read; only if it can is the size asked for."""
    signed = store.sign("GET", path, expires_s)
    if signed is None:
        return 0, None
    if (size := store.size(path)) is None:
        raise NotFound(f"No such artifact: '{path}'")
    return size, signed


def _refuse_proxied(root: str, what: str) -> None:
    scheme = root.partition(":")[0]
    if scheme == "mlflow-artifacts":
        raise InvalidInput(
            f"Presigned {what} is not supported for proxied artifact storage (artifact URI scheme: {scheme}). Send and "
            "get such artifacts through the proxy of the server."
        )


def _cannot_sign(root: str) -> InvalidInput:
    return InvalidInput(
        f"The artifacts at '{root}' have no signed URLs: only object stores do, where the server has keys to sign with."
    )
