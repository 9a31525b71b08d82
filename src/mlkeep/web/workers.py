"""Several processes that serve one application from one socket."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Final, TypeAlias

from litestar.types import ASGIApp

from mlkeep.core.errors import InternalError, MlkeepException
from mlkeep.web.process import run

_SPAWN: Final = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, not the threads


MakeApp: TypeAlias = Callable[[], ASGIApp]
"""Makes the application inside a worker; can be pickled. What it cannot do it says with a MlkeepException."""


def run_workers(
    make_app: MakeApp,
    listening: socket.socket,
    count: int,
    *,
    drain_s: int,
    access_log: bool,
    on_ready: Callable[[], None],
) -> None:
    """Serve with `count` processes until SIGTERM or SIGINT, then let each finish what it is answering.

    `on_ready` is called when all of them accept requests. A worker that dies is replaced; one that cannot start ends
    them all.

    Raises:
        MlkeepException: what kept a worker from starting.
    """
    orders = _Orders(make_app, listening, drain_s, access_log)
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    workers = [_Worker(orders) for _ in range(count)]
    try:
        for worker in workers:
            worker.await_start(stopping)
        if not stopping.is_set():
            on_ready()
        while not stopping.is_set():
            wait([worker.process.sentinel for worker in workers], timeout=0.2)
            for position, worker in enumerate(workers):
                if not worker.process.is_alive() and not stopping.is_set():
                    workers[position] = _Worker(orders)
                    workers[position].await_start(stopping)
    finally:
        listening.close()  # else the kernel goes on accepting connections that nobody will serve
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(drain_s)
            worker.process.kill()  # what it does outlived every time limit; no effect on one that has ended
            worker.process.join()


@dataclass(frozen=True, slots=True)
class _Orders:
    """What every worker is told."""

    make_app: MakeApp
    listening: socket.socket
    drain_s: int
    access_log: bool


class _Worker:
    def __init__(self, orders: _Orders) -> None:
        self._news, ours = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=_work, args=(orders, ours), name="mlkeep-worker")
        self.process.start()
        ours.close()

    def await_start(self, stopping: threading.Event) -> None:
        """Return when the worker accepts requests, or when `stopping` is set; raise what it failed with."""
        while not stopping.is_set():
            if not self._news.poll(0.2):
                continue
            try:
                failure: MlkeepException | None = self._news.recv()
            except EOFError:
                self.process.join()
                code = self.process.exitcode
                failure = InternalError(f"A worker ended with exit code {code} before it could serve; see its log.")
            if failure is not None:
                raise failure
            return


def _work(orders: _Orders, news: Connection) -> None:
    """What a worker process does. Says None on `news` when it accepts requests, else what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent passes on one SIGTERM
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        app = orders.make_app()
    except MlkeepException as error:
        news.send(error)
        return
    run(
        app,
        orders.listening,
        drain_s=orders.drain_s,
        access_log=orders.access_log,
        on_ready=lambda: news.send(None),
    )


def _end_with_parent() -> None:
    """Stop this process when its parent dies without a word, so that no worker keeps the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
