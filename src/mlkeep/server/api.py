"""Routes read off the endpoint table, and the errors all routes answer with."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import HttpMethod, MediaType, Request, Response
from litestar.exceptions import ClientException, HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import (
    HTTP_200_OK,
    HTTP_404_NOT_FOUND,
    HTTP_405_METHOD_NOT_ALLOWED,
    HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    HTTP_415_UNSUPPORTED_MEDIA_TYPE,
    HTTP_503_SERVICE_UNAVAILABLE,
)

from mlkeep.core import limits
from mlkeep.core.errors import BadRequest, InternalError, InvalidInput, MlkeepException, NoSuchEndpoint, NotOffered
from mlkeep.core.ids import DEFAULT_WORKSPACE
from mlkeep.server.options import MAX_BODY_BYTES
from mlkeep.services.call import Caller
from mlkeep.services.dispatch import Dispatcher
from mlkeep.web.access import request_id_of
from mlkeep.web.bodies import ClientGone
from mlkeep.web.unpacking import ENCODINGS, TooLarge, unpacked
from mlkeep.wire.columns import MSGPACK, LogColumns
from mlkeep.wire.decode import from_body, from_query
from mlkeep.wire.endpoint import Endpoint
from mlkeep.wire.errors import body_of, status_of
from mlkeep.wire.message import Request as WireRequest
from mlkeep.wire.msgpack import from_msgpack
from mlkeep.wire.resources import JSON
from mlkeep.wire.table import ENDPOINTS, not_offered

AnyRequest = Request[Any, Any, Any]

_TRACKING = re.compile(
    r"/(?!(?:ajax-)?api/2\.0/mlflow-artifacts/)(?:api|ajax-api|get-artifact|model-versions|graphql)(?:/|$)"
)
"""Paths of what tracks runs and models, rather than of what keeps files."""

_log = logging.getLogger("mlkeep.server")
_encode = msgspec.json.Encoder().encode


def api_routes(dispatcher: Dispatcher) -> list[HTTPRouteHandler]:
    """A handler for each row of the endpoint table."""
    return [_route(endpoint, method, dispatcher) for endpoint in ENDPOINTS for method in endpoint.methods]


def _route(endpoint: Endpoint, method: str, dispatcher: Dispatcher) -> HTTPRouteHandler:
    # The key of a tag is the only field of a path that may have slashes; the framework gives it with one more.
    paths = [path.replace("}", ":str}").replace("{key:str}", "{key:path}") for path in endpoint.paths]
    kind, has_fields = endpoint.request, bool(endpoint.path_fields)

    async def answer(request: AnyRequest) -> Response[bytes]:
        if request.scope["raw_path"].endswith(b"/"):  # the framework overlooks it
            raise _nothing_at(request)
        check_workspace(request.headers.get("x-mlflow-workspace", ""))
        extra = {name: value.lstrip("/") for name, value in request.path_params.items()} if has_fields else None
        if endpoint.columns is not None and media_type(request.headers.get("content-type", "")) == MSGPACK:
            wanted: WireRequest = await _from_columns(request)
        elif method == "GET":
            wanted = await _from_get(kind, request, extra)
        else:
            wanted = await _from_body(kind, request, extra)
        told = await dispatcher.call_async(wanted, Caller(request_id=request_id_of(request.scope)))
        if endpoint.packed is not None and takes_msgpack(request.headers.get("accept", "")):
            return Response(endpoint.packed(told), media_type=MSGPACK)
        return json_response(_encode(told))

    return HTTPRouteHandler(
        paths, http_method=[HttpMethod(method)], status_code=HTTP_200_OK, name=f"{method} {endpoint.path}"
    )(answer)


async def _from_get(kind: type[WireRequest], request: AnyRequest, extra: Mapping[str, str] | None) -> WireRequest:
    """A GET without a query may carry a JSON body instead."""
    query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if not query and (body := await request.body()):
        return from_body(kind, body, extra)
    return from_query(kind, query, extra)


async def _from_body(kind: type[WireRequest], request: AnyRequest, extra: Mapping[str, str] | None) -> WireRequest:
    encoding = _encoding(request)
    if request.method in {"POST", "PUT"}:
        check_is_json(request.headers.get("content-type", ""))
    most = request.route_handler.resolve_request_max_body_size()
    return from_body(kind, await _body(request, encoding, MAX_BODY_BYTES if most is None else most), extra)


async def _from_columns(request: AnyRequest) -> LogColumns:
    body = await _body(request, _encoding(request), limits.MAX_COLUMNS_BODY_BYTES)
    if len(body) > limits.MAX_COLUMNS_BODY_BYTES:
        raise _too_large(limits.MAX_COLUMNS_BODY_BYTES)
    return await asyncio.to_thread(from_msgpack, body)


async def _body(request: AnyRequest, encoding: str, most: int) -> bytes:
    """The body of a request, which may have `most` bytes when it is unpacked."""
    body = await request.body()
    if not encoding:
        return body
    try:
        return await asyncio.to_thread(unpacked, body, encoding, most)
    except TooLarge as err:
        raise _too_large(most) from err


def _too_large(most: int) -> ClientException:
    return ClientException(status_code=HTTP_413_REQUEST_ENTITY_TOO_LARGE, extra={"most": most})


def _encoding(request: AnyRequest) -> str:
    """How the body is packed; "" if it is not. Raises ClientException: in a way that is not undone."""
    encoding: str = request.headers.get("content-encoding", "identity")
    if encoding.lower() == "identity":
        return ""
    if encoding.lower() not in ENCODINGS:
        raise ClientException(
            f"The request body has the Content-Encoding '{encoding[:100]}', which this server does not undo: send it plain, "
            f"or as {' or '.join(ENCODINGS)}.",
            status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE,
        )
    return encoding.lower()


def media_type(content_type: str) -> str:
    """The type that a header names, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def check_is_json(content_type: str) -> None:
    """Raises InvalidInput: a body of this type is not read."""
    if media_type(content_type) != JSON:
        raise InvalidInput(
            f"Bad Request. Content-Type must be application/json, got '{content_type}'. Send the header Content-Type: "
            "application/json."
        )


