"""Several processes that serve one model from one socket."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Final

from mlkeep.core.errors import InternalError, MlkeepException
from mlkeep.serving.process import DRAIN_S, load, run

_SPAWN: Final = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, not the threads


def run_workers(
    model_uri: str, listening: socket.socket, count: int, *, timeout_s: float, on_ready: Callable[[], None]
) -> None:
    """Serve with `count` processes until SIGTERM or SIGINT, then let each finish what it is answering.

    `on_ready` is called when all of them accept requests. A worker that dies is replaced; one that cannot start ends
    them all.

    Raises:
        MlkeepException: what kept a worker from starting.
    """
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    workers = [_Worker(model_uri, listening, timeout_s) for _ in range(count)]
    try:
        for worker in workers:
            worker.await_start(stopping)
        if not stopping.is_set():
            on_ready()
        while not stopping.is_set():
            wait([worker.process.sentinel for worker in workers], timeout=0.2)
            for position, worker in enumerate(workers):
                if not worker.process.is_alive() and not stopping.is_set():
                    workers[position] = _Worker(model_uri, listening, timeout_s)
                    workers[position].await_start(stopping)
    finally:
        listening.close()  # else the kernel goes on accepting connections that nobody will serve
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(timeout_s + DRAIN_S)
            worker.process.kill()  # its prediction outlived every time limit; no effect on one that has ended
            worker.process.join()


class _Worker:
    def __init__(self, model_uri: str, listening: socket.socket, timeout_s: float) -> None:
        self._news, ours = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=_work, args=(model_uri, listening, timeout_s, ours), name="mlkeep-serving")
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


def _work(model_uri: str, listening: socket.socket, timeout_s: float, news: Connection) -> None:
    """What a worker process does. Says None on `news` when it accepts requests, else what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent passes on one SIGTERM
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        model = load(model_uri)
    except MlkeepException as error:
        news.send(error)
        return
    run(model, listening, timeout_s=timeout_s, on_ready=lambda: news.send(None))


def _end_with_parent() -> None:
    """Stop this process when its parent dies without a word, so that no worker keeps the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
