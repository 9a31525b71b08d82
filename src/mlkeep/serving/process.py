"""One process that serves a model, from its start to its orderly end."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable
from typing import Final

import uvicorn

from mlkeep.flavors.pyfunc import load_model
from mlkeep.serving.access import observed
from mlkeep.serving.app import build_app
from mlkeep.serving.listen import port_in_use
from mlkeep.serving.scoring import ScoredModel

DRAIN_S: Final = 5
"""Seconds that a stop waits beyond the time limit of a request."""

_BACKLOG: Final = 2048


def load(model_uri: str) -> ScoredModel:
    """The model at `model_uri`, ready to score."""
    return ScoredModel(load_model(model_uri))


def run(model: ScoredModel, listening: socket.socket, *, timeout_s: float, on_ready: Callable[[], None]) -> None:
    """Serve `model` on a bound socket until SIGTERM or SIGINT. Only for the main thread of a process."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = uvicorn.Config(
        observed(build_app(model, timeout_s=timeout_s)),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=int(timeout_s) + DRAIN_S,
    )
    # uvicorn stops on these signals and then raises them again: by then the work is done, and the end is no failure.
    before = {each: signal.signal(each, _ignore) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        _Server(config, on_ready).run(sockets=[listening])
    finally:
        # A prediction that outlived its request keeps the process; from here on a second signal ends it at once.
        for each, handler in before.items():
            signal.signal(each, handler)


def _ignore(*_: object) -> None:
    """A handler rather than SIG_IGN, which child processes would inherit."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except OSError as error:
            # Two processes can bind one port; the second one learns of the first only when it starts to listen.
            if error.errno == errno.EADDRINUSE and sockets:
                raise port_in_use(*sockets[0].getsockname()[:2]) from error
            raise
        self._on_ready()
