"""The active experiment and the stack of active runs."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from mlkeep.core.entities import Experiment, LifecycleStage, Run, RunStatus
from mlkeep.core.errors import AlreadyExists, InvalidInput, MlkeepException
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID
from mlkeep.remote.settings import setting
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.client.runs import PARENT_TAG
from mlkeep.sdk.context import context_tags

NOTE_TAG = "mlflow.note.content"


class ActiveRun(Run, frozen=True):
    """A run that is being logged to. As a context manager it ends the run: FINISHED, or FAILED on any exception.

    `info` is as it was at the start.
    """

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if any(run.info.run_id == self.info.run_id for run in _stack()):
            end_run("FINISHED" if kind is None else "FAILED")


class _Threads(threading.local):
    """What each thread has of its own."""

    def __init__(self) -> None:
        self.stack: list[ActiveRun] = []
        self.last_run_id: str | None = None


_threads = _Threads()
_open_runs: dict[str, None] = {}
_active_experiment_id: str | None = None


def _stack() -> list[ActiveRun]:
    return _threads.stack


def client() -> MlkeepClient:
    """A client of the tracking and registry URIs as they are set now."""
    return MlkeepClient()


def set_experiment(experiment_name: str | None = None, experiment_id: str | None = None) -> Experiment:
    """Make an experiment the active one; one named for the first time is made.

    Raises:
        InvalidInput: not exactly one of name and id, or the experiment is deleted.
        NotFound: no experiment has this id.
    """
    global _active_experiment_id  # noqa: PLW0603 - one setting for the process, as MLflow scripts expect
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidInput("Must specify exactly one of: `experiment_id` or `experiment_name`.")
    if experiment_name is not None:
        experiment = found_or_made_experiment(experiment_name)
    else:
        experiment = client().get_experiment(str(experiment_id))
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(
            f"Cannot set a deleted experiment '{experiment.name}' as the active experiment. Restore it, or choose "
            "another name."
        )
    _active_experiment_id = experiment.experiment_id
    os.environ["MLFLOW_EXPERIMENT_ID"] = experiment.experiment_id
    return experiment


def found_or_made_experiment(name: str) -> Experiment:
    """The experiment of this name, deleted or not; it is made if there is none. Raises InvalidInput: no name."""
    if not name:
        raise InvalidInput(f"Invalid experiment name {name!r}: it must be a string that is not empty.")
    if (found := client().get_experiment_by_name(name)) is not None:
        return found
    try:
        return client().get_experiment(client().create_experiment(name))
    except AlreadyExists:  # another process was quicker
        found = client().get_experiment_by_name(name)
        if found is None:
            raise
        return found


def current_experiment_id() -> str:
    """The id of the experiment that new runs belong to.

    What `set_experiment` said, else the environment (`MLFLOW_EXPERIMENT_NAME`, `MLFLOW_EXPERIMENT_ID`), else "0".
    """
    if _active_experiment_id is not None:
        return _active_experiment_id
    if (name := setting("EXPERIMENT_NAME")) is not None:
        return found_or_made_experiment(name).experiment_id
    return setting("EXPERIMENT_ID") or DEFAULT_EXPERIMENT_ID


def active_run() -> ActiveRun | None:
    """The innermost active run of this thread."""
    return _stack()[-1] if _stack() else None


def active_or_started_run() -> ActiveRun:
    """The active run; one is started if there is none, and stays open."""
    return active_run() or start_run()


def last_active_run() -> Run | None:
    """The active run, else the one that ended last in this thread, as it is now."""
    if (current := active_run()) is not None:
        return current
    return None if _threads.last_run_id is None else client().get_run(_threads.last_run_id)


def start_run(
    run_id: str | None = None,
    experiment_id: str | int | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> ActiveRun:
    """Start a run, or go on with the one named by `run_id` (or `MLFLOW_RUN_ID`), and make it the active one.

    Raises:
        Exception: a run is active and `nested` is false.
        NotFound: the run, its experiment or its parent is not there.
        InvalidInput: the run to go on with is deleted; or the note is given twice.
    """
    if _stack() and not nested:
        raise Exception(  # noqa: TRY002 - the class MLflow raises here
            f"Run with UUID {_stack()[-1].info.run_id} is already active. To start a new run, first end the current run "
            "with mlkeep.end_run(). To start a nested run, call start_run with nested=True"
        )
    labels = _labels(tags, description)
    existing = run_id or setting("RUN_ID")
    if existing:
        os.environ.pop("MLFLOW_RUN_ID", None)
        os.environ.pop("MLKEEP_RUN_ID", None)
        run = _resumed(existing, run_name, labels)
    else:
        parent = _parent(parent_run_id)
        run = client().create_run(
            str(experiment_id) if experiment_id is not None else current_experiment_id(),
            tags={**context_tags(), **({PARENT_TAG: parent} if parent else {}), **labels},
            run_name=run_name,
        )
    active = ActiveRun(run.info, run.data, run.inputs, run.outputs)
    _stack().append(active)
    _open_runs[run.info.run_id] = None
    return active


def _labels(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, str]:
    labels = {key: str(value) for key, value in (tags or {}).items()}
    if description:
        if NOTE_TAG in labels:
            raise InvalidInput(f"The description is given twice: as `description` and as the tag '{NOTE_TAG}'.")
        labels[NOTE_TAG] = description
    return labels


def _resumed(run_id: str, run_name: str | None, labels: Mapping[str, str]) -> Run:
    run = client().get_run(run_id)
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidInput(f"Cannot start run with ID {run_id} because it is in the deleted state: restore it first.")
    if _active_experiment_id not in (None, run.info.experiment_id):
        raise InvalidInput(
            f"Cannot start run with ID {run_id} because active experiment ID does not match environment run ID: it "
            f"belongs to experiment {run.info.experiment_id}, the active one is {_active_experiment_id}."
        )
    client().update_run(run_id, status="RUNNING", name=run_name)
    for key, value in labels.items():
        client().set_tag(run_id, key, value)
    return client().get_run(run_id)


def _parent(asked: str | None) -> str | None:
    top = _stack()[-1].info.run_id if _stack() else None
    if asked is None:
        return top
    if top is not None and asked != top:
        raise InvalidInput(f"Current run with UUID {top} does not match the specified parent_run_id {asked}.")
    if client().get_run(asked).info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidInput(f"The parent run {asked} is in the deleted state: restore it first.")
    return asked


def end_run(status: str = "FINISHED") -> None:
    """End the innermost active run of this thread with `status`; nothing if there is none.

    Raises:
        Exception: there is no such status.
    """
    if not _stack():
        return
    if status not in RunStatus.__members__:
        raise Exception(  # noqa: TRY002 - the class MLflow raises here
            f"Could not get run status corresponding to string {status}. Valid run status strings: "
            f"{RunStatus.all_names()}"
        )
    run = _stack().pop()
    os.environ.pop("MLFLOW_RUN_ID", None)
    _threads.last_run_id = run.info.run_id
    _open_runs.pop(run.info.run_id, None)
    client().set_terminated(run.info.run_id, status)


@atexit.register
def _end_open_runs() -> None:
    """A program that ends without ending its runs has finished them."""
    for run_id in reversed(list(_open_runs)):
        try:
            client().set_terminated(run_id)
        except MlkeepException:  # deleted meanwhile, or the server is gone: nobody is left to tell
            continue
