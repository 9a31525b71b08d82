"""The stack of active runs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from mlkeep.core.entities import LifecycleStage, LoggedModelInput, Run, RunInfo, RunStatus, RunTag
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.remote.settings import setting
from mlkeep.sdk import endings, open_runs, ranks, recording
from mlkeep.sdk.active_experiment import chosen_experiment_id, client, current_experiment_id
from mlkeep.sdk.client.runs import PARENT_TAG
from mlkeep.sdk.context import context_tags
from mlkeep.sdk.endings import Ending
from mlkeep.sdk.open_runs import OpenRun
from mlkeep.sdk.rank_runs import NOTE_TAG, start_for_job, start_for_rank, start_silent
from mlkeep.sdk.system_metrics import watching
from mlkeep.sdk.system_metrics.settings import Sampling
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

_log = logging.getLogger("mlkeep")


class ActiveRun(Run, frozen=True):
    """A run that is being logged to. As a context manager it ends the run: FINISHED, or FAILED on any exception.

    The tags `mlkeep.error` and `mlkeep.traceback` tell of the exception. `info` is as it was at the start.
    """

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if find_active_run(self.info.run_id) is None:
            return
        if open_runs.is_inherited(own.runs[-1].info.run_id):  # the block of a parent, left by its forked child
            recording.end(own.runs.pop().info.run_id)
        elif error is None:
            end_run()
        else:
            _fail(error)


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
    *,
    per_rank: bool = False,
) -> ActiveRun:
    """Start a run, or go on with the one named by `run_id` (or `MLFLOW_RUN_ID`), and make it the active one.

    A new run belongs to the active experiment unless `experiment_id` is given. With `nested` it becomes a child of the
    run that is active in this thread; `parent_run_id` names the parent where none is active. Going on with a run makes it
    RUNNING again, gives it another name if `run_name` is given, and adds `tags` and `description`. An active model is
    noted as an input of a new run. With `log_system_metrics`, or if that is set (see `mlkeep.system_metrics`), how busy the
    machine is is logged, too.

    Among the processes of a distributed job rank 0 logs, and the others get a run that nobody hears of, unless
    `MLKEEP_RANKS` says otherwise. With `per_rank` each of them gets a run of its own, `<run name>-rank<rank>`, in one that
    they have in common: the one named by `run_id`, else one that rank 0 makes for the job. It ends with that of rank 0.

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
    os.environ.pop("MLFLOW_RUN_ID", None)
    os.environ.pop("MLKEEP_RUN_ID", None)
    here = None if own.runs else ranks.place()
    if _is_silent(here, per_rank=per_rank):
        run = start_silent(str(experiment_id or chosen_experiment_id() or "0"), run_name, labels)
        return _made_active(run, None)
    if here is not None and (per_rank or ranks.policy() is ranks.Policy.EACH):
        run, parent = _run_of_rank(here, existing, experiment_id, run_name, labels, parent_run_id)
        return _made_active(_with_active_model(run), sampling, parent_id=parent if here.rank == 0 else "")
    if existing:
        is_shared = here is not None and here.rank > 0
        resumed = _resumed(existing, run_name, labels, is_shared=is_shared)
        return _made_active(resumed, sampling, is_shared=is_shared, is_resumed=True)
    parent = _parent(parent_run_id) or ""
    run = client().create_run(
        _experiment_id(experiment_id),
        tags={**context_tags(), **({PARENT_TAG: parent} if parent else {}), **labels},
        run_name=run_name,
    )
    return _made_active(_with_active_model(run), sampling)


def _is_silent(here: ranks.Place | None, *, per_rank: bool) -> bool:
    """Whether a run that is started now is one that nobody hears of."""
    if own.runs:
        return recording.is_silent(own.runs[-1].info.run_id)
    if here is None or here.rank == 0 or per_rank or ranks.policy() is not ranks.Policy.ZERO:
        return False
    ranks.say_silent(here)
    return True


def _made_active(
    run: Run, sampling: Sampling | None, *, parent_id: str = "", is_shared: bool = False, is_resumed: bool = False
) -> ActiveRun:
    """Log to a run from now on, in this thread."""
    run_id = run.info.run_id
    if not recording.is_silent(run_id):
        open_runs.add(
            OpenRun(
                run_id=run_id,
                tracking_uri=client().tracking_uri,
                thread=threading.current_thread(),
                has_failed_before=endings.ERROR_TAG in run.data.tags,
                is_shared=is_shared,
                parent_id=parent_id,
            )
        )
    active = ActiveRun(run.info, run.data, run.inputs, run.outputs)
    own.runs.append(active)
    if sampling is not None:
        watching.watch(run_id, client().tracking_uri, sampling, is_resumed=is_resumed)
    return active


def _with_active_model(run: Run) -> Run:
    if (model_id := get_active_model_id()) is not None:
        client().log_inputs(run.info.run_id, models=[LoggedModelInput(model_id)])
    return run


def _experiment_id(given: str | int | None) -> str:
    return str(given) if given is not None else current_experiment_id()


def _run_of_rank(
    here: ranks.Place,
    existing: str | None,
    experiment_id: str | int | None,
    run_name: str | None,
    labels: Mapping[str, str],
    parent_run_id: str | None,
) -> tuple[Run, str]:
    """The run of this rank, and the id of the one that all ranks have in common."""
    if not existing:
        return start_for_job(here, _experiment_id(experiment_id), run_name, labels, _parent(parent_run_id))
    common = _resumed(existing, run_name, labels) if here.rank == 0 else client().get_run(existing)
    name = run_name or common.info.run_name
    return start_for_rank(here, common.info.experiment_id, name, labels, existing), existing


def _labels(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, str]:
    labels = {key: str(value) for key, value in (tags or {}).items()}
    if description:
        if NOTE_TAG in labels:
            raise InvalidInput(f"The description is given twice: as `description` and as the tag '{NOTE_TAG}'.")
        labels[NOTE_TAG] = description
    return labels


def _resumed(run_id: str, run_name: str | None, labels: Mapping[str, str], *, is_shared: bool = False) -> Run:
    """Go on with a run. One that is shared is left in the state that rank 0 has put it into, or will."""
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
    if run_name or not is_shared:
        client().update_run(run_id, status=None if is_shared else "RUNNING", name=run_name)
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
    _end_top(Ending(status))


def _fail(error: BaseException) -> None:
    """End the innermost run because of an exception that leaves its block, which nothing is to hide."""
    try:
        _end_top(Ending("FAILED", endings.tags_of(error)))
    except MlkeepException as told:
        _log.error("That a run has failed could not be told: %s", told)


def _end_top(ending: Ending) -> None:
    run_id = own.runs.pop().info.run_id
    os.environ.pop("MLFLOW_RUN_ID", None)
    own.last_run_id = run_id
    if recording.is_silent(run_id):
        client().set_terminated(run_id, ending.status)
        return
    uploads.flush()
    opened = open_runs.remove(run_id)
    if opened is None:
        if open_runs.is_inherited(run_id):  # it is asked for in a forked child
            client().set_terminated(run_id, ending.status)
        return  # else it was ended meanwhile, because the process is told to terminate
    watching.unwatch(run_id)
    opened.remark(ending)
    ended = opened.to_end(ending)
    for each in ended:
        client().set_terminated(each, ending.status)
    if run_id not in ended:
        recording.end(run_id)
