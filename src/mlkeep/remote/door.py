"""Requests sent to a server: what `services.dispatch.Dispatcher.call` does in process, done over HTTP."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

import msgspec

from mlkeep.core import limits
from mlkeep.remote import columns
from mlkeep.remote.abilities import Abilities, abilities_of, sure_abilities_of
from mlkeep.remote.packing import WORTH_PACKING, packed
from mlkeep.remote.transport import Transport, decoded
from mlkeep.wire.check import checked
from mlkeep.wire.columns import MSGPACK, LogColumns
from mlkeep.wire.heartbeats import Heartbeat, HeartbeatResponse
from mlkeep.wire.message import Message, Request, spelled
from mlkeep.wire.resources import JSON
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
            answer = self._send(method, where, msgspec.json.encode(fields))
        return decoded(self.transport, answer, endpoint.response, endpoint.path)

    def beat(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        """Tell the server that runs are alive; None if it takes no heartbeats. Raises MlkeepException."""
        if not abilities_of(self.transport).mlkeep_heartbeats:
            return None
        return cast("HeartbeatResponse", self.call(heartbeat))

    def points_at_once(self, count: int) -> int:
        """How many points `log_many` takes, if there are `count` to be logged."""
        is_worth_it = count > limits.MAX_METRICS_PER_BATCH and self._abilities().mlkeep_columns
        return columns.MOST_AT_ONCE if is_worth_it else limits.MAX_METRICS_PER_BATCH

    def log_many(self, batch: LogBatch) -> None:
        """Log a batch: in columns where the server takes them, else as JSON, in as many parts as that needs.

        Raises MlkeepException.
        """
        is_many = len(batch.metrics) >= columns.WORTH_IT
        body = columns.in_columns(batch) if is_many and (most := self._abilities().mlkeep_columns) else None
        if body is not None and len(body) <= most:
            checked(LogBatch(run_id=batch.run_id, params=batch.params, tags=batch.tags))
            self._post_batch(body, MSGPACK)
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
        most = self._abilities().mlkeep_columns
        if not most:
            for batch in columns.as_batches(request):
                self._log_batch(batch)
            return
        body = msgspec.msgpack.encode(request)
        if len(body) <= most or (halves := columns.halves_of(request)) is None:
            self._post_batch(body, MSGPACK)
        else:
            for half in halves:
                self.log_columns(half)

    def takes_run_ids(self) -> bool:
        """Whether a run gets the id that it is created with. Raises MlkeepException."""
        return self._abilities().is_ours

    def _log_batch(self, batch: LogBatch) -> None:
        """Log a batch, in parts if it has more bytes than servers take as JSON."""
        body = msgspec.json.encode(_written(batch))
        if len(body) > limits.MAX_BATCH_BODY_BYTES and len(batch.metrics) > 1:
            for half in columns.halves(batch):
                self._log_batch(half)
        else:
            self._post_batch(body, JSON)

    def _post_batch(self, body: bytes, content_type: str) -> None:
        endpoint = BY_REQUEST[LogBatch]
        answer = self._send("POST", endpoint.paths[0], body, content_type)
        decoded(self.transport, answer, endpoint.response, endpoint.path)

    def _send(self, method: str, where: str, body: bytes, content_type: str = JSON) -> bytes:
        """The answer to a body, which is compressed if that is worth it and the server undoes it."""
        encoding = ""
        if len(body) >= WORTH_PACKING:
            body, encoding = packed(body, self._abilities().mlkeep_encodings)
        return self.transport.send(method, where, body=body, content_type=content_type, encoding=encoding)

    def _abilities(self) -> Abilities:
        """What the server can do. Raises MlkeepException: it does not tell, and requests are not repeated."""
        return sure_abilities_of(self.transport) if self.transport.is_hasty else abilities_of(self.transport)


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
