"""The composition root without a server: use-cases on a database file, in this process."""

from __future__ import annotations

import atexit
import os

from mlkeep.blobs.objects import local_artifacts
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.services.rules import rules_from
from mlkeep.storage.sql.database import file_of
from mlkeep.storage.sql.storage import SqlStorage


def artifacts_beside(url: str) -> str:
    """The folder of artifacts that belongs to a database file: `artifacts` beside it.

    Raises:
        InvalidInput, NotOffered: there is no such file, or no such kind of database; the message says which.
    """
    return str(file_of(url).absolute().parent / "artifacts")


def open_local(url: str) -> Dispatcher:
    """Use-cases on the database at `url`, artifacts beside it. Closed when the program ends.

    Raises:
        InvalidInput, NotOffered, Unavailable: the database cannot be used; the message says why.
    """
    settings = Settings(artifact_root=artifacts_beside(url), rules=rules_from(os.environ))
    dispatcher = Dispatcher(SqlStorage(url), settings, local_artifacts)
    atexit.register(dispatcher.close)
    return dispatcher
