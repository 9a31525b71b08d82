"""No way to a server: what journals hold is sent by `mlkeep sync`, from here or from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from mlkeep.core.errors import Unavailable
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal.delivery import Delivery
from mlkeep.sdk.journal.file import Journal
from mlkeep.sdk.journal.link import Link
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.heartbeats import Heartbeat
from mlkeep.wire.message import Request
from mlkeep.wire.runs import LogBatch


def refused_offline(request: Request) -> Unavailable:
    """What is said of a request that only a server can answer."""
    return Unavailable(
        f"There is no server to ask for {type(request).__name__}: MLKEEP_MODE is offline. Ask when what was logged has "
        "been sent with `mlkeep sync`, or run the program with MLKEEP_MODE=online."
    )


class NoServer:
    """A door at which nobody answers; see `sdk.doors.Door`."""

    def call(self, request: Request) -> NoReturn:
        """Raises Unavailable."""
        raise refused_offline(request)

    def beat(self, heartbeat: Heartbeat) -> None:
        """Nobody is told."""

    def takes_run_ids(self) -> bool:
        """Whoever is to have the runs in the end is not known."""
        return True

    def points_at_once(self, count: int) -> int:
        """As many as there are."""
        return max(count, 1)

    def log_many(self, batch: LogBatch) -> NoReturn:
        """Raises Unavailable."""
        raise refused_offline(batch)

    def log_columns(self, request: LogColumns) -> NoReturn:
        """Raises Unavailable."""
        raise refused_offline(request)


class OfflineLink(Link):
    """Sends nothing, and waits for nothing."""

    @property
    def is_down(self) -> bool:
        """True."""
        return True

    def ask(self, request: Request) -> NoReturn:
        """Raises Unavailable."""
        raise refused_offline(request)

    def add(self, journal: Journal, delivery: Delivery | None = None) -> Delivery:
        """Nothing is sent of it."""
        return delivery or Delivery(journal.run_id)

    def let_go(self, journal: Journal) -> None:
        """Close it."""
        journal.close()

    def every(self, seconds: float, call: Callable[[Door], object]) -> Callable[[], None]:  # noqa: ARG002
        """Nothing is called."""
        return lambda: None

    def once(self, call: Callable[[Door], object]) -> None:
        """Nothing is called."""

    def wake(self) -> None:
        """Nobody sleeps."""

    def flush(self, timeout_s: float, journal: Journal | None = None) -> bool:  # noqa: ARG002
        """Whether there was nothing to send."""
        return journal is None or journal.is_sent
