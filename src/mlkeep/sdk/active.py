"""The stack of active runs."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from mlkeep.core.entities import LifecycleStage, LoggedModelInput, Run, RunInfo, RunStatus, RunTag
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.remote.settings import setting
from mlkeep.sdk import recording
from mlkeep.sdk.active_experiment import chosen_experiment_id, client, current_experiment_id
from mlkeep.sdk.client.runs import PARENT_TAG
from mlkeep.sdk.context import context_tags
from mlkeep.sdk.system_metrics import watching
from mlkeep.sdk.threads import get_active_model_id, own
from mlkeep.sdk.uploading import uploads

__all__ = [
    "NOTE_TAG",
    "ActiveRun",
    "active_or_started_run",
    "active_run",
    "end_run",
    "find_active_run",
    "last_active_run",
    "start_run",
]

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
        if find_active_run(self.info.run_id) is not None:
            end_run("FINISHED" if kind is None else "FAILED")


_open_runs: dict[str, None] = {}


def active_run() -> ActiveRun | None:
    """The innermost active run of this thread."""
    return own.runs[-1] if own.runs else None


def find_active_run(run_id: str) -> ActiveRun | None:
    """The run of this thread's stack that has the id."""
    return next((run for run in own.runs if run.info.run_id == run_id), None)


def active_or_started_run() -> ActiveRun:
    """The active run; one is started if there is none, and stays open."""
    return active_run() or start_run()


def last_active_run() -> Run | None:
    """The active run, else the one that ended last in this thread, as it is now."""
    if (current := active_run()) is not None:
        return current
    return None if own.last_run_id is None else client().get_run(own.last_run_id)


def start_run(
    run_id: str | None = None,
    experiment_id: str | int | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Start a run, or go on with the one named by `run_id` (or `MLFLOW_RUN_ID`), and make it the active one.

    A new run belongs to the active experiment unless `experiment_id` is given. With `nested` it becomes a child of the
    run that is active in this thread; `parent_run_id` names the parent where none is active. Going on with a run makes it
    RUNNING again, gives it another name if `run_name` is given, and adds `tags` and `description`. An active model is
    noted as an input of a new run. With `log_system_metrics`, or if that is set (see `mlkeep.system_metrics`), how busy the
    machine is is logged, too.

    Raises:
        Exception: a run is active and `nested` is false.
        NotFound: the run, its experiment or its parent is not there.
        InvalidInput: the run to go on with is deleted; the note is given twice; or a setting says what cannot be.
        MlkeepException: system metrics are wanted, and psutil is not installed.
    """
    if own.runs and not nested:
        raise Exception(  # noqa: TRY002 - the class MLflow raises here
            f"Run with UUID {own.runs[-1].info.run_id} is already active. To start a new run, first end the current run "
            "with mlkeep.end_run(). To start a nested run, call start_run with nested=True"
        )
    sampling = watching.wanted(log_system_metrics)
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
        if (model_id := get_active_model_id()) is not None:
            client().log_inputs(run.info.run_id, models=[LoggedModelInput(model_id)])
    active = ActiveRun(run.info, run.data, run.inputs, run.outputs)
    own.runs.append(active)
    _open_runs[run.info.run_id] = None
    if sampling is not None:
        watching.watch(run.info.run_id, client().tracking_uri, sampling, is_resumed=bool(existing))
    # What is registered last is called first: before a database in this process is closed.
    atexit.unregister(_end_open_runs)
    atexit.register(_end_open_runs)
    return active


def _labels(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, str]:
    labels = {key: str(value) for key, value in (tags or {}).items()}
    if description:
        if NOTE_TAG in labels:
            raise InvalidInput(f"The description is given twice: as `description` and as the tag '{NOTE_TAG}'.")
        labels[NOTE_TAG] = description
    return labels


def _resumed(run_id: str, run_name: str | None, labels: Mapping[str, str]) -> Run:
    uri = client().tracking_uri
    run = recording.find(uri, run_id)
    if run is not None and run.info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidInput(f"Cannot start run with ID {run_id} because it is in the deleted state: restore it first.")
    if run is not None and (chosen := chosen_experiment_id()) not in (None, run.info.experiment_id):
        raise InvalidInput(
            f"Cannot start run with ID {run_id} because active experiment ID does not match environment run ID: it "
            f"belongs to experiment {run.info.experiment_id}, the active one is {chosen}."
        )
    recording.go_on(uri, run_id)
    client().update_run(run_id, status="RUNNING", name=run_name)
    client().log_batch(run_id, tags=[RunTag(key, value) for key, value in labels.items()])
    now = recording.find(uri, run_id) or run
    return now or Run(RunInfo(run_id, chosen_experiment_id() or "", run_name or "", "", "RUNNING", 0))


def _parent(asked: str | None) -> str | None:
    top = own.runs[-1].info.run_id if own.runs else None
    if asked is None:
        return top
    if top is not None and asked != top:
        raise InvalidInput(f"Current run with UUID {top} does not match the specified parent_run_id {asked}.")
    parent = recording.find(client().tracking_uri, asked)
    if parent is not None and parent.info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidInput(f"The parent run {asked} is in the deleted state: restore it first.")
    return asked


def end_run(status: str = "FINISHED") -> None:
    """End the innermost active run of this thread with `status`; nothing if there is none.

    Waits for the images that are being uploaded.

    Raises:
        Exception: there is no such status.
    """
    if not own.runs:
        return
    if status not in RunStatus.__members__:
        raise Exception(  # noqa: TRY002 - the class MLflow raises here
            f"Could not get run status corresponding to string {status}. Valid run status strings: "
            f"{RunStatus.all_names()}"
        )
    run = own.runs.pop()
    os.environ.pop("MLFLOW_RUN_ID", None)
    own.last_run_id = run.info.run_id
    _open_runs.pop(run.info.run_id, None)
    uploads.flush()
    watching.unwatch(run.info.run_id)
    client().set_terminated(run.info.run_id, status)


def _end_open_runs() -> None:
    """A program that ends without ending its runs has finished them."""
    uploads.flush()
    watching.unwatch_all()
    for run_id in reversed(list(_open_runs)):
        try:
            client().set_terminated(run_id)
        except MlkeepException:  # deleted meanwhile, or the server is gone: nobody is left to tell
            continue
