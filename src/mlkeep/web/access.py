"""Around every request: its id, and one line of JSON in the access log."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_ID_HEADER = b"x-request-id"
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


def to_stderr(line: bytes) -> None:
    """Write `line` to standard error in one piece, so that lines of several workers do not mix."""
    with suppress(OSError):  # nobody reads it any more; that is no reason to fail a request
        os.write(2, line)


def observed(app: ASGIApp, write: Callable[[bytes], object] | None = to_stderr) -> ASGIApp:
    """`app` with a request id and, given something to `write` it, an access-log line for each HTTP request.

    The line is JSON with a newline at the end.

    An X-Request-Id of 1 to 128 printable ASCII characters is taken over from the client; else one is made. The answer
    carries it. A status of 0 in the log means that the client was gone before there was an answer.
    """

    async def observe(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = next((value for name, value in scope["headers"] if name == _ID_HEADER), b"")
        if not _ACCEPTABLE_ID.fullmatch(request_id):
            request_id = b"%032x" % random.getrandbits(128)
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
                message["headers"] = [*message["headers"], (_ID_HEADER, request_id)]
            await send(message)

        if write is None:
            await app(scope, receive, send_with_id)
            return
        try:
            await app(scope, receive_or_learn, send_with_id)
        finally:
            client = scope.get("client")
            line = AccessLine(
                time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                request_id=request_id.decode("ascii"),
                client=client[0] if client else "",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 3),
            )
            write(msgspec.json.encode(line) + b"\n")

    return observe


def request_id_of(scope: Any) -> str:
    """The id that `observed` gave the request of `scope`, or "" outside of it."""
    state: dict[str, object] = scope.get("state", {})
    return str(state.get("request_id", ""))
