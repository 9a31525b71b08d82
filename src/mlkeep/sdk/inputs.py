"""The functions that say what a run used: datasets and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mlkeep.core.entities import Dataset, DatasetInput, InputTag, LoggedModelInput
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import invalid
from mlkeep.sdk.active import active_or_started_run
from mlkeep.sdk.active_experiment import client

CONTEXT_TAG = "mlflow.data.context"


class DescribesItself(Protocol):
    """A dataset that can say what it is, as those of `mlflow.data` can."""

    def to_dict(self) -> Mapping[str, Any]:
        """`name`, `digest`, `source`, `source_type`, and if known `schema` and `profile`; all texts."""
        ...


def log_input(
    dataset: Dataset | DescribesItself | None = None,
    context: str | None = None,
    tags: Mapping[str, Any] | None = None,
    model: LoggedModelInput | None = None,
) -> None:
    """Say that the active run used a dataset (`context` says what for, such as "training"), a model, or both."""
    if dataset is None and model is None:
        return
    client().log_inputs(
        active_or_started_run().info.run_id,
        datasets=[] if dataset is None else [_used(dataset, context, tags)],
        models=[] if model is None else [model],
    )


def log_inputs(
    datasets: Sequence[Dataset | DescribesItself] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, Any] | None] | None = None,
    models: Sequence[LoggedModelInput] | None = None,
) -> None:
    """Say which datasets and models the active run used. The contexts and tags are those of the datasets, in order.

    Raises:
        InvalidInput: there are more or fewer contexts or tags than datasets.
    """
    given = list(datasets or ())
    reasons = [None] * len(given) if contexts is None else list(contexts)
    labels = [None] * len(given) if tags_list is None else list(tags_list)
    if not len(given) == len(reasons) == len(labels):
        raise InvalidInput(
            f"log_inputs needs a context and tags (or None) for each dataset: there are {len(given)} datasets, "
            f"{len(reasons)} contexts and {len(labels)} tags_list."
        )
    uses = [_used(*use) for use in zip(given, reasons, labels, strict=True)]
    client().log_inputs(active_or_started_run().info.run_id, datasets=uses, models=list(models or ()))


def dataset_entity(dataset: Dataset | DescribesItself) -> Dataset:
    """What is kept of a dataset. Raises InvalidInput: it cannot say what it is."""
    if isinstance(dataset, Dataset):
        return dataset
    if not callable(getattr(dataset, "to_dict", None)):
        raise invalid("dataset", type(dataset).__name__, "give a mlkeep.entities.Dataset, or an object with to_dict().")
    told = dataset.to_dict()
    return Dataset(
        name=str(told["name"]),
        digest=str(told["digest"]),
        source_type=str(told["source_type"]),
        source=str(told["source"]),
        schema=told.get("schema"),
        profile=told.get("profile"),
    )


def _used(dataset: Dataset | DescribesItself, context: str | None, tags: Mapping[str, Any] | None) -> DatasetInput:
    labels = {key: str(value) for key, value in (tags or {}).items()}
    if context is not None:
        labels[CONTEXT_TAG] = context
    return DatasetInput(dataset_entity(dataset), [InputTag(key, value) for key, value in labels.items()])
