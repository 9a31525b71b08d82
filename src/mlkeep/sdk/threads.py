"""What each thread of a program has of its own: its active runs, its active model, and the last of both."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec

from mlkeep.remote.settings import setting

if TYPE_CHECKING:
    from mlkeep.sdk.active import ActiveRun


class ModelChoice(msgspec.Struct, frozen=True):
    """The model a thread has made the active one, or (None) that it wants none."""

    model_id: str | None


class _Own(threading.local):
    """`model_choice` is None as long as the thread has not chosen: then it follows the environment."""

    def __init__(self) -> None:
        self.runs: list[ActiveRun] = []
        self.last_run_id: str | None = None
        self.model_choice: ModelChoice | None = None
        self.last_model_id: str | None = None


own = _Own()


class _Inherited:
    """The active model that the environment named when a run was last started: looking it up takes longer than logging."""

    def __init__(self) -> None:
        self.model_id = setting("ACTIVE_MODEL_ID")


_inherited = _Inherited()


def look_up_active_model() -> None:
    """Take what `MLFLOW_ACTIVE_MODEL_ID` says now, for what is logged from now on."""
    _inherited.model_id = setting("ACTIVE_MODEL_ID")


def active_model_of_logging() -> str | None:
    """The id of the model that metrics count for which this thread logs: what was set here, else `look_up_active_model`."""
    choice = own.model_choice
    return _inherited.model_id if choice is None else choice.model_id


def get_active_model_id() -> str | None:
    """The id of the active model of this thread: what was set here, else `MLFLOW_ACTIVE_MODEL_ID`."""
    return setting("ACTIVE_MODEL_ID") if own.model_choice is None else own.model_choice.model_id
