"""Bodies of requests and answers that are too large to hold: moved piece by piece, beside the event loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from litestar.types import Receive, Scope, Send

PIECE = 1024 * 1024
"""Bytes handed on at a time."""

_THREADS = 32
"""Bodies that are moved at the same time; others wait for their turn at each piece."""

T = TypeVar("T")


class ClientGone(Exception):  # noqa: N818 - nobody is left to whom it would be an error
    """The client closed the connection before its request was complete."""


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="mlkeep-body")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` gives, done in a thread of those that move bodies."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


async def receive_body(receive: Receive, write: Callable[[bytes], object]) -> int:
    """Hand the body of a request to `write` in pieces, in threads, one after another. The number of bytes.

    Raises:
        ClientGone: the body broke off.
    """
    total, held = 0, bytearray()
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
            total += len(piece)
    return total


Headers = Mapping[str, str]


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

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        await send_head(send, self._status, self._headers)
        if scope["type"] == "http" and scope["method"] != "HEAD":
            while (piece := await in_thread(functools.partial(next, self._pieces, None))) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class FileAnswer:
    """An ASGI application that answers with the bytes of a file from `start` up to but not including `end`."""

    def __init__(self, file: Path, start: int, end: int, status: int, headers: Headers) -> None:
        self._file = file
        self._start, self._end = start, end
        self._status = status
        self._headers = {**headers, "Content-Length": str(end - start)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PiecesAnswer(_pieces_of(self._file, self._start, self._end), self._status, self._headers)(
            scope, receive, send
        )


def _pieces_of(file: Path, start: int, end: int) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as opened:
        opened.seek(start)
        left = end - start
        while left > 0 and (piece := opened.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
