"""Logging with `synchronous=False`: what the caller gets back."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mlkeep.core.errors import MlkeepException
from mlkeep.remote.settings import flag

_log = logging.getLogger("mlkeep")


class RunOperations:
    """What was asked for with `synchronous=False`.

    A failure is not raised where it is logged but by `wait`, and written to the log "mlkeep".
    """

    def __init__(self, failure: MlkeepException | None = None, finish: Callable[[], None] | None = None) -> None:
        """`finish` waits until the server has it. Raises MlkeepException: it does not take it."""
        self._failure = failure
        self._finish = finish

    def wait(self) -> None:
        """Wait until the server has it.

        Raises MlkeepException: what went wrong, if something did; each time it is called.
        """
        if self._failure is None and self._finish is not None:
            try:
                self._finish()
            except MlkeepException as error:
                self._failure = error
            self._finish = None
        if self._failure is not None:
            raise self._failure

    def __repr__(self) -> str:
        state = "done" if self._finish is None else "under way"
        return f"RunOperations({state if self._failure is None else repr(self._failure)})"


class _Default:
    """Whether `synchronous=False` is the default. Looked up when a run is started, for logging is to be quick."""

    is_asynchronous = False


default = _Default()


def look_up_default() -> None:
    """Take what `MLFLOW_ENABLE_ASYNC_LOGGING` says now. Raises InvalidInput: it is neither true nor false."""
    default.is_asynchronous = flag("ENABLE_ASYNC_LOGGING")


def is_synchronous(asked: bool | None) -> bool:
    """Whether errors are raised where they happen: as asked, else as `MLFLOW_ENABLE_ASYNC_LOGGING` says."""
    return not flag("ENABLE_ASYNC_LOGGING") if asked is None else asked


def perform(
    call: Callable[[], object], synchronous: bool | None, finish: Callable[[], None] | None = None
) -> RunOperations | None:
    """Do `call` now. None if that is all that was asked for, else the object that tells how it went.

    `finish` waits until the server has what `call` did.
    """
    if is_synchronous(synchronous):
        call()
        return None
    try:
        call()
    except MlkeepException as err:
        _log.error("What was to be logged is lost: %s", err)
        return RunOperations(err)
    return RunOperations(finish=finish)
