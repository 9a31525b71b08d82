"""A storage in a process that forks.

No connection to a database may be carried into a forked child: SQLite would take the locks of the parent for its own,
which damages databases, and a server would be talked to by two. So nothing is open while the process forks.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from mlkeep.core.errors import Unavailable
from mlkeep.storage.contract import Logged, Operation, Storage

_log = logging.getLogger("mlkeep")

T = TypeVar("T")

WAIT_S = 60
"""How long a fork waits for what is under way. SQLite takes half of it at the most."""


class AcrossForks:
    """A storage that is closed when the process forks, and opened again by the first to use it, in the parent or the child.

    See `contract.Storage` for what it promises. Opening it raises what `open_storage` raises. Whoever makes one has its last
    three methods called around each fork.
    """

    def __init__(self, open_storage: Callable[[], Storage]) -> None:
        self._open_storage = open_storage
        self._storage: Storage | None = None
        self._left: list[Storage] = []
        self._is_closed = False
        self._begin_anew()
        self._begin()
        self._end()

    def write(self, operation: Operation[T], touches: Sequence[str] = ()) -> Future[T]:
        return self._until_done(self._begin().write, operation, touches)

    async def write_async(self, operation: Operation[T], touches: Sequence[str] = ()) -> T:
        storage = self._begin()
        try:
            return await storage.write_async(operation, touches)
        finally:
            self._end()

    def log(self, logged: Logged, touches: Sequence[str] = ()) -> Future[None]:
        return self._until_done(self._begin().log, logged, touches)

    def log_from_loop(self, logged: Logged, touches: Sequence[str] = ()) -> asyncio.Future[None]:
        return self._until_done(self._begin().log_from_loop, logged, touches)

    def read(self, operation: Operation[T]) -> T:
        storage = self._begin()
        try:
            return storage.read(operation)
        finally:
            self._end()

    def check(self) -> None:
        storage = self._begin()
        try:
            storage.check()
        finally:
            self._end()

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            storage, self._storage = self._storage, None
        if storage is not None:
            storage.close()

    def before_fork(self) -> None:
        """Close it as soon as nothing is under way. Nothing begins until after the fork."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_forking)
            self._is_forking = True
            if not self._changed.wait_for(lambda: self._users == 0, WAIT_S):
                _log.error("The process forks while its database is being used, which does not come to an end.")
                return
            storage, self._storage = self._storage, None
        if storage is not None:
            storage.close()

    def after_fork(self) -> None:
        """Let the parent go on."""
        with self._changed:
            self._is_forking = False
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        """Let the child begin anew."""
        if self._storage is not None:  # it could not be closed in the parent, and must not be in the child
            self._left.append(self._storage)
            self._storage = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._changed = threading.Condition()
        self._users = 0
        self._is_forking = False

    def _begin(self) -> Storage:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_forking)
            if self._is_closed:
                raise Unavailable("The storage is closed.")
            if self._storage is None:
                self._storage = self._open_storage()
            self._users += 1
            return self._storage

    def _end(self) -> None:
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def _until_done(self, begin: Callable[..., T], *arguments: object) -> T:
        """The future that `begin` gives; the storage is in use until it is done."""
        try:
            future = begin(*arguments)
        except BaseException:
            self._end()
            raise
        future.add_done_callback(lambda _: self._end())  # type: ignore[attr-defined]  # of both kinds of futures
        return future
