"""Use-cases of heartbeats: who says that runs are alive, and which of them are lost as nobody says so any more.

Time is that of the server alone. A run is lost only after the server itself was there to be told of it for as long as
the run is waited for, with no leap of its clock: who could not reach a server that was down is not taken for dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from mlkeep.core import limits
from mlkeep.core.clock import now_ms
from mlkeep.core.entities import LifecycleStage, RunStatus
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import invalid
from mlkeep.core.presence import LOST_TAG, patience_ms, told_time
from mlkeep.services.call import Call, Caller, Settings
from mlkeep.services.locks import MOST_NAMES, names_of_run
from mlkeep.storage.contract import RunKey, Storage, Transaction
from mlkeep.wire import heartbeats as wire
from mlkeep.wire.endpoint import AuditTag
from mlkeep.wire.message import Message, Request

LEAP_MS = 1_000
"""How far the clock may move by itself between two looks at it."""


def beat(call: Call, request: wire.Heartbeat) -> wire.HeartbeatResponse:
    if len(request.run_ids) > limits.MAX_RUNS_PER_HEARTBEAT:
        raise InvalidInput(
            f"A heartbeat can name at most {limits.MAX_RUNS_PER_HEARTBEAT} runs in 'run_ids'. Got {len(request.run_ids)}."
        )
    interval_ms = request.interval_ms or 0
    if not 1 <= interval_ms <= limits.MAX_HEARTBEAT_INTERVAL_MS:
        raise invalid(
            "interval_ms", interval_ms, f"it must be between 1 and {limits.MAX_HEARTBEAT_INTERVAL_MS} milliseconds."
        )
    lost_after_ms = patience_ms(interval_ms, call.settings.lost_after_s)
    run_ids = list(dict.fromkeys(request.run_ids))
    heard = call.tx.heartbeats.heard(run_ids)
    alive = [
        (run_id, run)
        for run_id, run in heard.items()
        if run.status == RunStatus.RUNNING.name and run.lifecycle_stage == LifecycleStage.ACTIVE
    ]
    keys = [run.key for _, run in alive]
    if request.is_last:
        call.tx.heartbeats.forget(keys)
    else:
        call.tx.heartbeats.put(keys, call.now_ms, call.now_ms + lost_after_ms)
    for run_id, run in alive:
        if run.is_lost:
            _return(call, run.key, run_id)
    return wire.HeartbeatResponse(
        runs=[
            wire.RunState(run_id=run_id, status=known.status, lifecycle_stage=known.lifecycle_stage)
            for run_id in run_ids
            if (known := heard.get(run_id)) is not None
        ],
        lost_after_ms=lost_after_ms,
    )


def forget(call: Call, run: RunKey, run_id: str) -> None:
    """Wait for heartbeats of a run no longer: somebody has said how it stands."""
    if call.tx.heartbeats.forget([run]):
        _return(call, run, run_id)


def find_lost(storage: Storage, settings: Settings, now_ms: int, watched_ms: int) -> int:
    """Give the tag `mlkeep.lost` to the runs that are overdue; how many there were.

    `watched_ms` is for how long this process would have heard of them. Any number of processes may look at one time.

    Raises:
        Unavailable: the storage cannot be used.
    """
    count = 0
    while overdue := storage.read(lambda tx: tx.heartbeats.overdue(now_ms, watched_ms, MOST_NAMES)):
        run_ids = [run.run_id for run in overdue]
        names = [name for run_id in run_ids for name in names_of_run(run_id)]
        count += storage.write(partial(_lose, settings, now_ms, watched_ms, run_ids), names).result()
    return count


def _lose(settings: Settings, now_ms: int, watched_ms: int, run_ids: Sequence[str], tx: Transaction) -> int:
    """Look again, now that nobody else changes these runs."""
    call = Call(tx, Caller(), settings, now_ms)
    overdue = tx.heartbeats.overdue(now_ms, watched_ms, len(run_ids), among=run_ids)
    lost = [run for run in overdue if run.is_running]
    tx.heartbeats.forget([run.key for run in overdue if not run.is_running])
    tx.heartbeats.lose([run.key for run in lost])
    for run in lost:
        since = told_time(run.last_at_ms)
        tx.tags.put(run.key, {LOST_TAG: since})
        call.record(AuditTag.RUN_LOST, f"run/{run.run_id}", after={LOST_TAG: since})
    return len(lost)


def _return(call: Call, run: RunKey, run_id: str) -> None:
    since = call.tx.tags.find(run, LOST_TAG)
    call.tx.tags.delete(run, LOST_TAG)
    before = None if since is None else {LOST_TAG: since}
    call.record(AuditTag.RUN_RETURNED, f"run/{run_id}", before=before)


class Watch:
    """For how long this process has been there to hear of runs: since it began, or was away, or its clock leapt."""

    def __init__(
        self, clock_ms: Callable[[], int] = now_ms, steady_ms: Callable[[], int] = lambda: time.monotonic_ns() // 10**6
    ) -> None:
        self._clock_ms = clock_ms
        self._steady_ms = steady_ms
        self._since = self._last = steady_ms()
        self._ahead = clock_ms() - self._last

    def look(self, again_within_ms: int) -> int:
        """For how many milliseconds. Who promised to look again within some time, and did not, was away."""
        steady = self._steady_ms()
        ahead = self._clock_ms() - steady
        if abs(ahead - self._ahead) > LEAP_MS or steady - self._last > again_within_ms:
            self._since = steady
        self._last, self._ahead = steady, ahead
        return steady - self._since


READS: dict[type[Request], Callable[[Call, Request], Message]] = {}
WRITES = {wire.Heartbeat: beat}
