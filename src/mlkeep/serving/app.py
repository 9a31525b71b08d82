"""The scoring protocol over HTTP: routes, statuses and the thread pool around one `ScoredModel`."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_200_OK, HTTP_405_METHOD_NOT_ALLOWED, HTTP_415_UNSUPPORTED_MEDIA_TYPE

from mlkeep.core.errors import InternalError, MlkeepException
from mlkeep.serving.body import UnsupportedContentType
from mlkeep.serving.scoring import ModelFailed, ScoredModel
from mlkeep.version import __version__
from mlkeep.web.access import request_id_of
from mlkeep.wire.errors import body_of, status_of

MAX_BODY_BYTES: Final = 1 << 30
DEFAULT_TIMEOUT_S: Final = 60.0

_log = logging.getLogger("mlkeep.serving")
_AnyRequest = Request[Any, Any, Any]


def build_app(model: ScoredModel, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Litestar:
    """The application that answers for `model`.

    Reading, predicting and encoding run in a thread pool, so a slow prediction holds up neither health checks nor
    other requests. A request that takes longer than `timeout_s` is answered with 504; its thread runs on to its end.
    """
    pool = ThreadPoolExecutor(thread_name_prefix="predict")

    @asynccontextmanager
    async def predicting(_: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    @post("/invocations", status_code=HTTP_200_OK)
    async def invocations(request: _AnyRequest) -> Response[bytes]:
        body = await request.body()
        answer = functools.partial(model.answer, body, request.headers.get("content-type"))
        loop = asyncio.get_running_loop()
        try:
            return _json(await asyncio.wait_for(loop.run_in_executor(pool, answer), timeout_s))
        except TimeoutError:
            return _json(b"Request processing time exceeded limit", 504)

    @get(["/ping", "/health"])
    async def ping() -> Response[bytes]:
        return _json(b"\n")

    @get("/version")
    async def version() -> Response[bytes]:
        return _json(__version__.encode())

    return Litestar(
        [invocations, ping, version],
        lifespan=[predicting],
        exception_handlers={
            UnsupportedContentType: _unsupported,
            ModelFailed: _model_failed,
            MlkeepException: _refused,
            HTTPException: _no_route,
            Exception: _failed,
        },
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _json(body: bytes, status: int = HTTP_200_OK, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(body, status_code=status, media_type=MediaType.JSON, headers=headers)


def _unsupported(_: _AnyRequest, error: UnsupportedContentType) -> Response[str]:
    return Response(error.message, status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, media_type=MediaType.TEXT)


def _refused(_: _AnyRequest, error: MlkeepException) -> Response[bytes]:
    return _json(body_of(error), status_of(error))


def _model_failed(request: _AnyRequest, error: ModelFailed) -> Response[bytes]:
    _log.error("request %s: the model failed", request_id_of(request.scope), exc_info=error.__cause__)
    return _refused(request, error)


def _no_route(request: _AnyRequest, error: HTTPException) -> Response[bytes]:
    headers = None
    if error.status_code == HTTP_405_METHOD_NOT_ALLOWED:
        headers = {"allow": "POST" if request.url.path == "/invocations" else "GET"}
    return _json(msgspec.json.encode({"detail": error.detail}), error.status_code, headers)


def _failed(request: _AnyRequest, error: Exception) -> Response[bytes]:
    request_id = request_id_of(request.scope)
    _log.error("request %s failed", request_id, exc_info=error)
    return _refused(request, InternalError(f"The server failed; its log tells why under request id {request_id}."))
