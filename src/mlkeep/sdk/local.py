"""The composition root without a server: use-cases on a database file, in this process."""

from __future__ import annotations

import atexit
from pathlib import Path

from mlkeep.blobs.objects import local_artifacts
from mlkeep.core.errors import InvalidInput
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.storage.sql.storage import SqlStorage


def artifacts_beside(url: str) -> str:
    """The folder of artifacts that belongs to a database file: `artifacts` beside it. Raises InvalidInput: no file."""
    scheme, separator, path = url.partition(":///")
    if not separator or not path or not scheme.startswith("sqlite"):
        raise InvalidInput(
            f"No artifact folder goes with the backend store '{url}': name one with --artifacts-destination."
        )
    return str((Path(path.partition("?")[0]).absolute().parent) / "artifacts")


def open_local(url: str) -> Dispatcher:
    """Use-cases on the database at `url`, artifacts beside it. Closed when the program ends.

    Raises:
        InvalidInput, NotOffered, Unavailable: the database cannot be used; the message says why.
    """
    dispatcher = Dispatcher(SqlStorage(url), Settings(artifact_root=artifacts_beside(url)), local_artifacts)
    atexit.register(dispatcher.close)
    return dispatcher
