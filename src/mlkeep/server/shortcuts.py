"""What the server answers without the web framework: the paths that log to runs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from mlkeep.core.errors import MlkeepException
from mlkeep.server.api import fault
from mlkeep.services.dispatch import Dispatcher
from mlkeep.services.logged import LOGS
from mlkeep.web.shortcuts import Answer, Begin
from mlkeep.wire.columns import MSGPACK
from mlkeep.wire.decode import from_body
from mlkeep.wire.errors import body_of, status_of
from mlkeep.wire.message import Request
from mlkeep.wire.msgpack import from_msgpack
from mlkeep.wire.table import ENDPOINTS

_JSON = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
"""How nearly everybody writes it. Other spellings are understood in the usual way."""

_MSGPACK = MSGPACK.encode()

MOST = 1024 * 1024
"""Bytes of a body. Larger ones are not many, and are read beside the event loop."""

_UNUSUAL = frozenset({b"transfer-encoding", b"content-encoding", b"x-mlflow-workspace", b"upgrade"})
"""Headers that the usual way knows what to do with."""

_DONE = Answer(200, b"{}")


class LoggingShortcuts:
    """See `web.shortcuts.Shortcuts`. Whoever guards the routes of the application has to guard these as well."""

    def __init__(self, dispatcher: Dispatcher, max_body_bytes: int, prefix: str) -> None:
        self._dispatcher = dispatcher
        self._most = min(max_body_bytes, MOST)
        self._begin: dict[bytes, Begin] = {
            f"{prefix}{path}".encode(): partial(self._log, endpoint.request)
            for endpoint in ENDPOINTS
            if endpoint.request in LOGS
            for path in endpoint.paths
        }
        self._begin_columns: dict[bytes, Begin] = {
            f"{prefix}{path}".encode(): self._log_columns
            for endpoint in ENDPOINTS
            if endpoint.columns is not None
            for path in endpoint.paths
        }

    def find(self, path: bytes, headers: list[tuple[bytes, bytes]]) -> Begin | None:
        begin = self._begin.get(path)
        if begin is None:
            return None
        length = kind = None
        for name, value in headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"content-type":
                if kind is not None or not (value in _JSON or value == _MSGPACK):
                    return None
                kind = value
            elif name in _UNUSUAL:
                return None
        if kind is None or length is None or length > self._most:
            return None
        return self._begin_columns.get(path) if kind == _MSGPACK else begin

    def answer(self, failure: BaseException | None, request_id: str) -> Answer:
        if failure is None:
            return _DONE
        error = failure if isinstance(failure, MlkeepException) else fault(failure, request_id)
        return Answer(status_of(error), body_of(error))

    def _log(self, kind: type[Request], body: bytes) -> asyncio.Future[Any]:
        return self._dispatcher.log(from_body(kind, body))

    def _log_columns(self, body: bytes) -> asyncio.Future[Any]:
        return self._dispatcher.log(from_msgpack(body))
