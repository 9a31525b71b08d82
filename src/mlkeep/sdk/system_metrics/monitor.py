"""A thread that samples how busy the machine is, and logs it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from mlkeep.core.clock import now_ms
from mlkeep.sdk.system_metrics.settings import Sampling
from mlkeep.sdk.system_metrics.source import Sample, Source

_log = logging.getLogger("mlkeep")

T = TypeVar("T")

LogPoints = Callable[[int, int, dict[str, float]], bool]
"""Logs points of one time (milliseconds) and step; whether the run takes more."""

STOP_LIMIT_S = 2
"""How long the end of a run waits for a sample that is just being taken: a driver may hang."""

DIGITS = 3
"""Of a value, behind the point: more would only be noise that takes room."""


class SystemMonitor:
    """Samples all `interval_s` seconds, in a thread of its own, and logs means of `samples` samples.

    Points have the steps 0, 1, 2 …, or go on from what `first_step` says, which is asked once, in the thread.
    What cannot be sampled or logged is warned of once, and the rest goes on. It ends by `stop`, or when the run takes no
    more.
    """

    def __init__(
        self,
        log: LogPoints,
        sampling: Sampling,
        find_sources: Callable[[], Sequence[Source]],
        first_step: Callable[[], int] = lambda: 0,
    ) -> None:
        self._log_points = log
        self._sampling = sampling
        self._find_sources = find_sources
        self._first_step = first_step
        self._step: int | None = None
        self._sources: Sequence[Source] = ()
        self._taken: list[Sample] = []
        self._complained_of: set[str] = set()
        self._is_over = False
        self._telling = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlkeep-system-metrics", daemon=True)

    def start(self) -> None:
        """Begin. The first sample is only what later ones are compared with."""
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample, log what was sampled since the last point, and end. Nothing is logged after that."""
        self._stop.set()
        self._thread.join(STOP_LIMIT_S)
        self._tell(is_last=True)

    def _work(self) -> None:
        self._sources = self._tried("what there is to be sampled", self._find_sources, ())
        self._sample()
        self._step = self._tried("the last step", self._first_step, 0)
        due = time.monotonic()
        while True:
            due = max(due + self._sampling.interval_s, time.monotonic())
            is_last = self._stop.wait(due - time.monotonic())
            self._taken.append(self._sample())
            if is_last:
                return
            if len(self._taken) >= self._sampling.samples:
                self._tell()

    def _sample(self) -> Sample:
        """What all sources tell."""
        sample: Sample = {}
        nothing: Sample = {}
        for source in self._sources:
            sample |= self._tried(source.name, source.sample, nothing)
        return sample

    def _tell(self, *, is_last: bool = False) -> None:
        """Log what was sampled since the last time."""
        with self._telling:
            taken, self._taken = self._taken, []
            means = _means(taken)
            if not self._is_over and self._step is not None and means:
                step, self._step = self._step, self._step + 1
                values = {f"{self._sampling.prefix}{name}": round(mean, DIGITS) for name, mean in means.items()}
                is_last |= not self._tried("what was sampled", lambda: self._log_points(now_ms(), step, values), True)
            if is_last:
                self._is_over = True
                self._stop.set()

    def _tried(self, what: str, work: Callable[[], T], instead: T) -> T:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, training goes on
            if what not in self._complained_of:
                self._complained_of.add(what)
                _log.warning("System metrics: %s failed (%s: %s).", what, type(error).__name__, error)
            return instead


def _means(taken: Sequence[Sample]) -> Sample:
    """The mean of each value over the samples that have it."""
    names = dict.fromkeys(name for sample in taken for name in sample)
    values = {name: [sample[name] for sample in taken if name in sample] for name in names}
    return {name: sum(some) / len(some) for name, some in values.items()}
