"""Requests one after the other on one connection, timed until the whole answer is there."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec

from bench.load import UnexpectedAnswerError

PATIENCE_S = 300


class NotOfferedError(Exception):
    """The server does not know such requests."""


class Asking:
    """A connection that stays open."""

    def __init__(self, port: int, patience_s: float = PATIENCE_S) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience_s)

    def get(self, path: str) -> bytes:
        """The body of the answer. Raises NotOfferedError and UnexpectedAnswerError."""
        return self._asked("GET", path, None)

    def post(self, path: str, body: object) -> bytes:
        """The body of the answer. Raises NotOfferedError and UnexpectedAnswerError."""
        return self._asked("POST", path, msgspec.json.encode(body))

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _asked(self, method: str, path: str, body: bytes | None) -> bytes:
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = self._connection.getresponse()
        told = answer.read()
        if answer.status in (http.client.NOT_FOUND, http.client.METHOD_NOT_ALLOWED):
            raise NotOfferedError(path)
        if answer.status != http.client.OK:
            raise UnexpectedAnswerError(f"{method} {path} answered {answer.status} {told[:1000]!r}")
        return told


def median_s(ask: Callable[[], Any], *, most: int = 20, limit_s: float = 1.5) -> float:
    """Median seconds of a request. The first one does not count, unless the others would take too long."""
    times: list[float] = []
    ends = time.perf_counter() + limit_s
    while len(times) < most + 1 and (not times or time.perf_counter() < ends):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:] or times)
