"""Logging with `synchronous=False`: what the caller gets back."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mlkeep.core.errors import MlkeepException
from mlkeep.remote.settings import flag

_log = logging.getLogger("mlkeep")


class RunOperations:
    """What was asked for with `synchronous=False`. It has happened when the caller gets this object.

    A failure is not raised where it is logged but by `wait`, and written to the log "mlkeep".
    """

    def __init__(self, failure: MlkeepException | None = None) -> None:
        self._failure = failure

    def wait(self) -> None:
        """Raises MlkeepException: what went wrong, if something did; each time it is called."""
        if self._failure is not None:
            raise self._failure

    def __repr__(self) -> str:
        return f"RunOperations({'done' if self._failure is None else self._failure!r})"


def is_synchronous(asked: bool | None) -> bool:
    """Whether errors are raised where they happen: as asked, else as `MLFLOW_ENABLE_ASYNC_LOGGING` says."""
    return not flag("ENABLE_ASYNC_LOGGING") if asked is None else asked


def perform(call: Callable[[], object], synchronous: bool | None) -> RunOperations | None:
    """Do `call` now. None if that is all that was asked for, else the object that tells how it went."""
    if is_synchronous(synchronous):
        call()
        return None
    try:
        call()
    except MlkeepException as err:
        _log.error("What was to be logged is lost: %s", err)
        return RunOperations(err)
    return RunOperations()
