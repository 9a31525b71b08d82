"""Around every request: its id, and one line of JSON in the access log."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

ID_HEADER = b"x-request-id"
_AT_ONCE = 4096
"""Bytes that Linux writes to a pipe in one piece."""

_encode = msgspec.json.Encoder().encode
_ACCEPTABLE_ID = re.compile(rb"[!-~]{1,128}")


class AccessLine(msgspec.Struct, frozen=True):
    """One answered request. `duration_ms` runs from its head to the last byte handed to the socket."""

    time: str
    request_id: str
    client: str
    method: str
    path: str
    status: int
    duration_ms: float


Write: TypeAlias = Callable[[bytes], object]
"""Takes a line of JSON with a newline at the end."""


class ToStderr:
    """Writes lines to standard error: those of one turn of the event loop together, which they are given in.

    What is written at once is not mixed with what other workers write.
    """

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        if not self._held:
            asyncio.get_running_loop().call_soon(self.flush)
        self._held.append(line)

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, []
        piece = b""
        for line in held:
            if piece and len(piece) + len(line) > _AT_ONCE:
                _write(piece)
                piece = b""
            piece += line
        if piece:
            _write(piece)


def _write(piece: bytes) -> None:
    with suppress(OSError):  # nobody reads it any more; that is no reason to fail a request
        os.write(2, piece)


def request_id_from(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The id of a request: the one that its headers give, if it is acceptable, else a new one."""
    for name, value in headers:
        if name == ID_HEADER:
            return value if _ACCEPTABLE_ID.fullmatch(value) else new_request_id()
    return new_request_id()


def new_request_id() -> bytes:
    """32 random hexadecimal digits."""
    return b"%032x" % random.getrandbits(128)


def log_line(request_id: bytes, client: str, method: str, path: str, status: int, started: float) -> bytes:
    """The line about a request that began when `time.perf_counter()` was `started`."""
    line = AccessLine(
        time=_now(),
        request_id=request_id.decode("ascii"),
        client=client,
        method=method,
        path=path,
        status=status,
        duration_ms=round((time.perf_counter() - started) * 1000, 3),
    )
    return _encode(line) + b"\n"


def _now() -> str:
    milliseconds = time.time_ns() // 1_000_000
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03}+00:00"


@functools.lru_cache(maxsize=2)
def _second(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def observed(app: ASGIApp, write: Write | None) -> ASGIApp:
    """`app` with a request id and, given something to `write` it, an access-log line for each HTTP request.

    An X-Request-Id of 1 to 128 printable ASCII characters is taken over from the client; else one is made. The answer
    carries it. A status of 0 in the log means that the client was gone before there was an answer.
    """

    async def observe(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = request_id_from(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id.decode("ascii")
        status = 0
        gone = False

        async def receive_or_learn() -> Any:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = 0 if gone else message["status"]
                message["headers"] = [*message["headers"], (ID_HEADER, request_id)]
            await send(message)

        if write is None:
            await app(scope, receive, send_with_id)
            return
        try:
            await app(scope, receive_or_learn, send_with_id)
        finally:
            client = scope.get("client")
            write(log_line(request_id, client[0] if client else "", scope["method"], scope["path"], status, started))

    return observe


def request_id_of(scope: Any) -> str:
    """The id that `observed` gave the request of `scope`, or "" outside of it."""
    state: dict[str, object] = scope.get("state", {})
    return str(state.get("request_id", ""))
