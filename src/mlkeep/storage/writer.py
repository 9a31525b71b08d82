"""Group commit: threads run the queued operations, many to a transaction, and answer each after the commit."""

from __future__ import annotations

import asyncio
import enum
import itertools
import logging
import queue
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

import msgspec

from mlkeep.core.errors import MlkeepException, Unavailable
from mlkeep.storage.contract import Logged

_dice = random.Random()  # noqa: S311 - no secret; of our own, for programs that seed `random`

T = TypeVar("T")

MAX_GROUP = 1_000
"""Operations that share one transaction at the most; bounds how long the first one waits for its answer."""

REPEATS = 5
"""How often a group is run again that the database undid because of another transaction."""

REPEAT_WITHIN_S = 0.05
"""A repetition waits for a random time up to this, times the number of tries so far."""

logger = logging.getLogger(__name__)


class Remedy(enum.Enum):
    """What may help when the database failed."""

    NONE = enum.auto()
    REPEAT = enum.auto()
    """The database undid the transaction for the sake of another; the same again may succeed."""

    RECONNECT = enum.auto()
    """The connection is lost; what was not committed may be done on another one."""


class Outage(msgspec.Struct, frozen=True):
    """How a database failed, in a few words."""

    words: str
    remedy: Remedy = Remedy.NONE


class Connection(Protocol):
    """What the writer needs of a database; see `storage.sql.database.WriteConnection`."""

    def begin(self, touches: Sequence[str], /) -> Any: ...
    def mark(self, tx: Any, /) -> None: ...
    def keep(self, tx: Any, /) -> None: ...
    def undo(self, tx: Any, /) -> None: ...
    def log(self, tx: Any, given: Sequence[Logged], /) -> Sequence[MlkeepException | None]: ...
    def complete(self, tx: Any, /) -> None: ...
    def commit(self, tx: Any, /) -> None: ...
    def rollback(self, tx: Any, /) -> None: ...
    def abandon(self) -> None: ...
    def close(self) -> None: ...


