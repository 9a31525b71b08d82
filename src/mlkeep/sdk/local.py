"""The composition root without a server: use-cases on a database, in this process."""

from __future__ import annotations

import atexit
import contextlib
import os
from pathlib import Path

from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import Unavailable
from mlkeep.core.presence import LOST_AFTER_S, MOST_LOST_AFTER_S
from mlkeep.core.settings import number
from mlkeep.sdk import forks
from mlkeep.sdk.config import DEFAULT_FOLDER
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.services.rules import rules_from
from mlkeep.storage.across_forks import AcrossForks
from mlkeep.storage.sql.dialect.urls import file_of
from mlkeep.storage.sql.storage import SqlStorage


def artifacts_beside(url: str) -> str:
    """The folder of artifacts that belongs to a database: `artifacts` beside its file.

    A database on a server has none beside it; then it is `.mlkeep/artifacts` in the working folder.

    Raises:
        InvalidInput, NotOffered: there is no such file, or no such kind of database; the message says which.
    """
    file = file_of(url)
    folder = Path(DEFAULT_FOLDER) if file is None else file.parent
    return str(folder.absolute() / "artifacts")


def open_local(url: str) -> Dispatcher:
    """Use-cases on the database at `url`, artifacts beside it. Closed when the program ends, and while it forks.

    Runs that nothing was heard of for too long are given up now.

    Raises:
        InvalidInput, NotOffered, Unavailable: the database cannot be used; the message says why.
    """
    settings = Settings(
        artifact_root=artifacts_beside(url),
        rules=rules_from(os.environ),
        lost_after_s=number("LOST_AFTER", LOST_AFTER_S, most=MOST_LOST_AFTER_S),
    )
    storage = AcrossForks(lambda: SqlStorage(url))
    forks.closed_for_forks.add(storage)
    dispatcher = Dispatcher(storage, settings, open_store)
    atexit.register(dispatcher.close)
    with contextlib.suppress(Unavailable):  # what can only be read is opened all the same
        dispatcher.find_lost()
    return dispatcher
