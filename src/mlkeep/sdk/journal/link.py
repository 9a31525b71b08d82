"""The way to one tracking server: the thread that sends it what journals hold, and whether it answers."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from mlkeep.core.errors import MlkeepException
from mlkeep.core.uris import without_password
from mlkeep.sdk.doors import Door, hasty_door_to
from mlkeep.sdk.journal.delivery import Delivery, is_answer
from mlkeep.sdk.journal.file import Journal
from mlkeep.sdk.journal.health import Health, dice
from mlkeep.sdk.journal.lane import Lane
from mlkeep.wire.message import Request

_log = logging.getLogger("mlkeep")

LINGER_S = 0.05
"""How long the first record waits for others to go with it."""

REST_S = 0.5
"""Between the requests of a run that is logged to all the time, as long as what it logs fits into one."""

LETTING_GO_S = 1
"""How long who closes a journal waits for what is being sent of it. After that the thread closes it."""


class Duty:
    """What the thread calls from time to time."""

    def __init__(self, period_s: float, call: Callable[[Door], object]) -> None:
        self.period_s = period_s
        self.call = call
        self.at = 0.0
        self.is_told = False


class Link:
    """Sends journals to one server, in a thread of its own that begins when there is something to do.

    The thread takes one journal after another, about a piece of each, those first that somebody waits for.
    """

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything, as a forked child has to: it has no thread, and its parent's journals are not its own."""
        self._changed = threading.Condition()  # guards all that follows
        self._lanes: dict[Journal, Lane] = {}
        self._duties: list[Duty] = []
        self._firsts: list[Callable[[Door], object]] = []
        self._thread: threading.Thread | None = None
        self._sending: Lane | None = None
        self._is_awake = False  # who has appended finds it true, or wakes the thread: see `_next`
        self._is_closed = False
        self._tries = 0
        self._failed_try = 0  # the last one that was not answered
        self._sent_at = 0.0
        self._health = Health()

    @property
    def is_down(self) -> bool:
        """Whether the server did not answer the last time it was asked."""
        return self._health.is_down

    def ask(self, request: Request) -> Any:
        """The answer of the server, asked once. Raises MlkeepException."""
        try:
            answer = self._door().call(request)
        except MlkeepException as error:
            if is_answer(error):
                self._succeed()
            else:
                self._fail(error)
            raise
        self._succeed()
        return answer

    def add(self, journal: Journal, delivery: Delivery | None = None) -> Delivery:
        """Send what this journal holds, from now on; as one that was begun with another journal of the run, if given."""
        with self._changed:
            if journal not in self._lanes:
                made = delivery or Delivery(journal.run_id, journal.mark_known)
                self._lanes[journal] = Lane(journal, made)
            return self._lanes[journal].delivery

    def remove(self, journal: Journal) -> bool:
        """Send nothing more of it. Waits for what is being sent just now, not for long; whether that has ended."""
        with self._changed:
            lane = self._removed(journal)
            return lane is None or self._changed.wait_for(lambda: self._sending is not lane, LETTING_GO_S)

    def let_go(self, journal: Journal) -> None:
        """Send nothing more of it, and close it; the thread does so if it does not come back from the server soon."""
        with self._changed:
            lane = self._removed(journal)
            if lane is not None and not self._changed.wait_for(lambda: self._sending is not lane, LETTING_GO_S):
                lane.is_left = True
                return
        journal.close()

    def every(self, seconds: float, call: Callable[[Door], object]) -> Callable[[], None]:
        """Have the thread call this now and every so often, also when there is nothing to send; what ends it.

        A server that is down is left alone in between. What `call` raises counts as it does of a request.
        """
        duty = Duty(seconds, call)
        with self._changed:
            self._duties.append(duty)
            self._rouse()
        return partial(self._drop, duty)

    def once(self, call: Callable[[Door], object]) -> None:
        """Have the thread call this after the server has answered for the first time, when nothing else is to be sent."""
        with self._changed:
            self._firsts.append(call)
            if self._health.has_answered:
                self._rouse()

    def close(self, timeout_s: float) -> None:
        """Send nothing more, and end the thread; waits for what is being sent just now."""
        with self._changed:
            self._is_closed = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def wake(self) -> None:
        """There is something to send. Cheap if that is known already."""
        if self._is_awake:
            return
        with self._changed:
            self._rouse()

    def flush(self, timeout_s: float, journal: Journal | None = None) -> bool:
        """Send now, and wait until the server has all that was logged before, in this or in any journal; whether it has.

        A server that does not answer, or does not want it, is tried once more for this, and no longer waited for then.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            lanes = [lane for lane in self._lanes.values() if journal in (None, lane.journal)]
            before = self._tries

            def is_sent() -> bool:
                return all(lane.has_sent(before) for lane in lanes)

            if is_sent():
                return True
            if self._thread is threading.current_thread():
                return False
            for lane in lanes:
                lane.flushers += 1
                lane.wanted_try = before + 1
            self._rouse()

            def is_hopeless() -> bool:
                return (
                    self._thread is None
                    or self._is_closed
                    or self._failed_try > before
                    or self._health.held_until > deadline
                    or all(lane.is_removed or lane.failed_try > before or lane.has_sent(before) for lane in lanes)
                )

            self._changed.wait_for(lambda: is_sent() or is_hopeless(), timeout_s)
            for lane in lanes:
                lane.flushers -= 1
            return is_sent()

    def _door(self) -> Door:
        return hasty_door_to(self.tracking_uri)

    def _removed(self, journal: Journal) -> Lane | None:
        lane = self._lanes.pop(journal, None)
        if lane is not None:
            lane.is_removed = True
        return lane

    def _drop(self, duty: Duty) -> None:
        with self._changed:
            if duty in self._duties:
                self._duties.remove(duty)

    def _rouse(self) -> None:
        """Have the thread look, which is started if need be. The lock is held."""
        self._is_awake = True
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._work, name="mlkeep-sender", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # too many threads, or the interpreter is about to end
                self._thread = None
                _log.warning("What is logged is kept on disk, but cannot be sent now: %s.", error)
        self._changed.notify_all()

    # The thread

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            turn()

    def _next(self) -> Callable[[], None] | None:
        """What to do next, which is waited for; None: nothing any more.

        No record is overlooked: who appends looks at `_is_awake` afterwards. If that is true the thread has yet to look
        at the journals, since it makes it false before it does; it leaves it true only while it waits for a moment, after
        which it looks again. That is for who logs all the time not to wake it each time.
        """
        with self._changed:
            has_waited = False
            while not self._is_closed:
                is_roused, self._is_awake = self._is_awake and not has_waited, False
                now = time.monotonic()
                at, turn = self._soonest(now)
                if at <= now:
                    return turn()
                has_waited = self._is_awake = is_roused
                pause = min(at - now, REST_S if is_roused else threading.TIMEOUT_MAX)
                self._changed.wait(pause)
            self._thread = None
            self._changed.notify_all()
            return None

    def _soonest(self, now: float) -> tuple[float, Callable[[], Callable[[], None]]]:
        """When there is something to do, and what begins it if that is now."""
        waiting = []
        for lane in self._lanes.values():
            if lane.journal.is_sent:
                lane.seen_at = None
            else:
                lane.seen_at = now if lane.seen_at is None else lane.seen_at
                waiting.append(lane)
        if self._health.is_out and not self.is_down and not any(self._is_behind(lane, now) for lane in waiting):
            return now, self._begin_telling
        duty = min(self._duties, key=lambda duty: duty.at, default=None)
        duty_at = math.inf if duty is None else max(duty.at, self._health.try_at, self._health.held_until)
        if duty is not None and duty_at <= now:
            return duty_at, partial(self._begin_duty, duty)
        if self._firsts and self._health.has_answered and not waiting and not self.is_down:
            return now, self._begin_first
        first = min(waiting, key=self._due, default=None)
        lane_at = math.inf if first is None else self._due(first)
        if first is not None and lane_at <= now:
            return lane_at, partial(self._begin_sending, first)
        return min(lane_at, duty_at), self._begin_telling

    def _due(self, lane: Lane) -> float:
        """When to send something of a lane: the sooner, the more urgent."""
        if lane.is_urgent(self._failed_try):
            return self._health.held_until
        soonest = max(self._health.try_at, self._health.held_until, lane.try_at)
        if lane.has_more or lane.seen_at is None:
            return soonest
        return max(soonest, lane.seen_at + LINGER_S, self._sent_at + REST_S)

    def _is_behind(self, lane: Lane, now: float) -> bool:
        """Whether a lane still has something from before the server was back."""
        return lane.try_at <= now and (lane.has_more or lane.seen_at is None or lane.seen_at <= self._health.back_at)

    def _begin_sending(self, lane: Lane) -> Callable[[], None]:
        self._lanes[lane.journal] = self._lanes.pop(lane.journal)  # after the others next time
        self._sending = lane
        self._tries += 1
        return partial(self._send, lane, self._tries)

    def _begin_duty(self, duty: Duty) -> Callable[[], None]:
        duty.at = time.monotonic() + duty.period_s * dice.uniform(0.9, 1)  # for many not to call at once
        return partial(self._do, duty)

    def _begin_first(self) -> Callable[[], None]:
        return partial(self._do, Duty(0, self._firsts.pop(0)))

    def _begin_telling(self) -> Callable[[], None]:
        return partial(self._tell_return, self._health.end_outage())

    def _send(self, lane: Lane, number: int) -> None:
        def may_go_on() -> bool:
            with self._changed:
                is_in_the_way = not lane.flushers and any(each.flushers for each in self._lanes.values())
                return not (lane.is_removed or self._is_closed or is_in_the_way)

        is_whole, has_failed = False, True
        try:
            is_whole = lane.send(self._door(), self._succeed, may_go_on)
            has_failed = False
        except MlkeepException as error:
            if is_answer(error):
                self._succeed()
                lane.fail(error)
            else:
                self._fail(error, number)
                has_failed = False
        except Exception:  # noqa: BLE001 - the edge of a thread: what is not sent is still in the journal
            _log.exception("What was logged to run %s could not be sent; it stays in the journal.", lane.journal.run_id)
            lane.fail(None)
        finally:
            with self._changed:
                if is_whole:
                    lane.whole_try = number
                if has_failed:
                    lane.failed_try = number
                self._sending = None
                self._sent_at = time.monotonic()
                self._changed.notify_all()
            if lane.is_left:
                lane.journal.close()

    def _do(self, duty: Duty) -> None:
        try:
            duty.call(self._door())
        except MlkeepException as error:
            if not is_answer(error):
                self._fail(error)
                if not duty.period_s:
                    self.once(duty.call)
                return
            _log.debug("%s answers: %s", without_password(self.tracking_uri), error.message)
        except Exception:  # noqa: BLE001 - the edge of a thread
            if not duty.is_told:
                _log.exception(
                    "Something that is done for %s from time to time failed.", without_password(self.tracking_uri)
                )
            duty.is_told = True
            return
        self._succeed()

    # How the server is

    def _fail(self, error: MlkeepException, number: int = 0) -> None:
        with self._changed:
            self._failed_try = max(self._failed_try, number)
            is_news = self._health.failed(error.retry_after_s)
            self._changed.notify_all()
        if is_news:
            _log.warning(
                "%s does not take what is logged (%s). It is kept on disk, and sent when the server is back.",
                without_password(self.tracking_uri),
                error.message,
            )

    def _succeed(self, count: int = 0) -> None:
        """The server has answered, and taken so many records."""
        health = self._health
        if health.has_answered and not health.is_out:
            return
        with self._changed:
            is_first = not health.has_answered
            health.answered(count)
            if health.is_out or (is_first and self._firsts):
                self._rouse()

    def _tell_return(self, count: int) -> None:
        sent = f": {count} records that waited are sent" if count else ""
        _log.info("%s takes what is logged again%s.", without_password(self.tracking_uri), sent)
