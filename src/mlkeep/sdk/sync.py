"""Sending what was logged while its server was not there."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from mlkeep.sdk.journal import syncing
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.syncing import Synced
from mlkeep.sdk.journal.whereabouts import journal_folder
from mlkeep.sdk.recording import when_let_go, when_linked


def sync(folder: str | os.PathLike[str] | None = None, tracking_uri: str | None = None) -> Synced:
    """Send what is in the journals of a folder to the server, and tell what was sent, what was kept, and why.

    The folder is that of this process unless another one is given: `MLKEEP_JOURNAL_DIR`, else `.mlkeep/journal`. Each
    journal goes to `tracking_uri`, else to what MLKEEP_TRACKING_URI says, else to the server that it was written for. What
    living processes write is left to them. It may be interrupted and done again: everything is stored once.
    """
    return syncing.sync(journal_folder() if folder is None else Path(folder), tracking_uri)


class _Orphans:
    """What other processes left here, forked children of this one among them, and who sends it now."""

    def __init__(self) -> None:
        self._has_forked = False
        self._sending: threading.Thread | None = None

    def note_fork(self) -> None:
        self._has_forked = True

    def send_when_linked(self, link: Link) -> None:
        """Have a server get, once it answers, what processes left here that are no more."""
        link.once(lambda _: self._send(link))

    def send_childrens(self, link: Link, timeout_s: float) -> None:
        """Have it get what forked children left that ended before the server knew the run they logged to."""
        until = time.monotonic() + timeout_s
        if self._has_forked and not link.is_down:
            self._wait(until)
            self._send(link)
            self._wait(until)

    def _send(self, link: Link) -> None:
        self._sending = syncing.send_orphans(journal_folder(), link.tracking_uri)

    def _wait(self, until: float) -> None:
        if self._sending is not None:
            self._sending.join(max(0.0, until - time.monotonic()))


_orphans = _Orphans()
when_linked.append(_orphans.send_when_linked)
when_let_go.append(_orphans.send_childrens)
os.register_at_fork(after_in_parent=_orphans.note_fork)
