"""The short way of small requests that come in masses: from the parser to the answer without the web framework.

A request takes it only where nothing about it is out of the ordinary: one of the known paths to the letter, a plain body
whose length is told, nothing sent ahead. All others take the usual way through the application, which answers on these
paths too, and the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from mlkeep.web.access import ID_HEADER, Write, log_line, request_id_from
from mlkeep.web.direct import DirectProtocol

Begin: TypeAlias = Callable[[bytes], asyncio.Future[Any]]
"""Begins to answer a request with this body; what is done when the future is. Either may fail."""


class Answer(NamedTuple):
    """Of `media_type` application/json."""

    status: int
    body: bytes


class Shortcuts(Protocol):
    """What an application answers in this way."""

    def find(self, path: bytes, headers: list[tuple[bytes, bytes]]) -> Begin | None:
        """What answers a POST to this path with these headers, if it may take the short way. Names are in lower case."""
        ...

    def answer(self, failure: BaseException | None, request_id: str) -> Answer:
        """The answer to a request that is done, or has failed."""
        ...


class WithShortcuts:
    """An ASGI application, and what of it can be answered in the short way."""

    def __init__(self, app: ASGIApp, shortcuts: Shortcuts) -> None:
        self.app = app
        self.shortcuts = shortcuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class ShortcutProtocol(DirectProtocol):
    """`DirectProtocol` which answers some requests itself.

    A connection has one request under way; those that were sent ahead take the usual way, after it.
    """

    def __init__(self, shortcuts: Shortcuts, write: Write | None, **given: Any) -> None:
        super().__init__(**given)
        self._shortcuts = shortcuts
        self.write_line = write
        self._exchange: _Exchange | None = None
        """The request whose body comes in now."""

    def on_headers_complete(self) -> None:
        if (
            not self._is_busy()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and (begin := self._shortcuts.find(self.url, self.headers)) is not None
        ):
            self._exchange = _Exchange(self, begin, self._shortcuts)
            self.cycle = self._exchange  # type: ignore[assignment]  # has what others look for in it
            return
        self._exchange = None
        super().on_headers_complete()

    def _is_busy(self) -> bool:
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def on_body(self, body: bytes) -> None:
        if self._exchange is None:
            super().on_body(body)
        else:
            self._exchange.pieces.append(body)

    def on_message_complete(self) -> None:
        if self._exchange is None:
            super().on_message_complete()
        else:
            self._exchange.begin()
            self._exchange = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._exchange is not None:
            self._exchange.log(0)
            self._exchange = None
        super().connection_lost(exc)


class _Exchange:
    """One request and its answer, in the place of uvicorn's cycle."""

    __slots__ = (
        "_begin",
        "_path",
        "_protocol",
        "_request_id",
        "_shortcuts",
        "_started",
        "disconnected",
        "keep_alive",
        "message_event",
        "pieces",
        "response_complete",
    )

    def __init__(self, protocol: ShortcutProtocol, begin: Begin, shortcuts: Shortcuts) -> None:
        self._started = time.perf_counter()
        self._protocol = protocol
        self._begin = begin
        self._shortcuts = shortcuts
        self._path = protocol.url
        self._request_id = request_id_from(protocol.headers)
        self.pieces: list[bytes] = []
        self.keep_alive: bool = protocol.parser.should_keep_alive()
        self.response_complete = False
        self.disconnected = False
        self.message_event = _NOBODY_WAITS

    def begin(self) -> None:
        """All of the body has come."""
        body = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        try:
            self._begin(body).add_done_callback(self._done)
        except Exception as err:  # noqa: BLE001 - as at the edge of every request
            self._send(err)

    def log(self, status: int) -> None:
        """Write a line to the access log."""
        if (write := self._protocol.write_line) is not None:
            client = self._protocol.client
            path = self._path.decode()
            write(log_line(self._request_id, client[0] if client else "", "POST", path, status, self._started))

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._send(asyncio.CancelledError() if future.cancelled() else future.exception())

    def _send(self, failure: BaseException | None) -> None:
        status, body = self._shortcuts.answer(failure, self._request_id.decode("ascii"))
        protocol = self._protocol
        if not self.disconnected:
            protocol.transport.write(
                b"%b%bcontent-type: application/json\r\ncontent-length: %d\r\n%b: %b\r\n%b\r\n%b"
                % (
                    STATUS_LINE[status],
                    b"".join(b"%b: %b\r\n" % header for header in protocol.server_state.default_headers),
                    len(body),
                    ID_HEADER,
                    self._request_id,
                    b"" if self.keep_alive else b"connection: close\r\n",
                    body,
                )
            )
        self.response_complete = True
        self.log(status)
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()


class _NobodyWaits:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Nothing happens."""


_NOBODY_WAITS = _NobodyWaits()
