"""A server in front of a real one that can misbehave for a while."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

import msgspec

from bench.scriptedserver import Answer, Asked, ScriptedServer

PASSED_ON = ("content-type", "content-encoding", "retry-after")


class Misbehaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are answered: `Answer` explains most fields. Without a `status` it is the real server's answer.

    With `is_done` the real server did what was asked, whatever the client is told; with `closes` it is told nothing.
    """

    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = {}
    hangs: bool = False
    closes: bool = False
    sent: int | None = None
    is_done: bool = False


AWAY = Misbehaviour(closes=True)
"""As if there were no server."""


class MisbehavingServer(ScriptedServer):
    """Passes requests on while it has no `misbehaviour`."""

    def __init__(self, uri: str) -> None:
        """Start it in front of the server at `uri`."""
        super().__init__()
        self.misbehaviour: Misbehaviour | None = None
        self.misbehaved_at_s: list[float] = []
        """When it did, by the monotonic clock."""
        self._behind = urlsplit(uri)

    def _next(self, request: Asked) -> Answer:
        """What the real server says, or something else. Raises ConnectionAbortedError, to which nothing is answered."""
        how = self.misbehaviour
        if how is None:
            return self._passed_on(request)
        self.misbehaved_at_s.append(time.monotonic())
        answer = self._passed_on(request) if how.is_done else Answer()
        if how.closes:
            raise ConnectionAbortedError
        if how.status is not None:
            answer = Answer(how.status, how.body, how.headers)
        return msgspec.structs.replace(answer, hangs=how.hangs, sent=how.sent)

    def _passed_on(self, request: Asked) -> Answer:
        connection = http.client.HTTPConnection(self._behind.hostname or "", self._behind.port, timeout=60)
        try:
            kept = {name: value for name, value in request.headers.items() if name not in {"host", "connection"}}
            connection.request(request.method, request.target, request.body or None, kept)
            response = connection.getresponse()
            headers = {name: value for name in PASSED_ON if (value := response.headers.get(name)) is not None}
            return Answer(response.status, response.read(), headers)
        finally:
            connection.close()
