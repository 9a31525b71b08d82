"""What the artifact routes have in common: how they are declared, what they are asked for, how bytes are answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from litestar import HttpMethod, MediaType, Response
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_200_OK
from litestar.types import ASGIApp

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.core.errors import InvalidInput
from mlkeep.server.api import AnyRequest, check_is_json, json_response
from mlkeep.server.artifacts.headers import Selection, headers_of, look_at, selected
from mlkeep.services.call import Caller
from mlkeep.web.access import request_id_of
from mlkeep.web.bodies import FileAnswer, PiecesAnswer, in_thread
from mlkeep.wire.decode import from_body
from mlkeep.wire.message import Message
from mlkeep.wire.message import Request as WireRequest

R = TypeVar("R", bound=WireRequest)

_PARAMETER = re.compile(r"\{(\w+)\}")
_KINDS = {"path": "path", "number": "int"}
"""What stands for a parameter of a path, by its name; one segment of text if it is not named here."""

_encode = msgspec.json.Encoder().encode


def route(paths: Sequence[str], methods: Iterable[str], handler: Any) -> HTTPRouteHandler:
    """`handler` on these paths, in the form of `Resource.paths`; how large a body may be is its own affair."""
    return HTTPRouteHandler(
        [_PARAMETER.sub(lambda found: f"{{{found[1]}:{_KINDS.get(found[1], 'str')}}}", path) for path in paths],
        http_method=[HttpMethod(method) for method in methods],
        status_code=HTTP_200_OK,
        request_max_body_size=None,
    )(handler)


def below(roots: Iterable[str]) -> list[str]:
    """The routes of everything below some paths."""
    return [f"{root}/{{path}}" for root in roots]


def path_below(request: AnyRequest, roots: Iterable[str]) -> str:
    """What a request asks for below one of `roots`, decoded once and otherwise as the client wrote it.

    Frameworks tidy paths up, which is not for them to do before it is known that a path is safe.
    """
    raw = request.scope["raw_path"].decode("latin-1")
    root = next(root for root in roots if f"{root}/" in raw)
    try:
        return unquote(raw.partition(f"{root}/")[2], errors="strict")
    except UnicodeDecodeError:
        raise InvalidInput("Invalid path: it is not UTF-8.") from None


def query_of(request: AnyRequest, *names: str) -> str:
    """The first of these that the query has, "" if it has none."""
    return next((str(value) for name in names if (value := request.query_params.get(name))), "")


def segment_of(request: AnyRequest, name: str) -> str:
    """The segment of the path that stands for a parameter of the route."""
    return str(request.path_params[name])


async def message_of(request: AnyRequest, kind: type[R]) -> R:
    """The message in the body. Raises InvalidInput: it is none of this kind."""
    check_is_json(request.headers.get("content-type", ""))
    return from_body(kind, await request.body())


def caller_of(request: AnyRequest) -> Caller:
    """Who asks."""
    return Caller(request_id=request_id_of(request.scope))


def told(message: Message) -> Response[bytes]:
    """An answer that is a message."""
    return json_response(_encode(message))


class AnsweredBy(Response[bytes]):
    """The answer that another ASGI application gives."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(b"", media_type=MediaType.JSON)
        self._app = app

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self._app


async def file_response(request: AnyRequest, store: ArtifactStore, path: str, sha256: str) -> Response[bytes]:
    """The file, or the piece of it, that a GET or HEAD asks for. `sha256` is what was recorded of it, or "".

    Raises:
        NotFound, InvalidInput: there is no such file.
    """
    opened, file = await in_thread(partial(look_at, store, path, sha256))
    chosen: Selection = selected(request.headers, file)
    headers = headers_of(file, chosen)
    if chosen.status in {304, 416}:
        if opened is not None:
            opened.close()
        return Response(b"", status_code=chosen.status, headers=headers, media_type=MediaType.TEXT)
    if opened is not None:
        return AnsweredBy(FileAnswer(opened, chosen.start, chosen.end, chosen.status, headers))
    headers["Content-Length"] = str(chosen.end - chosen.start)
    if request.method == "HEAD":
        return AnsweredBy(PiecesAnswer(iter(()), chosen.status, headers))
    pieces = await in_thread(partial(store.read, path, chosen.start, chosen.end))
    return AnsweredBy(PiecesAnswer(pieces, chosen.status, headers))