class _Job:
    """What is to be done and who waits for it: an event loop's future, or a thread's."""

    __slots__ = ("error", "future", "loop", "operation", "result", "touches")

    def __init__(
        self,
        operation: Callable[[Any], Any] | Logged,
        touches: Sequence[str],
        future: Any,
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.operation = operation
        self.touches = touches
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Tell the waiter, unless it has gone."""
        gone = self.future.cancelled() if self.loop else not self.future.set_running_or_notify_cancel()
        if gone:
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """The queue and its threads, one for each connection.

    `outage` tells a failure of the database from one of an operation. Operations may be run again when the database
    failed before anything was committed, so they must be functions of their transaction.
    """

    def __init__(
        self,
        connections: Sequence[Connection],
        outage: Callable[[BaseException], Outage | None],
        *,
        max_group: int = MAX_GROUP,
    ) -> None:
        self._connections = connections
        self._outage = outage
        self._max_group = max_group
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._held: dict[asyncio.AbstractEventLoop, list[_Job]] = {}

    def submit(self, operation: Callable[[Any], T], touches: Sequence[str] = ()) -> Future[T]:
        """Queue an operation for a waiting thread."""
        future: Future[T] = Future()
        self._put([_Job(operation, touches, future, None)])
        return future

    def submit_from_loop(self, operation: Callable[[Any], T], touches: Sequence[str] = ()) -> asyncio.Future[T]:
        """Queue an operation for a coroutine of the running event loop."""
        return self._hold(operation, touches)

    def log(self, logged: Logged, touches: Sequence[str] = ()) -> Future[None]:
        """Queue what is logged, for a waiting thread."""
        future: Future[None] = Future()
        self._put([_Job(logged, touches, future, None)])
        return future

    def log_from_loop(self, logged: Logged, touches: Sequence[str] = ()) -> asyncio.Future[None]:
        """Queue what is logged, for the running event loop."""
        return self._hold(logged, touches)

    def close(self) -> None:
        """Run what is queued, then stop. May be called twice."""
        with self._lock:
            already, self._closed = self._closed, True
            if not already:
                for _ in self._threads:
                    self._queue.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _hold(self, operation: Callable[[Any], Any] | Logged, touches: Sequence[str]) -> asyncio.Future[Any]:
        """Queue something together with all that comes in the same turn of the event loop: so it comes into one group."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        job = _Job(operation, touches, future, loop)
        if (held := self._held.get(loop)) is not None:
            held.append(job)
        else:
            self._held[loop] = [job]
            loop.call_soon(self._put_held, loop)
        return future

    def _put_held(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = self._held.pop(loop)
        try:
            self._put(jobs)
        except Unavailable as err:
            for job in jobs:
                job.error = err
                job.answer()

    def _put(self, jobs: list[_Job]) -> None:
        with self._lock:
            if self._closed:
                raise Unavailable("The storage is closed; nothing more can be written.")
            if not self._threads:
                for connection in self._connections:
                    thread = threading.Thread(target=self._work, args=[connection], name="mlkeep-writer", daemon=True)
                    thread.start()
                    self._threads.append(thread)
            for job in jobs:
                self._queue.put(job)

    def _work(self, connection: Connection) -> None:
        stopping = False
        while not stopping:
            jobs: list[_Job] = []
            job = self._queue.get()
            while True:
                if job is None:
                    stopping = True
                    break
                jobs.append(job)
                if len(jobs) == self._max_group:
                    break
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
            if jobs:
                _Group(connection, self._outage, jobs).run()
                _answer(jobs)
        connection.close()


class _UncertainError(Exception):
    """What was logged together failed in a way that does not tell whose fault it was."""


class _Group:
    """Operations that share a transaction."""

    def __init__(
        self, connection: Connection, outage: Callable[[BaseException], Outage | None], jobs: list[_Job]
    ) -> None:
        self._connection = connection
        self._outage = outage
        self._jobs = jobs
        self._touches = list(dict.fromkeys(name for job in jobs for name in job.touches))
        self._parts = _parts(jobs)
        self._is_committing = False

    def run(self) -> None:
        """Run the jobs in one transaction; if the database fails, none of them is kept and each is told so."""
        tries = 1
        while (failure := self._try()) is not None:
            if isinstance(failure, _UncertainError):
                logger.error("what was logged together is logged again one by one", exc_info=failure.__cause__)
                self._parts = [[job] for job in self._jobs]
                continue
            outage = self._outage(failure)
            if not self._may_try_again(outage, tries):
                logger.error("a group of %d writes was not kept", len(self._jobs), exc_info=failure)
                words = "a fault" if outage is None else outage.words
                told = Unavailable(f"The database could not keep the change: {words}. Try again.")
                for job in self._jobs:
                    job.error = told
                return
            logger.warning("a group of %d writes is run again: %s", len(self._jobs), failure)
            time.sleep(_dice.uniform(0, REPEAT_WITHIN_S * (tries - 1)))
            tries += 1

    def _may_try_again(self, outage: Outage | None, tries: int) -> bool:
        if outage is None:
            return False
        if outage.remedy is Remedy.RECONNECT:
            return tries == 1 and not self._is_committing  # else nobody knows what became of it
        return outage.remedy is Remedy.REPEAT and tries <= REPEATS

    def _try(self) -> Exception | None:
        """Run the jobs in one transaction; how it failed, if it did."""
        self._is_committing = False
        for job in self._jobs:
            job.result = job.error = None
        try:
            tx = self._connection.begin(self._touches)
            if len(self._parts) == 1:
                keeps = self._run(tx, self._parts[0])
            else:
                keeps = True
                for part in self._parts:
                    self._connection.mark(tx)
                    if self._run(tx, part):
                        self._connection.keep(tx)
                    else:
                        self._connection.undo(tx)
            if not keeps:
                self._connection.rollback(tx)
                return None
            self._connection.complete(tx)
            self._is_committing = True
            self._connection.commit(tx)
        except Exception as err:  # noqa: BLE001 - whatever it is, the transaction is lost
            self._connection.abandon()
            return err
        return None

    def _run(self, tx: Any, part: list[_Job]) -> bool:
        """Run an operation, or write what was logged; whether any of it is to be kept.

        A failure of the database passes through.
        """
        first = part[0]
        try:
            if isinstance(first.operation, Logged):
                errors = self._connection.log(tx, [job.operation for job in part])  # type: ignore[misc]  # all of them log
                for job, error in zip(part, errors, strict=True):
                    job.error = error
            else:
                first.result = first.operation(tx)
        except Exception as err:
            if not isinstance(err, MlkeepException) and self._outage(err):
                raise
            if len(part) > 1:
                raise _UncertainError from err
            first.error = err
        return any(job.error is None for job in part)


def _parts(jobs: list[_Job]) -> list[list[_Job]]:
    """The jobs in their order, those next to each other together that only log."""
    return [
        part
        for logs, those in itertools.groupby(jobs, lambda job: isinstance(job.operation, Logged))
        for part in ([list(those)] if logs else [[job] for job in those])
    ]


def _answer(jobs: list[_Job]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Job]] = defaultdict(list)
    for job in jobs:
        if job.loop is None:
            job.answer()
        else:
            by_loop[job.loop].append(job)
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_answer_all, theirs)
        except RuntimeError:  # the loop was closed meanwhile: nobody waits any more
            logger.warning("%d writes were kept, but their event loop is gone", len(theirs))


def _answer_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.answer()
