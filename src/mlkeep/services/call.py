"""What a use-case is given besides its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mlkeep.core.presence import LOST_AFTER_S
from mlkeep.services.rules import Rules
from mlkeep.storage.contract import Event, Transaction
from mlkeep.wire.endpoint import AuditTag


class Caller(msgspec.Struct, frozen=True):
    """Who asks, and under which request id it can be found in the logs."""

    principal: str = ""
    request_id: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What use-cases know of the installation. New experiments keep their artifacts below `artifact_root`.

    `lost_after_s` is for how many seconds nothing is heard of a run at the least before it is lost.
    """

    artifact_root: str
    rules: Rules = Rules()
    lost_after_s: float = LOST_AFTER_S


@dataclass(frozen=True, slots=True)
class Call:
    """One execution of a use-case, inside one transaction."""

    tx: Transaction
    caller: Caller
    settings: Settings
    now_ms: int

    def record(
        self,
        action: AuditTag,
        entity: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an event into the outbox, in the transaction of the change it tells of."""
        self.tx.events.add(
            Event(
                action=action.value,
                entity=entity,
                principal=self.caller.principal,
                request_id=self.caller.request_id,
                at_ms=self.now_ms,
                before=before,
                after=after,
            )
        )
