"""Requests sent to a server: what `services.dispatch.Dispatcher.call` does in process, done over HTTP."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

import msgspec

from mlkeep.core import limits
from mlkeep.remote import columns
from mlkeep.remote.abilities import abilities_of
from mlkeep.remote.transport import Transport, decoded
from mlkeep.wire.check import checked
from mlkeep.wire.columns import MSGPACK, LogColumns
from mlkeep.wire.heartbeats import Heartbeat, HeartbeatResponse
from mlkeep.wire.message import Message, Request, spelled
from mlkeep.wire.runs import LogBatch
from mlkeep.wire.table import BY_REQUEST


class HttpDoor:
    """Sends requests as the endpoint table says."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def call(self, request: Request) -> Message:
        """The answer to a request. Raises MlkeepException."""
        endpoint = BY_REQUEST[type(request)]
        fields = _written(checked(request))
        where = endpoint.paths[0]
        for name in endpoint.path_fields:
            where = where.replace(f"{{{name}}}", quote(str(fields[name]), safe=""))
        method = endpoint.methods[0]
        if method == "GET":
            query = {name: _text(value) for name, value in fields.items()}
            answer = self.transport.send(method, where, query=query)
        else:
            answer = self.transport.send(method, where, body=msgspec.json.encode(fields))
        return decoded(self.transport, answer, endpoint.response, endpoint.path)

    def beat(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        """Tell the server that runs are alive; None if it takes no heartbeats. Raises MlkeepException."""
        if not abilities_of(self.transport).mlkeep_heartbeats:
            return None
        return cast("HeartbeatResponse", self.call(heartbeat))

    def points_at_once(self, count: int) -> int:
        """How many points `log_many` takes, if there are `count` to be logged."""
        is_worth_it = count > limits.MAX_METRICS_PER_BATCH and self._largest_columns()
        return columns.MOST_AT_ONCE if is_worth_it else limits.MAX_METRICS_PER_BATCH

    def log_many(self, batch: LogBatch) -> None:
        """Log a batch: in columns where the server takes them, else as JSON, in as many parts as that needs.

        Raises MlkeepException.
        """
        is_many = len(batch.metrics) >= columns.WORTH_IT
        body = columns.in_columns(batch) if is_many and (most := self._largest_columns()) else None
        if body is not None and len(body) <= most:
            checked(LogBatch(run_id=batch.run_id, params=batch.params, tags=batch.tags))
            self.transport.send("POST", BY_REQUEST[LogBatch].paths[0], body=body, content_type=MSGPACK)
        elif len(batch.metrics) + len(batch.params) + len(batch.tags) <= limits.MAX_ENTITIES_PER_BATCH:
            self.call(batch)
        else:
            for half in columns.halves(checked(batch)):
                self.log_many(half)

    def log_columns(self, request: LogColumns) -> None:
        """Log points in binary columns where the server takes them, else as JSON in as many parts as that needs.

        Raises MlkeepException.
        """
        checked(request)
        if most := self._largest_columns():
            body = msgspec.msgpack.encode(request)
            if len(body) <= most:
                self.transport.send("POST", BY_REQUEST[LogBatch].paths[0], body=body, content_type=MSGPACK)
                return
        for batch in columns.as_batches(request):
            self.call(batch)

    def _largest_columns(self) -> int:
        return abilities_of(self.transport).mlkeep_columns


def _written(request: Request) -> dict[str, Any]:
    """The fields to send. Numbers that JSON cannot write are spelled out."""
    fields: dict[str, Any] = msgspec.to_builtins(request)
    _spell(fields)
    return fields


def _spell(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, float):
            fields[name] = spelled(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    _spell(item)


def _text(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value
