"""The active experiment: the one new runs and logged models belong to."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from mlkeep.core.entities import Experiment, LifecycleStage
from mlkeep.core.errors import AlreadyExists, InvalidInput, NotFound, NotOffered
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID
from mlkeep.remote.settings import setting
from mlkeep.sdk import recording
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.journal.delivery import UNSENT_EXPERIMENT
from mlkeep.wire.experiments import CreateExperiment, GetExperiment, GetExperimentByName
from mlkeep.wire.message import Request

_active_experiment_id: str | None = None


def client() -> MlkeepClient:
    """A client of the tracking and registry URIs as they are set now."""
    return MlkeepClient()


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None, trace_location: object = None
) -> Experiment:
    """Make an experiment the active one; one named for the first time is made.

    If the server is not there it is looked up or made when it is back; until then it has an id that only says its name.
    Programs started from this one inherit it, through the environment.

    Raises:
        InvalidInput: not exactly one of name and id, or the experiment is deleted.
        NotFound: no experiment has this id.
        NotOffered: `trace_location` is given.
    """
    global _active_experiment_id  # noqa: PLW0603 - one setting for the process, as MLflow scripts expect
    refuse_traces(trace_location)
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidInput("Must specify exactly one of: `experiment_id` or `experiment_name`.")
    if experiment_name is not None:
        experiment = found_or_made_experiment(experiment_name)
    else:
        experiment = _experiment_of_id(str(experiment_id))
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(
            f"Cannot set a deleted experiment '{experiment.name}' as the active experiment. Restore it, or choose "
            "another name."
        )
    _active_experiment_id = experiment.experiment_id
    is_unsent = experiment.experiment_id.startswith(UNSENT_EXPERIMENT)
    inherited, other = ("NAME", "ID") if is_unsent else ("ID", "NAME")
    for prefix in ("MLFLOW", "MLKEEP"):
        os.environ[f"{prefix}_EXPERIMENT_{inherited}"] = experiment.name if is_unsent else experiment.experiment_id
        if is_unsent:
            os.environ.pop(f"{prefix}_EXPERIMENT_{other}", None)
    return experiment


def refuse_traces(trace_location: object) -> None:
    """Raises NotOffered: a place for traces is given."""
    if trace_location is not None:
        raise NotOffered("mlkeep keeps no traces: leave trace_location out.")


def found_or_made_experiment(name: object) -> Experiment:
    """The experiment of this name, deleted or not; it is made if there is none. Raises InvalidInput: no name."""
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"Invalid experiment name: {name!r}. It must be a string that is not empty.")
    found = recording.attempt(client().tracking_uri, lambda ask: _found_or_made(ask, name))
    return found or Experiment(f"{UNSENT_EXPERIMENT}{name}", name, "")


def _found_or_made(ask: Callable[[Request], Any], name: str) -> Experiment:
    by_name = GetExperimentByName(experiment_name=name)
    try:
        there: Experiment = ask(by_name).experiment.entity()
    except NotFound:
        pass
    else:
        return there
    try:
        made = GetExperiment(experiment_id=ask(CreateExperiment(name=name)).experiment_id)
    except AlreadyExists:  # another process was quicker
        there = ask(by_name).experiment.entity()
    else:
        there = ask(made).experiment.entity()
    return there


def _experiment_of_id(experiment_id: str) -> Experiment:
    """Raises NotFound."""
    name = experiment_id.removeprefix(UNSENT_EXPERIMENT)
    if name != experiment_id:
        return found_or_made_experiment(name)
    request = GetExperiment(experiment_id=experiment_id)
    found: Experiment | None = recording.attempt(client().tracking_uri, lambda ask: ask(request).experiment.entity())
    return found or Experiment(experiment_id, experiment_id, "")


def chosen_experiment_id() -> str | None:
    """What `set_experiment` said in this process."""
    return _active_experiment_id


def current_experiment_id() -> str:
    """The id of the experiment that new runs belong to.

    What `set_experiment` said, else the environment (`MLFLOW_EXPERIMENT_NAME`, which is made if need be, or
    `MLFLOW_EXPERIMENT_ID`), else "0".

    Raises:
        InvalidInput: the environment names two experiments, or one that is not there.
    """
    global _active_experiment_id  # noqa: PLW0603 - as above
    if _active_experiment_id is not None:
        if _active_experiment_id.startswith(UNSENT_EXPERIMENT):
            _active_experiment_id = _experiment_of_id(_active_experiment_id).experiment_id
        return _active_experiment_id
    name, experiment_id = setting("EXPERIMENT_NAME"), setting("EXPERIMENT_ID")
    if name is not None:
        experiment = found_or_made_experiment(name)
        is_unsent = experiment.experiment_id.startswith(UNSENT_EXPERIMENT)
        if not is_unsent and experiment_id not in (None, experiment.experiment_id):
            raise InvalidInput(
                f"The environment variables MLFLOW_EXPERIMENT_NAME ('{name}', which has the id "
                f"{experiment.experiment_id}) and MLFLOW_EXPERIMENT_ID ('{experiment_id}') name different experiments."
            )
        return experiment.experiment_id
    if experiment_id is None:
        return DEFAULT_EXPERIMENT_ID
    try:
        return _experiment_of_id(experiment_id).experiment_id
    except (NotFound, InvalidInput) as err:
        raise InvalidInput(
            f"The provided MLFLOW_EXPERIMENT_ID environment variable value `{experiment_id}` does not exist in the "
            "tracking server. Provide a valid experiment_id."
        ) from err
