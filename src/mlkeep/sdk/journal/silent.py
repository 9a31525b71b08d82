"""A run of which nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.journal.recorder import Recorder
from mlkeep.sdk.journal.records import Points
from mlkeep.wire import runs
from mlkeep.wire.message import Request


class Silent(Recorder):
    """Takes what is logged to a run and keeps none of it, but for what the run can be asked for while the program runs:
    the latest values, params and tags.
    """

    def log(self, at_ms: int, step: int, values: dict[str, float]) -> None:
        """Remember the latest values."""
        if self._local is not None:
            self._local.logged(at_ms, step, values)

    def check(self, at_ms: int, step: int, values: Mapping[str, float], first: int = 0) -> None:
        """Anything may be logged."""

    def log_all(self, found: Sequence[Points]) -> None:
        """Remember the latest values."""
        for points in found:
            self.log_measured(points)

    def log_measured(self, measured: Points) -> None:
        """Remember the latest values."""
        self.log(measured.at_ms, measured.step, measured.values)

    def ask(self, request: Request) -> None:
        """Remember params, tags, inputs and how the run ends. What cannot be has no effect."""
        self.put(request)

    def put(self, request: Request) -> None:
        """As `ask`."""
        if self._local is not None:
            try:
                self._local.check(request)
            except (InvalidInput, NotFound):
                return
            self._local.asked(request)

    def history(self, key: str) -> list[Metric]:
        """The latest point."""
        return [] if self._local is None else self._local.latest(key)

    def begin(self, request: runs.CreateRun) -> None:
        """The run is nowhere made."""
