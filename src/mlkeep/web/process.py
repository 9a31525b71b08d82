"""One process that serves an application, from its start to its orderly end."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import uvicorn
from litestar.types import ASGIApp

from mlkeep.web.access import ToStderr, Write, observed
from mlkeep.web.listen import port_in_use

_BACKLOG: Final = 2048
_KEEP_ALIVE_S: Final = 75
"""Seconds a connection may rest: trainers that log now and then should not meet a closing one."""


def run(
    app: ASGIApp, listening: socket.socket, *, drain_s: int, access_log: bool, on_ready: Callable[[], None]
) -> None:
    """Serve `app` on a bound socket until SIGTERM or SIGINT. Only for the main thread of a process.

    Requests that are being answered at the end get `drain_s` seconds to finish.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    write = ToStderr() if access_log else None
    config = uvicorn.Config(
        observed(app, write),
        http=_protocol(app, write),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=drain_s,
    )
    # uvicorn stops on these signals and then raises them again: by then the work is done, and the end is no failure.
    before = {each: signal.signal(each, _ignore) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        _Server(config, on_ready).run(sockets=[listening])
    finally:
        # What outlived its request keeps the process; from here on a second signal ends it at once.
        for each, handler in before.items():
            signal.signal(each, handler)
        if write is not None:
            write.flush()


def _protocol(app: ASGIApp, write: Write | None) -> Any:
    """The protocol with the short ways, where the parser it needs is installed."""
    if sys.platform == "win32":
        return "auto"
    from mlkeep.web.direct import DirectProtocol
    from mlkeep.web.shortcuts import ShortcutProtocol, WithShortcuts

    return partial(ShortcutProtocol, app.shortcuts, write) if isinstance(app, WithShortcuts) else DirectProtocol


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
        if self.started:
            self._on_ready()
