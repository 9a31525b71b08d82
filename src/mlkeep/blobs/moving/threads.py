"""Work that several threads share, and for which nobody waits when the program is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import Generic, TypeVar

T = TypeVar("T")


def shared_out(tasks: Iterable[Callable[[], T]], threads: int) -> list[T]:
    """What the tasks give, in their order; up to `threads` of them are done at a time.

    Tasks are taken one after another, by one thread at a time, so an iterator of them may do in order what must be.
    If one raises, no more are begun, those that were are waited for, and its error is raised. An interrupt (Ctrl-C) is
    raised at once; what was begun then ends by itself.
    """
    waiting = iter(tasks)
    first = list(islice(waiting, 2))
    if len(first) < 2 or threads < 2:
        return [task() for task in chain(first, waiting)]
    return _Crew(chain(first, waiting)).done(threads)


class _Crew(Generic[T]):
    def __init__(self, tasks: Iterable[Callable[[], T]]) -> None:
        self._tasks = enumerate(tasks)
        self._taking = threading.Lock()
        self._changed = threading.Condition()
        self._at_work = 0
        self._results: dict[int, T] = {}
        self._error: BaseException | None = None
        self._stopped = False

    def done(self, threads: int) -> list[T]:
        self._at_work = threads
        try:
            for _ in range(threads):
                # A program that ends does not wait for daemons, whatever they wait for.
                threading.Thread(target=self._work, name="mlkeep-transfer", daemon=True).start()
            with self._changed:
                self._changed.wait_for(lambda: self._at_work == 0)
        except BaseException:
            self._stopped = True
            raise
        if self._error is not None:
            raise self._error
        return [self._results[number] for number in sorted(self._results)]

    def _work(self) -> None:
        try:
            while (taken := self._take()) is not None:
                number, task = taken
                self._results[number] = task()
        except BaseException as err:  # noqa: BLE001 - the thread that waits raises it
            self._stopped = True
            self._error = self._error or err
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def _take(self) -> tuple[int, Callable[[], T]] | None:
        with self._taking:
            return None if self._stopped else next(self._tasks, None)
