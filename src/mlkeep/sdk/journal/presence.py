"""Saying that this process is alive and works on its runs, so that those of one that vanished are known to be lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from mlkeep.core import limits
from mlkeep.core.entities import LifecycleStage
from mlkeep.core.errors import BadRequest, Forbidden, InvalidInput, NotFound, NotOffered
from mlkeep.core.states import RunStatus
from mlkeep.remote.settings import number
from mlkeep.sdk.doors import Door
from mlkeep.wire.heartbeats import Heartbeat, RunState

_log = logging.getLogger("mlkeep")

INTERVAL_S = 30.0
"""Between two heartbeats, unless `MLKEEP_HEARTBEAT_INTERVAL` says otherwise."""

_EARLY = 0.9
"""Who comes after this part of the interval comes in time: clocks and threads are never exact."""

_REFUSALS = (BadRequest, Forbidden, InvalidInput, NotFound, NotOffered)
"""What a server says that answers, but wants no heartbeats."""


Every: TypeAlias = Callable[[float, Callable[[Door], object]], Callable[[], object]]
"""Has something called with the door to the server, now and every so many seconds; gives what ends that."""


class Presence:
    """Tells one server that the runs of this process are alive.

    `open_runs` gives the ids, as the server knows them, of the runs that this process works on. Those that the server does
    not know yet may be among them.
    """

    def __init__(
        self,
        open_runs: Callable[[], Iterable[str]],
        *,
        interval_s: float | None = None,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """An `interval_s` of None is what the environment says. Raises InvalidInput: it says what cannot be."""
        self.interval_s = heartbeat_interval_s() if interval_s is None else interval_s
        self._open_runs = open_runs
        self._steady_s = steady_s
        self._told: set[str] = set()
        self._told_at = 0.0
        self._gone: dict[str, int] = {}
        self._end: Callable[[], object] = lambda: None

    def begin(self, every: Every) -> None:
        """Have a thread tell of a run that was started just now, and of all that are open from time to time."""
        if self.interval_s:
            self._end()
            self._end = every(self.interval_s, self.beat)

    def beat(self, door: Door) -> None:
        """Tell that all open runs are alive, if it is time to, or one is new; else nothing happens. For one thread.

        Raises:
            MlkeepException: the server does not answer; it is told when this is called again.
        """
        runs = sorted(set(self._open_runs()))
        is_early = self._steady_s() - self._told_at < self.interval_s * _EARLY
        if not self.interval_s or not runs or (is_early and self._told.issuperset(runs)):
            return
        self._gone = {run_id: times for run_id, times in self._gone.items() if run_id in runs}
        for start in range(0, len(runs), limits.MAX_RUNS_PER_HEARTBEAT):
            if not self._tell(door, runs[start : start + limits.MAX_RUNS_PER_HEARTBEAT]):
                break
        self._told, self._told_at = set(runs), self._steady_s()

    def leave(self, door: Door) -> None:
        """Tell that the runs which were told of, and are open still, are left so on purpose: nobody is to wait for more.

        Raises:
            MlkeepException: the server does not answer.
        """
        self._end()
        runs = sorted(self._told.intersection(self._open_runs()))
        self._told.clear()
        for start in range(0, len(runs), limits.MAX_RUNS_PER_HEARTBEAT):
            self._tell(door, runs[start : start + limits.MAX_RUNS_PER_HEARTBEAT], is_last=True)

    def _tell(self, door: Door, run_ids: list[str], *, is_last: bool = False) -> bool:
        """Whether the server listens."""
        try:
            interval_ms = max(1, round(self.interval_s * 1000))
            answer = door.beat(Heartbeat(run_ids=run_ids, interval_ms=interval_ms, is_last=is_last))
        except _REFUSALS as error:
            _log.debug("The server takes no heartbeats: %s", error.message)
            return False
        if answer is None:
            return False
        self._look_at(run_ids, {state.run_id: state for state in answer.runs})
        return True

    def _look_at(self, run_ids: Collection[str], states: dict[str, RunState]) -> None:
        """Say once that a run that is worked on here is gone. The first time it may be this process that has just ended it."""
        for run_id in run_ids:
            if (what := _what_became_of(states.get(run_id))) is None:
                self._gone.pop(run_id, None)
                continue
            times = self._gone[run_id] = self._gone.get(run_id, 0) + 1
            if times == 2:
                _log.warning("The run %s, which this program works on, %s.", run_id, what)


def heartbeat_interval_s() -> float:
    """Seconds between two heartbeats; 0 if there shall be none. Raises InvalidInput: the environment says what cannot be."""
    return number("HEARTBEAT_INTERVAL", INTERVAL_S, most=limits.MAX_HEARTBEAT_INTERVAL_MS / 1000)


def _what_became_of(state: RunState | None) -> str | None:
    """Why a run is not open, in words that follow its name; None if it is, or is not known yet."""
    if state is None:
        return None
    if state.lifecycle_stage == LifecycleStage.DELETED:
        return "has been deleted"
    if state.status in {RunStatus.RUNNING.name, RunStatus.SCHEDULED.name}:
        return None
    return f"has been ended elsewhere ({state.status})"
