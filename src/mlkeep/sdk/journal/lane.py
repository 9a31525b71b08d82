"""One journal on its way to a server: what of it goes next, and when."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from mlkeep.core import limits
from mlkeep.core.errors import MlkeepException, NoSuchEndpoint
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import MOST_POINTS, NOT_SENT, Delivery, parts, status_of
from mlkeep.sdk.journal.file import Journal, Unsent
from mlkeep.sdk.journal.health import dice
from mlkeep.sdk.journal.parcel import YIELDED_RECORDS
from mlkeep.sdk.journal.records import Damage, Placed

_log = logging.getLogger("mlkeep")

PIECE_BYTES = 2 * 1024 * 1024
"""Of a journal that are read at a time."""

NOTES_BYTES = 16 * 1024
"""More than is noted of what is sent while a piece is."""

FIRST_PAUSE_S = 30
LONGEST_PAUSE_S = 300
"""How long a run is left alone that the server takes nothing for: at first, and at last."""

_ADVICE = {
    401: "Set MLKEEP_TRACKING_USERNAME and MLKEEP_TRACKING_PASSWORD, or MLKEEP_TRACKING_TOKEN.",
    403: "Ask for the permission to log to it.",
    404: "Was the run or its experiment removed, or is this another server than the one it was started at?",
}


class Lane:
    """A journal, and what is known of how it is sent. The link's thread alone calls `send` and `fail`; its lock guards the rest."""

    def __init__(self, journal: Journal, delivery: Delivery) -> None:
        self.journal = journal
        self.delivery = delivery
        self.is_removed = False
        """Nothing more of it is to be sent."""
        self.is_left = False
        """The thread is to close it."""
        self.has_more = False
        """Whether there was more of it than went with the last requests."""
        self.seen_at: float | None = None
        """Since when there is something to send."""
        self.try_at = 0.0
        self.failed_try = 0
        """The last try after which the server did not want what this holds."""
        self.whole_try = 0
        """The last try that sent all there was when it began."""
        self.flushers = 0
        self.wanted_try = 0
        """Those who wait for it; they want the try of this number, or one after it."""
        self._failures = 0
        self._told_lost = 0

    def is_urgent(self, failed_try: int) -> bool:
        """Whether somebody waits for a try that has not been made, or has not failed; `failed_try` is the link's."""
        return self.flushers > 0 and max(self.failed_try, failed_try) < self.wanted_try

    def has_sent(self, before: int) -> bool:
        """Whether the server has all that was logged before the tries after this one began."""
        return self.whole_try > before or self.journal.is_sent

    def send(self, door: Door, stored: Callable[[int], None], may_go_on: Callable[[], bool]) -> bool:
        """Send about a piece of it; whether that was all. `stored` is told how many records the server has taken.

        Stops early, between two requests, if `may_go_on` denies it.

        Raises:
            MlkeepException: the server does not take it now.
        """
        size = PIECE_BYTES
        piece = self.journal.unsent(size)
        while piece.data:
            found, damages, end = _sound(piece)
            if end > piece.start:
                self.has_more = not self._send(door, piece, found, damages, end, stored, may_go_on)
                break
            size *= 2  # a record that is larger than this
            piece = self.journal.unsent(size)
        self._tell_lost()
        if not self.has_more:
            self.seen_at = None
        return not self.has_more

    def _send(
        self,
        door: Door,
        piece: Unsent,
        found: list[Placed],
        damages: list[Damage],
        end: int,
        stored: Callable[[int], None],
        may_go_on: Callable[[], bool],
    ) -> bool:
        most = MOST_POINTS if door.takes_run_ids() else limits.MAX_METRICS_PER_BATCH  # else it is an official MLflow
        for part in parts(found, most):
            self.delivery.deliver(door, part, self.journal.refuse)
            self._failures = 0
            stored(len(part.placed))
            if not piece.held:
                self.journal.mark_sent(piece, part.end)
                damages = _told(damages, part.end)
                if not may_go_on():
                    return False
        _told(damages, end)
        self.journal.mark_sent(piece, end, is_noted=False)
        self._pass_notes()
        self.journal.trim()
        return piece.is_all and not piece.held

    def _pass_notes(self) -> None:
        """Go past what was noted meanwhile of what is sent, if nothing else follows: a journal that is sent can be deleted."""
        rest = self.journal.unsent(NOTES_BYTES)
        if rest.is_all and not rest.held and rest.data:
            found, damages, end = _sound(rest)
            if not damages and all(isinstance(placed.record, NOT_SENT) for placed in found):
                self.journal.mark_sent(rest, end, is_noted=False)

    def fail(self, error: MlkeepException | None) -> None:
        """The server has answered that it does not take this, or (None) nothing could be made of it. It is tried again later."""
        self._failures += 1
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10))
        self.try_at = time.monotonic() + dice.uniform(FIRST_PAUSE_S / 2, longest)
        if self._failures > 1 or error is None:
            return
        advice = "" if isinstance(error, NoSuchEndpoint) else _ADVICE.get(status_of(error), "")
        _log.warning(
            "The server does not take what is logged to run %s: %s %sIt is kept in %s, and tried again from time to time; "
            "`mlkeep sync` sends it as well.",
            self.journal.run_id,
            f"{error.message.rstrip('.')}.",
            advice and f"{advice} ",
            self.journal.path,
        )

    def _tell_lost(self) -> None:
        """Say what is lost, but not for each record anew."""
        if self.journal.lost > 2 * self._told_lost:
            self._told_lost = self.journal.lost
            _log.error(
                "%d calls that logged to run %s are lost: the journal %s cannot grow, and memory holds no more. Is the disk "
                "full, or MLKEEP_JOURNAL_MAX_BYTES too small?",
                self.journal.lost,
                self.journal.run_id,
                self.journal.path,
            )


def _sound(piece: Unsent) -> tuple[list[Placed], list[Damage], int]:
    """The records of a piece, what is damaged of it, and where both end."""
    found: list[Placed] = []
    damages: list[Damage] = []
    end = piece.start
    for one in records.scan(piece.data, piece.start, is_whole=piece.is_all):
        if isinstance(one, Damage):
            damages.append(one)
        else:
            found.append(one)
            if len(found) % YIELDED_RECORDS == 0:
                time.sleep(0)
        end = one.end
    return found, damages, end


def _told(damages: list[Damage], upto: int) -> list[Damage]:
    """Name what is damaged before there, which is passed by now; what is damaged after it."""
    for one in damages:
        if one.end <= upto:
            _log.error("The journal is damaged from byte %d to %d: that part of it is skipped.", one.at, one.end)
    return [one for one in damages if one.end > upto]
