"""The active experiment: the one new runs and logged models belong to."""

from __future__ import annotations

import os

from mlkeep.core.entities import Experiment, LifecycleStage
from mlkeep.core.errors import AlreadyExists, InvalidInput, NotFound, NotOffered
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID
from mlkeep.remote.settings import setting
from mlkeep.sdk.client import MlkeepClient

_active_experiment_id: str | None = None


def client() -> MlkeepClient:
    """A client of the tracking and registry URIs as they are set now."""
    return MlkeepClient()


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None, trace_location: object = None
) -> Experiment:
    """Make an experiment the active one; one named for the first time is made.

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
        experiment = client().get_experiment(str(experiment_id))
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(
            f"Cannot set a deleted experiment '{experiment.name}' as the active experiment. Restore it, or choose "
            "another name."
        )
    _active_experiment_id = experiment.experiment_id
    os.environ["MLFLOW_EXPERIMENT_ID"] = os.environ["MLKEEP_EXPERIMENT_ID"] = experiment.experiment_id
    return experiment


def refuse_traces(trace_location: object) -> None:
    """Raises NotOffered: a place for traces is given."""
    if trace_location is not None:
        raise NotOffered("mlkeep keeps no traces: leave trace_location out.")


def found_or_made_experiment(name: object) -> Experiment:
    """The experiment of this name, deleted or not; it is made if there is none. Raises InvalidInput: no name."""
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"Invalid experiment name: {name!r}. It must be a string that is not empty.")
    if (found := client().get_experiment_by_name(name)) is not None:
        return found
    try:
        return client().get_experiment(client().create_experiment(name))
    except AlreadyExists:  # another process was quicker
        found = client().get_experiment_by_name(name)
        if found is None:
            raise
        return found


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
    if _active_experiment_id is not None:
        return _active_experiment_id
    name, experiment_id = setting("EXPERIMENT_NAME"), setting("EXPERIMENT_ID")
    if name is not None:
        experiment = found_or_made_experiment(name)
        if experiment_id not in (None, experiment.experiment_id):
            raise InvalidInput(
                f"The environment variables MLFLOW_EXPERIMENT_NAME ('{name}', which has the id "
                f"{experiment.experiment_id}) and MLFLOW_EXPERIMENT_ID ('{experiment_id}') name different experiments."
            )
        return experiment.experiment_id
    if experiment_id is None:
        return DEFAULT_EXPERIMENT_ID
    try:
        return client().get_experiment(experiment_id).experiment_id
    except (NotFound, InvalidInput) as err:
        raise InvalidInput(
            f"The provided MLFLOW_EXPERIMENT_ID environment variable value `{experiment_id}` does not exist in the "
            "tracking server. Provide a valid experiment_id."
        ) from err
