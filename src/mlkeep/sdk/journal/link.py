"""The way to one tracking server: the thread that sends it what journals hold, and whether it answers."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from mlkeep.core.errors import MlkeepException
from mlkeep.core.uris import without_password
from mlkeep.sdk.doors import Door, hasty_door_to
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import Delivery, is_refusal, parts
from mlkeep.sdk.journal.file import Journal, Unsent
from mlkeep.sdk.journal.records import Damage, Placed
from mlkeep.wire.message import Request

_log = logging.getLogger("mlkeep")

LINGER_S = 0.05
"""How long the first record waits for others to go with it."""

PIECE_BYTES = 2 * 1024 * 1024
"""Of a journal that are read at a time."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30
"""How long a server that did not answer is left alone: at first, and at last."""


class Link:
    """Sends journals to one server, in a thread of its own that begins with the first."""

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything, as a forked child has to: it has no thread, and its parent's journals are not its own."""
        self._changed = threading.Condition()
        self._journals: dict[Journal, Delivery] = {}
        self._thread: threading.Thread | None = None
        self._is_awake = False
        self._is_urgent = False
        self._is_closed = False
        self._failures = 0
        self._try_at = 0.0
        self._rounds = 0

    @property
    def is_down(self) -> bool:
        """Whether the server did not answer the last time it was asked."""
        return self._failures > 0

    def ask(self, request: Request) -> Any:
        """The answer of the server, asked once. Raises MlkeepException."""
        try:
            answer = self._door().call(request)
        except MlkeepException as error:
            if _is_answer(error):
                self._succeed()
            else:
                self._fail(error)
            raise
        self._succeed()
        return answer

    def add(self, journal: Journal) -> Delivery:
        """Send what this journal holds, from now on."""
        with self._changed:
            return self._journals.setdefault(journal, Delivery(journal.run_id))

    def remove(self, journal: Journal) -> None:
        """Send nothing more of it. Waits for what is being sent just now."""
        with self._changed:
            self._journals.pop(journal, None)

    def close(self, timeout_s: float) -> None:
        """Send nothing more, and end the thread; waits for what is being sent just now."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """There is something to send. Cheap if that is known already."""
        if self._is_awake:
            return
        with self._changed:
            self._is_awake = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mlkeep-sender", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout_s: float, is_done: Callable[[], bool] | None = None) -> bool:
        """Send now, and wait until the server has everything, or what `is_done` asks for; whether it has.

        Waits for a server that does not answer only until it has been tried once more.
        """
        done = is_done or self._is_all_sent
        if done():
            return True
        with self._changed:
            self._is_urgent = True
            self._try_at = 0.0
            tried = self._rounds + 2  # the round that is under way may have begun without it
            self._is_awake = False
        self.wake()
        with self._changed:
            self._changed.wait_for(lambda: done() or (self.is_down and self._rounds >= tried), timeout_s)
        return done()

    def _is_all_sent(self) -> bool:
        return all(journal.is_sent for journal in list(self._journals))

    def _door(self) -> Door:
        return hasty_door_to(self.tracking_uri)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_awake or self._is_closed)
                if not self._is_urgent:
                    pause = max(LINGER_S, self._try_at - time.monotonic())
                    self._changed.wait_for(lambda: self._is_urgent or self._is_closed, pause)
                if self._is_closed:
                    return
                self._is_urgent = self._is_awake = False
                journals = list(self._journals.items())
            try:
                for journal, delivery in journals:
                    self._send(journal, delivery)
            except MlkeepException as error:
                self._fail(error)
            except Exception:  # noqa: BLE001 - the edge of a thread: what is not sent is still in the journal
                _log.exception("What was logged could not be sent; it stays in the journal.")
                self._pause()
            with self._changed:
                self._rounds += 1
                self._is_awake = self._is_awake or not self._is_all_sent()
                self._changed.notify_all()

    def _send(self, journal: Journal, delivery: Delivery) -> None:
        size = PIECE_BYTES
        while not journal.is_sent:
            piece = journal.unsent(size)
            found, end = _sound(piece)
            if end == piece.start:
                size *= 2  # a record that is larger than this
                continue
            for part in parts(found):
                delivery.deliver(self._door(), part, journal.refuse)
                self._succeed()
                if not piece.held:
                    journal.mark_sent(piece, part.end)
            journal.mark_sent(piece, end, is_noted=False)
            journal.trim()

    def _fail(self, error: MlkeepException) -> None:
        if not self.is_down:
            _log.warning(
                "%s does not take what is logged (%s). It is kept on disk, and sent when the server is back.",
                without_password(self.tracking_uri),
                error.message,
            )
        self._pause(getattr(error, "retry_after_s", None))

    def _pause(self, at_least_s: float | None = None) -> None:
        self._failures += 1
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10)) * random.uniform(0.5, 1)  # noqa: S311
        self._try_at = time.monotonic() + max(pause, at_least_s or 0)

    def _succeed(self) -> None:
        if self.is_down:
            self._failures = 0
            _log.info("%s takes what is logged again.", without_password(self.tracking_uri))


def _sound(piece: Unsent) -> tuple[list[Placed], int]:
    """The records of a piece, and where they end."""
    found: list[Placed] = []
    end = piece.start
    for one in records.scan(piece.data, piece.start, is_whole=piece.is_all):
        if isinstance(one, Damage):
            _log.error("The journal is damaged from byte %d to %d: that part of it is skipped.", one.at, one.end)
        else:
            found.append(one)
        end = one.end
    return found, end


def _is_answer(error: MlkeepException) -> bool:
    """Whether the server said this because it understood, and does not want it."""
    return is_refusal(error) or error.get_http_status_code() in (401, 403, 404, 409, 501)
