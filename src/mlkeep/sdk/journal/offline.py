"""No way to a server: what journals hold is sent by `mlkeep sync`, from here or from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from mlkeep.core.errors import Unavailable
from mlkeep.sdk.journal.delivery import Delivery
from mlkeep.sdk.journal.file import Journal
from mlkeep.sdk.journal.link import Link
from mlkeep.wire.columns import LogColumns
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

    def add(self, journal: Journal) -> Delivery:
        """Nothing is sent of it."""
        return Delivery(journal.run_id)

    def wake(self) -> None:
        """Nobody sleeps."""

    def flush(self, timeout_s: float, is_done: Callable[[], bool] | None = None) -> bool:  # noqa: ARG002
        """Whether there was nothing to send."""
        return is_done is None or is_done()
