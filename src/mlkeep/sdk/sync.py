"""Sending what was logged while its server was not there."""

from __future__ import annotations

import os
from pathlib import Path

from mlkeep.sdk.journal import syncing
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.syncing import Synced
from mlkeep.sdk.journal.whereabouts import journal_folder
from mlkeep.sdk.recording import when_linked


def sync(folder: str | os.PathLike[str] | None = None, tracking_uri: str | None = None) -> Synced:
    """Send what is in the journals of a folder to the server, and tell what was sent, what was kept, and why.

    The folder is that of this process unless another one is given: `MLKEEP_JOURNAL_DIR`, else `.mlkeep/journal`. Each
    journal goes to `tracking_uri`, else to what MLKEEP_TRACKING_URI says, else to the server that it was written for. What
    living processes write is left to them. It may be interrupted and done again: everything is stored once.
    """
    return syncing.sync(journal_folder() if folder is None else Path(folder), tracking_uri)


def _send_orphans(link: Link) -> None:
    """Have a server get, once it answers, what processes left here that are no more."""
    link.once(lambda _: syncing.send_orphans(journal_folder(), link.tracking_uri))


when_linked.append(_send_orphans)
