"""Requests sent to a server: what `services.dispatch.Dispatcher.call` does in process, done over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from mlkeep.remote.transport import Transport, decoded
from mlkeep.wire.check import checked
from mlkeep.wire.message import Message, Request, spelled
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
