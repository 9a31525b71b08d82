"""Group commit: one thread runs the queued operations, many to a transaction, and answers each after the commit."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from mlkeep.core.errors import MlkeepException, Unavailable

T = TypeVar("T")

MAX_GROUP = 1_000
"""Operations that share one transaction at the most; bounds how long the first one waits for its answer."""

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """What the writer needs of a database; see `storage.sql.database.WriteConnection`."""

    def begin(self) -> Any: ...
    def mark(self, tx: Any, /) -> None: ...
    def keep(self, tx: Any, /) -> None: ...
    def undo(self, tx: Any, /) -> None: ...
    def commit(self, tx: Any, /) -> None: ...
    def rollback(self, tx: Any, /) -> None: ...
    def abandon(self) -> None: ...
    def close(self) -> None: ...


class _Job:
    """An operation and who waits for it: an event loop's future, or a thread's."""

    __slots__ = ("error", "future", "loop", "operation", "result")

    def __init__(self, operation: Callable[[Any], Any], future: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self.operation = operation
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
    """The queue and its thread. `outage` tells a failure of the database from one of an operation: by a few words."""

    def __init__(self, connection: Connection, outage: Callable[[BaseException], str | None]) -> None:
        self._connection = connection
        self._outage = outage
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, operation: Callable[[Any], T]) -> Future[T]:
        """Queue an operation for a waiting thread."""
        future: Future[T] = Future()
        self._put(_Job(operation, future, None))
        return future

    def submit_from_loop(self, operation: Callable[[Any], T]) -> asyncio.Future[T]:
        """Queue an operation for a coroutine of the running event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Job(operation, future, loop))
        return future

    def close(self) -> None:
        """Run what is queued, then stop. May be called twice."""
        with self._lock:
            already, self._closed = self._closed, True
            thread = self._thread
            if not already and thread is not None:
                self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _put(self, job: _Job) -> None:
        with self._lock:
            if self._closed:
                raise Unavailable("The storage is closed; nothing more can be written.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mlkeep-writer", daemon=True)
                self._thread.start()
            self._queue.put(job)

    def _work(self) -> None:
        stopping = False
        while not stopping:
            jobs: list[_Job] = []
            job = self._queue.get()
            while True:
                if job is None:
                    stopping = True
                    break
                jobs.append(job)
                if len(jobs) == MAX_GROUP:
                    break
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
            if jobs:
                self._run_group(jobs)
                _answer(jobs)
        self._connection.close()

    def _run_group(self, jobs: list[_Job]) -> None:
        """Run jobs in one transaction; if the database fails, none of them is kept and each is told so."""
        try:
            tx = self._connection.begin()
            if len(jobs) == 1:
                self._run_alone(tx, jobs[0])
            else:
                for job in jobs:
                    self._connection.mark(tx)
                    if self._run(tx, job):
                        self._connection.keep(tx)
                    else:
                        self._connection.undo(tx)
                self._connection.commit(tx)
        except Exception as err:
            logger.exception("a group of %d writes was not kept", len(jobs))
            self._connection.abandon()
            told = Unavailable(f"The database could not keep the change: {self._outage(err) or 'a fault'}. Try again.")
            for job in jobs:
                job.error = told

    def _run_alone(self, tx: Any, job: _Job) -> None:
        if self._run(tx, job):
            self._connection.commit(tx)
        else:
            self._connection.rollback(tx)

    def _run(self, tx: Any, job: _Job) -> bool:
        """Run one operation; whether it went well. A failure of the database passes through."""
        try:
            job.result = job.operation(tx)
        except MlkeepException as err:
            job.error = err
        except Exception as err:
            if self._outage(err):
                raise
            job.error = err
        return job.error is None


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
