"""The runs of the processes of a distributed job: one for each rank, and one that they have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import Run
from mlkeep.core.ids import new_run_id
from mlkeep.sdk import ranks, recording
from mlkeep.sdk.active_experiment import client
from mlkeep.sdk.client.runs import PARENT_TAG
from mlkeep.sdk.context import USER_TAG, context_tags
from mlkeep.sdk.ranks import JOB_TAG, RANK_TAG, Place
from mlkeep.wire.message import key_value_inputs
from mlkeep.wire.runs import CreateRun

NOTE_TAG = "mlflow.note.content"

_LOOKS = 5
_LOOK_EVERY_S = 0.2
"""How often, and how soon after each other, a rank looks for the run of its job where it cannot know its id."""


def start_for_job(
    here: Place, experiment_id: str, run_name: str | None, labels: Mapping[str, str], parent_id: str | None
) -> tuple[Run, str]:
    """The run of this rank, and the id of the run of the job, which rank 0 makes; "" if it is not found.

    A job that was begun before, as one is that its launcher starts again, goes on with its run. Raises MlkeepException.
    """
    job = common = ranks.job_run_id(experiment_id)
    name = run_name or f"job-{job[:8]}"
    labels = {**labels, JOB_TAG: job}
    if here.rank == 0:
        made = _made(experiment_id, name, {**labels, **({PARENT_TAG: parent_id} if parent_id else {})}, job)
        common = made.info.run_id
        if made.info.status != "RUNNING":
            client().update_run(common, status="RUNNING")
    run_id = new_run_id()
    run = start_for_rank(here, experiment_id, name, labels, common, run_id)
    if here.rank > 0 and run.info.run_id != run_id:  # the server chooses ids, so that of the common run is another one
        common = _found(experiment_id, job)
        if common:
            client().set_tag(run.info.run_id, PARENT_TAG, common)
        else:
            client().delete_tag(run.info.run_id, PARENT_TAG)
        run = client().get_run(run.info.run_id)
    return run, common


def start_for_rank(
    here: Place, experiment_id: str, name: str, labels: Mapping[str, str], parent_id: str, run_id: str = ""
) -> Run:
    """The run of this rank in a run that all ranks have in common. Raises MlkeepException."""
    own = {key: value for key, value in labels.items() if key != NOTE_TAG}
    return _made(experiment_id, f"{name}-rank{here.rank}", {**own, **here.tags, PARENT_TAG: parent_id}, run_id)


def start_silent(experiment_id: str, run_name: str | None, labels: Mapping[str, str]) -> Run:
    """The run of a rank that logs nothing: it can be logged to, and no server hears of it."""
    return recording.start_silent(_creation(experiment_id, run_name or "", labels, ""))


def _made(experiment_id: str, name: str, labels: Mapping[str, str], run_id: str) -> Run:
    return recording.start(client().tracking_uri, _creation(experiment_id, name, {**context_tags(), **labels}, run_id))


def _creation(experiment_id: str, name: str, tags: Mapping[str, str], run_id: str) -> CreateRun:
    return CreateRun(
        experiment_id=experiment_id,
        user_id=tags.get(USER_TAG, "unknown"),
        run_name=name,
        start_time=now_ms(),
        tags=key_value_inputs(dict(tags)),
        run_id=run_id,
    )


def _found(experiment_id: str, job: str) -> str:
    """The id of the run of a job that rank 0 makes, or has made; "" if it does not appear."""
    for look in range(_LOOKS):
        if look:
            time.sleep(_LOOK_EVERY_S)
        page = client().search_runs([experiment_id], f"tags.`{JOB_TAG}` = '{job}'")
        for run in page:
            if RANK_TAG not in run.data.tags:
                return run.info.run_id
    return ""
