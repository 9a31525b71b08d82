"""What each request touches: the names that the storage lets one change at a time have.

A use-case may rest what it writes on what it has read under these names. They are known before anything is read, so that
they can be taken all at once and in one order. What is not listed runs alone, which is always right and never fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from mlkeep.core.artifact_owners import OwnerKind, claims
from mlkeep.storage.contract import EVERYTHING
from mlkeep.wire import artifacts, evaluation_datasets, experiments, heartbeats, logged_models, registry, runs
from mlkeep.wire.message import Request

Touched: TypeAlias = tuple[str, ...]

MOST_NAMES = 16
"""Names of one request; one that touches more runs alone, as databases have room for so many locks."""


def touched(request: Request) -> Touched:
    """The names that a request which changes something touches; `EVERYTHING` if it has to run alone."""
    rule = RULES.get(type(request))
    if rule is None:
        return (EVERYTHING,)
    names = rule(request)
    return names if len(names) <= MOST_NAMES else (EVERYTHING,)


def experiment_name(name: str) -> str:
    """What is touched when an experiment of this name is made."""
    return f"experiment-name/{name}"


def names_of_run(run_id: str) -> Touched:
    """What is touched when something is logged to a run."""
    return (f"run/{run_id}",)


def _run(request: Any) -> Touched:
    return names_of_run(request.run_id)


def _runs(request: heartbeats.Heartbeat) -> Touched:
    return tuple(dict.fromkeys(name for run_id in request.run_ids for name in names_of_run(run_id)))


def _new_run(request: runs.CreateRun) -> Touched:
    """An id that is made here is nobody else's."""
    return _run(request) if request.run_id else ()


def _run_and_datasets(request: runs.LogInputs) -> Touched:
    """Datasets are shared by the runs of an experiment."""
    used = [use.dataset for use in request.datasets if use.dataset is not None]
    return (*_run(request), *(f"dataset/{dataset.name}/{dataset.digest}" for dataset in used))


def _experiment(request: Any) -> Touched:
    experiment_id: str = request.experiment_id
    return (f"experiment/{experiment_id.lstrip('0') or '0'}",)


def _new_experiment(request: experiments.CreateExperiment) -> Touched:
    return (experiment_name(request.name),)


def _everything(_: Request) -> Touched:
    return (EVERYTHING,)


def _nothing(_: Request) -> Touched:
    """What is made has an id that nobody knows yet."""
    return ()


def _logged_model(request: Any) -> Touched:
    return (f"logged-model/{request.model_id}",)


def _evaluation_dataset(request: Any) -> Touched:
    """Its records are merged with those that are there, and its digest follows from the one before."""
    return (f"evaluation-dataset/{request.dataset_id}",)


def _registered_model(request: Any) -> Touched:
    """Versions, aliases and tags are kept with their model."""
    return (f"registered-model/{request.name}",)


def _both_names(request: registry.RenameRegisteredModel) -> Touched:
    return (f"registered-model/{request.name}", f"registered-model/{request.new_name}")


def _new_version(request: registry.CreateModelVersion) -> Touched:
    """A logged model keeps a list of its versions. Which one it is, a reference to another version does not tell.

    The size of a version is that of files of a run or logged model.
    """
    names = _registered_model(request) + _owners(request.source)
    if request.model_id:
        names += (f"logged-model/{request.model_id}",)
    if request.source.startswith("models:/"):
        referred = request.source.removeprefix("models:/").strip("/")
        if "/" in referred or "@" in referred:
            return (EVERYTHING,)
        names += (f"logged-model/{referred}",)
    elif request.source.startswith("runs:/"):
        names += (f"run/{request.source.removeprefix('runs:/').strip('/').partition('/')[0]}",)
    return names


def _owners(uri: str) -> Touched:
    """Whoever the files at a URI may belong to."""
    return tuple(
        f"run/{claim.owner_id}" if claim.kind is OwnerKind.RUN else f"logged-model/{claim.owner_id}"
        for claim in claims(uri)
    )


def _owners_of_files(request: Any) -> Touched:
    return _owners(request.uri)


RULES: dict[type[Request], Callable[[Any], Touched]] = {
    experiments.CreateExperiment: _new_experiment,
    # These change the experiment's row as others refer to it, and many runs with it.
    experiments.UpdateExperiment: _everything,
    experiments.DeleteExperiment: _everything,
    experiments.RestoreExperiment: _everything,
    experiments.SetExperimentTag: _experiment,
    experiments.DeleteExperimentTag: _experiment,
    runs.CreateRun: _new_run,
    runs.UpdateRun: _run,
    runs.DeleteRun: _run,
    runs.RestoreRun: _run,
    runs.DeleteTag: _run,
    runs.LogInputs: _run_and_datasets,
    runs.LogOutputs: _run,
    runs.LogModelRecord: _run,
    heartbeats.Heartbeat: _runs,
    logged_models.CreateLoggedModel: _nothing,
    logged_models.FinalizeLoggedModel: _logged_model,
    logged_models.DeleteLoggedModel: _logged_model,
    logged_models.SetLoggedModelTags: _logged_model,
    logged_models.DeleteLoggedModelTag: _logged_model,
    logged_models.LogLoggedModelParams: _logged_model,
    evaluation_datasets.CreateDataset: _nothing,
    evaluation_datasets.DeleteDataset: _evaluation_dataset,
    evaluation_datasets.SetDatasetTags: _evaluation_dataset,
    evaluation_datasets.DeleteDatasetTag: _evaluation_dataset,
    evaluation_datasets.PutDatasetRecords: _evaluation_dataset,
    evaluation_datasets.DeleteDatasetRecords: _evaluation_dataset,
    evaluation_datasets.AddDatasetExperiments: _evaluation_dataset,
    evaluation_datasets.RemoveDatasetExperiments: _evaluation_dataset,
    registry.CreateRegisteredModel: _registered_model,
    registry.RenameRegisteredModel: _both_names,
    registry.UpdateRegisteredModel: _registered_model,
    registry.DeleteRegisteredModel: _registered_model,
    registry.SetRegisteredModelTag: _registered_model,
    registry.DeleteRegisteredModelTag: _registered_model,
    registry.SetAlias: _registered_model,
    registry.DeleteAlias: _registered_model,
    registry.CreateModelVersion: _new_version,
    registry.UpdateModelVersion: _registered_model,
    registry.TransitionStage: _registered_model,
    registry.DeleteModelVersion: _registered_model,
    registry.SetVersionTag: _registered_model,
    registry.DeleteVersionTag: _registered_model,
    artifacts.RecordFiles: _owners_of_files,
    artifacts.ForgetFiles: _owners_of_files,
}
