"""The functions for logged models: making them, by hand or for something kept elsewhere, and finding them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlkeep.core.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.sdk.active import active_or_started_run, active_run
from mlkeep.sdk.active_experiment import client, current_experiment_id
from mlkeep.sdk.context import context_tags
from mlkeep.sdk.search import all_pages
from mlkeep.sdk.threads import own

if TYPE_CHECKING:
    import pandas as pd

EXTERNAL_TAG = "mlflow.model.isExternal"


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Make a logged model that is PENDING until its files are uploaded and `finalize_logged_model` is called.

    It comes from the active run and belongs to its experiment, else to the active one, unless `source_run_id` and
    `experiment_id` say otherwise. It has the tags that say where it was made, as runs have.
    """
    run = active_run()
    if experiment_id is None:
        experiment_id = current_experiment_id() if run is None else run.info.experiment_id
    if source_run_id is None and run is not None:
        source_run_id = run.info.run_id
    made = client().create_logged_model(
        experiment_id,
        name,
        source_run_id,
        {**context_tags(), **(tags or {})},
        params,
        model_type,
    )
    own.last_model_id = made.model_id
    return made


def create_external_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Make a logged model for something whose files are kept elsewhere, such as an agent; it is READY at once."""
    labels = {**(tags or {}), EXTERNAL_TAG: "true"}
    made = initialize_logged_model(name, source_run_id, labels, params, model_type, experiment_id)
    with failed_if_interrupted(made.model_id), tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        from mlkeep.models.mlmodel import Model  # programs that log no models do without

        Model(artifact_path=made.artifact_location, model_id=made.model_id, metadata={EXTERNAL_TAG: True}).save(
            Path(scratch) / "MLmodel"
        )
        client().log_model_artifacts(made.model_id, scratch)
        return client().finalize_logged_model(made.model_id, LoggedModelStatus.READY)


@contextlib.contextmanager
def failed_if_interrupted(model_id: str) -> Iterator[None]:
    """Marks a logged model as FAILED if the block under it does not come to its end."""
    try:
        yield
    except BaseException:
        # What went wrong is worth more to the caller than that it could not be recorded.
        with contextlib.suppress(MlkeepException):
            client().finalize_logged_model(model_id, LoggedModelStatus.FAILED)
        raise


def finalize_logged_model(model_id: str, status: LoggedModelStatus | str) -> LoggedModel:
    """Say that the files of a logged model have come ("READY"), or will not ("FAILED")."""
    return client().finalize_logged_model(model_id, status)


def get_logged_model(model_id: str) -> LoggedModel:
    """The logged model. Raises NotFound."""
    return client().get_logged_model(model_id)


def last_logged_model() -> LoggedModel | None:
    """The model that this thread logged or initialized last, as it is now."""
    return None if own.last_model_id is None else client().get_logged_model(own.last_model_id)


def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[Mapping[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[Mapping[str, Any]] | None = None,
    output_format: str = "pandas",
) -> list[LoggedModel] | pd.DataFrame:
    """Logged models of experiments, or of the active one: all that match unless `max_results` is given.

    As a data frame (`output_format="pandas"`) a row is a model, and the columns are what `LoggedModel.to_dictionary`
    has. `datasets` and `order_by` are those of `MlkeepClient.search_logged_models`.

    Raises:
        InvalidInput: another output format, or a filter that cannot be read.
    """
    if output_format not in {"pandas", "list"}:
        raise InvalidInput(
            f"Unsupported output format: '{output_format}'. Supported string values are 'pandas' or 'list'"
        )
    ids = [current_experiment_id()] if experiment_ids is None else list(experiment_ids)
    found = all_pages(
        lambda size, token: client().search_logged_models(ids, filter_string, datasets, size, order_by, token),
        max_results,
        100,
    )
    if output_format == "list":
        return found
    import pandas as pd  # only this way of asking needs it

    columns = sorted(name for name in LoggedModel.__struct_fields__ if name != "artifact_bytes")  # those of MLflow
    return pd.DataFrame([dict(model) for model in found], columns=columns)


def log_outputs(models: Sequence[LoggedModelOutput] | None = None) -> None:
    """Say which models the active run made. Metrics of the same step logged from here on count for them too."""
    run = active_or_started_run()
    if models:
        client().log_outputs(run.info.run_id, models)
        run.outputs.model_outputs.extend(models)


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Set tags of a logged model, replacing values."""
    client().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Remove a tag of a logged model. Raises NotFound."""
    client().delete_logged_model_tag(model_id, key)
