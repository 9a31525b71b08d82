"""The functions users type: they act on the active run, starting one where none is active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import Dataset, DatasetInput, Experiment, Metric, Param, Run, RunTag, ViewType
from mlkeep.sdk import recording
from mlkeep.sdk.active import (
    ActiveRun,
    active_or_started_run,
    active_run,
    end_run,
    find_active_run,
    last_active_run,
    start_run,
)
from mlkeep.sdk.active_experiment import client, current_experiment_id, refuse_traces, set_experiment
from mlkeep.sdk.active_model import ActiveModel, clear_active_model, log_model_params, set_active_model
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.client.runs import as_number
from mlkeep.sdk.inputs import DescribesItself, dataset_entity, log_input, log_inputs
from mlkeep.sdk.logged_models import (
    create_external_model,
    delete_logged_model_tag,
    finalize_logged_model,
    get_logged_model,
    initialize_logged_model,
    last_logged_model,
    log_outputs,
    search_logged_models,
    set_logged_model_tags,
)
from mlkeep.sdk.operations import RunOperations, default
from mlkeep.sdk.recording import recorder_of
from mlkeep.sdk.registering import (
    register_model,
    search_model_versions,
    search_registered_models,
    set_model_version_tag,
)
from mlkeep.sdk.search import all_pages, search_runs
from mlkeep.sdk.sync import sync
from mlkeep.sdk.threads import active_model_of_logging, get_active_model_id
from mlkeep.sdk.uploading import uploads

if TYPE_CHECKING:
    import pandas as pd
    import PIL.Image
    from numpy.typing import NDArray

    from mlkeep.sdk.client.content import BinaryStream
    from mlkeep.sdk.images import Image

__all__ = [
    "ActiveModel",
    "ActiveRun",
    "RunOperations",
    "active_or_started_run",
    "active_run",
    "clear_active_model",
    "create_experiment",
    "create_external_model",
    "current_experiment_id",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_logged_model_tag",
    "delete_run",
    "delete_tag",
    "end_run",
    "finalize_logged_model",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_active_model_id",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_logged_model",
    "get_parent_run",
    "get_run",
    "initialize_logged_model",
    "last_active_run",
    "last_logged_model",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_model_params",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "register_model",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_logged_models",
    "search_model_versions",
    "search_registered_models",
    "search_runs",
    "set_active_model",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_logged_model_tags",
    "set_model_version_tag",
    "set_tag",
    "set_tags",
    "start_run",
    "sync",
    "tracking_client",
]


def tracking_client() -> MlkeepClient:
    """A client of the tracking and registry URIs as they are set now."""
    return client()


def _run_id(run_id: str | None = None) -> str:
    return run_id or active_or_started_run().info.run_id


# Params, metrics, tags


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Log a param, as text, and give `value` back. Raises InvalidInput: it has another value already."""
    return client().log_param(_run_id(), key, value, synchronous)


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Log many params."""
    items = [Param(key, str(value)) for key, value in params.items()]
    return client().log_batch(_run_id(run_id), params=items, synchronous=synchronous)


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Dataset | DescribesItself | None = None,
) -> RunOperations | None:
    """Log one point. `step` is 0 and `timestamp` (milliseconds) now unless given.

    The point counts for a logged model too: for `model_id`, else for the active model, else for the first model that the
    run made at this step. With `dataset`, what it was measured on, the dataset becomes an input of the run.

    Raises:
        InvalidInput: the value is no number, or the key cannot be one.
    """
    target = run_id or active_or_started_run().info.run_id
    model = _models_of(target, step, model_id)[0]
    is_plain = model is None and dataset is None and synchronous is None and not default.is_asynchronous
    if is_plain and (recorder := recorder_of(target)) is not None:
        at_ms = now_ms() if timestamp is None else int(timestamp)
        recorder.log(at_ms, int(step or 0), {key: as_number(value, key)})
        return None
    name, digest = _measured_on(target, dataset)
    return client().log_metric(target, key, value, timestamp, step, synchronous, name, digest, model)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Dataset | DescribesItself | None = None,
) -> RunOperations | None:
    """Log one point of each of many metrics, all of the same step and time; as `log_metric`, but for all models that the
    run made at this step.
    """
    target = run_id or active_or_started_run().info.run_id
    models = _models_of(target, step, model_id)
    is_plain = models is _NO_MODEL and dataset is None and synchronous is None and not default.is_asynchronous
    if is_plain and (recorder := recorder_of(target)) is not None:
        at_ms = now_ms() if timestamp is None else int(timestamp)
        recorder.log(at_ms, int(step or 0), {key: as_number(value, key) for key, value in metrics.items()})
        return None
    name, digest = _measured_on(target, dataset)
    at_ms = now_ms() if timestamp is None else timestamp
    points = [
        Metric(key, value, at_ms, step or 0, model, name, digest, target)
        for model in models
        for key, value in metrics.items()
    ]
    return client().log_batch(target, metrics=points, synchronous=synchronous)


_NO_MODEL: Sequence[str | None] = (None,)


def _models_of(run_id: str, step: int | None, model_id: str | None) -> Sequence[str | None]:
    """The models that a point of the run counts for; `_NO_MODEL` if there is none."""
    if (chosen := model_id or active_model_of_logging()) is not None:
        return (chosen,)
    run = find_active_run(run_id)
    if run is None or not run.outputs.model_outputs:
        return _NO_MODEL
    return [made.model_id for made in run.outputs.model_outputs if made.step == (step or 0)] or _NO_MODEL


def _measured_on(run_id: str, dataset: Dataset | DescribesItself | None) -> tuple[str | None, str | None]:
    """Name and digest of a dataset, which becomes an input of the run."""
    if dataset is None:
        return None, None
    known = dataset_entity(dataset)
    client().log_inputs(run_id, datasets=[DatasetInput(known)])
    return known.name, known.digest


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Set a tag of the active run, replacing its value."""
    return client().set_tag(_run_id(), key, value, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Set many tags of the active run."""
    items = [RunTag(key, str(value)) for key, value in tags.items()]
    return client().log_batch(_run_id(), tags=items, synchronous=synchronous)


def flush_async_logging() -> None:
    """Wait, up to a bound (`MLKEEP_FLUSH_TIMEOUT`, 10 seconds), until the server has what was logged.

    A server that is known not to answer is not waited for.
    """
    recording.flush_all()


def flush_artifact_async_logging() -> None:
    """Wait for the images that are being uploaded. What goes wrong with them is in the log "mlkeep"."""
    uploads.flush()


def delete_tag(key: str) -> None:
    """Remove a tag of the active run. Raises NotFound."""
    client().delete_tag(_run_id(), key)


# Artifacts


def log_artifact(local_path: str | Path, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Upload a file, or a folder with its name, into the folder `artifact_path` of the run's artifacts."""
    client().log_artifact(_run_id(run_id), local_path, artifact_path)


def log_artifacts(local_dir: str | Path, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Upload what is in a folder."""
    client().log_artifacts(_run_id(run_id), local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text as an artifact."""
    client().log_text(_run_id(run_id), text, artifact_file)


def log_dict(dictionary: Mapping[str, Any] | list[Any], artifact_file: str, run_id: str | None = None) -> None:
    """Keep a dictionary as an artifact: YAML if the name says so, else JSON."""
    client().log_dict(_run_id(run_id), dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None) -> None:
    """Keep a figure of matplotlib or plotly as an artifact."""
    client().log_figure(_run_id(), figure, artifact_file, save_kwargs=save_kwargs)


def log_stream(stream: BinaryStream, artifact_file: str, run_id: str | None = None) -> None:
    """Keep what can still be read from a stream of bytes as an artifact."""
    client().log_stream(_run_id(run_id), stream, artifact_file)


def log_image(
    image: NDArray[Any] | PIL.Image.Image | Image,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,
) -> None:
    """Keep an image as a file, or as one of a series (`key`): those are uploaded in the background.

    A run's images are there when it has ended, or after `flush_artifact_async_logging`. See `MlkeepClient.log_image`.
    """
    client().log_image(_run_id(), image, artifact_file, key, step, timestamp, synchronous)


def log_table(data: Mapping[str, Any] | pd.DataFrame, artifact_file: str, run_id: str | None = None) -> None:
    """Add rows to a table, a `.json` or `.parquet` file, made if there is none. See `MlkeepClient.log_table`."""
    client().log_table(_run_id(run_id), data, artifact_file)


def load_table(
    artifact_file: str, run_ids: Sequence[str] | None = None, extra_columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows of all tables of this name in the active experiment. See `MlkeepClient.load_table`."""
    return client().load_table(current_experiment_id(), artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the artifacts of the active run go, or a path among them."""
    uri = active_or_started_run().info.artifact_uri
    if not artifact_path:
        return uri
    root, mark, query = uri.partition("?")
    return f"{root.rstrip('/')}/{artifact_path.lstrip('/')}{mark}{query}"


# Runs and experiments


def get_run(run_id: str) -> Run:
    """The run as it is now. Raises NotFound."""
    return client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run this one is nested in."""
    return client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Put a run into the bin."""
    client().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Take a run out of the bin."""
    client().restore_run(run_id)


def create_experiment(
    name: str,
    artifact_location: str | None = None,
    tags: Mapping[str, Any] | None = None,
    trace_location: object = None,
) -> str:
    """Make an experiment and give its id. Raises AlreadyExists; NotOffered: `trace_location` is given."""
    refuse_traces(trace_location)
    return client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment. Raises NotFound."""
    return client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, or None."""
    return client().get_experiment_by_name(name)


def delete_experiment(experiment_id: str) -> None:
    """Put an experiment and its runs into the bin."""
    client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Take an experiment and its runs out of the bin."""
    client().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the active experiment."""
    client().set_experiment_tag(current_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set many tags of the active experiment."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the active experiment. Raises NotFound."""
    client().delete_experiment_tag(current_experiment_id(), key)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: list[str] | None = None,
) -> list[Experiment]:
    """Experiments, all of them unless `max_results` is given."""
    return all_pages(
        lambda size, token: client().search_experiments(view_type, size, filter_string, order_by, token), max_results
    )
