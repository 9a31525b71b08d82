"""Bodies of requests and answers that are too large to hold: moved piece by piece, beside the event loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from typing import TYPE_CHECKING, Any, TypeVar

from litestar.types import Receive, Send

if TYPE_CHECKING:
    from mlkeep.web.direct import Connection

EXTENSION = "mlkeep.direct"
"""Under this name a scope offers the short way of its connection, if it has one (`mlkeep.web.direct`)."""

PIECE = 1024 * 1024
"""Bytes handed on at a time."""

_WORTH_A_THREAD = 256 * 1024
"""Bytes from which a body goes past the event loop, if it can."""

_THREADS = 32
"""Pieces that are moved at the same time; others wait for their turn."""

T = TypeVar("T")
Headers = Mapping[str, str]


class ClientGone(Exception):  # noqa: N818 - nobody is left to whom it would be an error
    """The client closed the connection before its request was complete."""


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="mlkeep-body")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` gives, done in a thread of those that move bodies."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def _direct(scope: Any) -> Connection | None:
    """The short way of a connection, if it has one."""
    connection: Connection | None = scope.get("extensions", {}).get(EXTENSION)
    return connection


async def receive_body(scope: Any, receive: Receive, write: Callable[[bytes | memoryview], object]) -> None:
    """Hand the body of a request to `write` in pieces, in threads, one after another.

    A piece is only valid during the call.

    Raises:
        ClientGone: the body broke off.
    """
    headers = dict(scope["headers"])
    size = int(headers.get(b"content-length", b"0"))
    if size >= _WORTH_A_THREAD and b"transfer-encoding" not in headers and (direct := _direct(scope)) is not None:
        try:
            if await direct.receive(size, write):
                return
        except ConnectionError as err:
            raise ClientGone from err
    held = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if message["type"] != "http.request":
            continue
        held += message["body"]
        more = message["more_body"]
        if held and (len(held) >= PIECE or not more):
            piece, held = bytes(held), bytearray()
            await in_thread(functools.partial(write, piece))


async def send_head(send: Send, status: int, headers: Headers) -> None:
    """Begin an answer."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


class PiecesAnswer:
    """An ASGI application that answers with pieces, each fetched in a thread. `headers` tell the length if it is known."""

    def __init__(self, pieces: Iterator[bytes], status: int, headers: Headers) -> None:
        self._pieces = pieces
        self._status = status
        self._headers = headers

    async def __call__(self, scope: Any, _: Receive, send: Send) -> None:
        await send_head(send, self._status, self._headers)
        if scope["method"] != "HEAD":
            await _send_pieces(send, self._pieces)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class FileAnswer:
    """An ASGI application that answers with the bytes of an open file from `start` up to but not including `end`.

    It closes the file. That it was open before anything was said of it makes sure that all is said of the same file,
    whatever takes its place meanwhile.
    """

    def __init__(self, file: FileIO, start: int, end: int, status: int, headers: Headers) -> None:
        self._file = file
        self._start, self._end = start, end
        self._status = status
        self._headers = {**headers, "Content-Length": str(end - start)}

    async def __call__(self, scope: Any, _: Receive, send: Send) -> None:
        with self._file:
            await send_head(send, self._status, self._headers)
            if scope["method"] != "HEAD" and not await self._sent_directly(scope):
                await _send_pieces(send, _pieces_of(self._file, self._start, self._end))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _sent_directly(self, scope: Any) -> bool:
        direct = _direct(scope)
        if direct is None or self._end - self._start < _WORTH_A_THREAD:
            return False
        try:
            return await direct.send(self._file, self._start, self._end)
        except ConnectionError:
            return True  # to nobody


async def _send_pieces(send: Send, pieces: Iterator[bytes]) -> None:
    while (piece := await in_thread(functools.partial(next, pieces, None))) is not None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


def _pieces_of(file: FileIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    left = end - start
    while left > 0 and (piece := file.read(min(PIECE, left))):
        left -= len(piece)
        yield piece
