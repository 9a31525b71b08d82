"""The outbox of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select

from mlkeep.storage.contract import Event
from mlkeep.storage.sql.dialect import InsertRows
from mlkeep.storage.sql.schema import events
from mlkeep.storage.sql.session import Session

_ADD = InsertRows(events, ["workspace", "at_ms", "principal", "action", "entity", "request_id", "before", "after"])


class SqlEvents:
    """See `contract.EventStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, event: Event) -> None:
        self._session.pending_events.append(event)

    def after(self, position: int, limit: int) -> list[tuple[int, Event]]:
        rows = self._session.execute(select(events).where(events.c.id > position).order_by(events.c.id).limit(limit))
        return [
            (
                row.id,
                Event(
                    action=row.action,
                    entity=row.entity,
                    principal=row.principal,
                    request_id=row.request_id,
                    at_ms=row.at_ms,
                    before=_mapping(row.before),
                    after=_mapping(row.after),
                    workspace=row.workspace,
                ),
            )
            for row in rows
        ]


def write_pending(session: Session) -> None:
    """Write the events of a transaction, as the last thing in it."""
    session.insert(
        _ADD,
        [
            {
                "workspace": event.workspace,
                "at_ms": event.at_ms,
                "principal": event.principal,
                "action": event.action,
                "entity": event.entity,
                "request_id": event.request_id,
                "before": _text(event.before),
                "after": _text(event.after),
            }
            for event in session.pending_events
        ],
    )


def _text(state: Mapping[str, Any] | None) -> str | None:
    return None if state is None else msgspec.json.encode(state).decode()


def _mapping(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
