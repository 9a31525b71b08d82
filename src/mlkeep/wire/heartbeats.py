"""Messages of heartbeats, which are ours: a program says that it still works on its runs."""

from __future__ import annotations

from typing import ClassVar

from mlkeep.wire.endpoint import OWN, Endpoint, Permission
from mlkeep.wire.message import Int64, Message, Request


class Heartbeat(Request, frozen=True, kw_only=True):
    """Somebody works on these runs, and will say so again within `interval_ms`, in milliseconds.

    A run that is RUNNING and is not heard of for three such intervals, and for as long as the server is told to wait at
    the least, gets the tag `mlkeep.lost`; the next heartbeat takes it away. When it was heard of is told by the clock of
    the server. With `is_last` no more comes and none is waited for: who leaves runs open on purpose has not vanished.
    """

    run_ids: list[str] = []
    interval_ms: Int64 | None = None
    is_last: bool = False
    required: ClassVar[tuple[str, ...]] = ("interval_ms",)


class RunState(Message, frozen=True, kw_only=True, omit_defaults=False):
    """How a run stands."""

    run_id: str
    status: str
    lifecycle_stage: str


class HeartbeatResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    """The runs that are known, in the order in which they were named. Those that are RUNNING and active are watched.

    `lost_after_ms` is how long they may be silent from now on.
    """

    runs: list[RunState] = []
    lost_after_ms: Int64 = 0


ENDPOINTS = (
    Endpoint(("POST",), "runs/heartbeat", Heartbeat, HeartbeatResponse, Permission.RUN_WRITE, audit=None, version=OWN),
)