def takes_msgpack(accept: str) -> bool:
    """Whether a client that sends this header `Accept` names msgpack."""
    return any(kind.partition(";")[0].strip().lower() == MSGPACK for kind in accept.split(","))


def check_workspace(name: str) -> None:
    """Raises NotOffered: a client asks for another workspace than the one there is."""
    if name not in {"", DEFAULT_WORKSPACE}:
        raise NotOffered(
            f"This server has one workspace, '{DEFAULT_WORKSPACE}', not '{name}': leave out the header "
            "X-MLFLOW-WORKSPACE, or the workspace of the client.",
            "FEATURE_DISABLED",
        )


def json_response(body: bytes, status: int = HTTP_200_OK, headers: dict[str, str] | None = None) -> Response[bytes]:
    """An answer that is JSON already."""
    return Response(body, status_code=status, media_type=MediaType.JSON, headers=headers)


def refused(_: AnyRequest, error: MlkeepException) -> Response[bytes]:
    """The answer to a request that was refused."""
    return json_response(body_of(error), status_of(error))


def no_route(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """The answer to a path or verb there is no route for, or to what the framework refused."""
    path, method = request.scope["path"], request.method
    if error.status_code == HTTP_404_NOT_FOUND:
        if (known := not_offered(path)) is not None:
            return refused(
                request, NotOffered(f"mlkeep does not offer MLflow's '{known}' (asked for {method} {path}).")
            )
        return refused(request, _nothing_at(request))
    if error.status_code == HTTP_405_METHOD_NOT_ALLOWED and path.endswith("/"):
        return refused(request, _nothing_at(request))
    if error.status_code == HTTP_405_METHOD_NOT_ALLOWED:
        told = NoSuchEndpoint(f"The path {path} does not take {method} requests.")
        return json_response(body_of(told), error.status_code, dict(error.headers or {}))
    if error.status_code == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
        most = (error.extra if isinstance(error.extra, dict) else {}).get(
            "most", request.route_handler.resolve_request_max_body_size()
        )
        large = BadRequest(
            f"The request body is larger than {most} bytes, the most this server takes: send less at once."
        )
        return json_response(body_of(large), error.status_code)
    return json_response(body_of(MlkeepException(error.detail, error_code="BAD_REQUEST")), error.status_code)


def only_artifacts(prefix: str) -> Callable[[AnyRequest, HTTPException], Response[bytes]]:
    """`no_route` for a server that has nothing but the artifact proxy, all paths of which begin with `prefix`."""

    def answer(request: AnyRequest, error: HTTPException) -> Response[bytes]:
        path = request.scope["path"]
        below = f"/{path.removeprefix(prefix).lstrip('/')}"
        if error.status_code != HTTP_404_NOT_FOUND or not _TRACKING.match(below):
            return no_route(request, error)
        text = (
            f"Endpoint: {path} is disabled: the server runs with --artifacts-only. Start it without that option to have it "
            "track runs and models as well.\n"
        )
        return Response(text.encode(), status_code=HTTP_503_SERVICE_UNAVAILABLE, media_type=MediaType.TEXT)

    return answer


def gone(_: AnyRequest, __: ClientGone) -> Response[bytes]:
    """The answer that nobody reads any more."""
    told = MlkeepException("The request broke off before all of it had arrived.", error_code="CANCELLED")
    return json_response(body_of(told), status_of(told))


def _nothing_at(request: AnyRequest) -> NoSuchEndpoint:
    path = request.scope["path"]
    return NoSuchEndpoint(f"There is nothing at {request.method} {path}: check the path and its version.")


def failed(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The answer where the fault is ours: the log tells more, the client only where to look."""
    return refused(request, fault(error, request_id_of(request.scope)))


def fault(error: BaseException, request_id: str) -> InternalError:
    """What the client is told of `error`, which goes to the log."""
    _log.error("request %s failed", request_id, exc_info=error)
    return InternalError(f"The server failed; its log tells why under request id {request_id}.")
