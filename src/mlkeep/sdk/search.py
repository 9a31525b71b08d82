"""Searching runs from a program: all pages, as a list or as a data frame."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mlkeep.core.entities import Run, ViewType
from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.core.pages import PagedList
from mlkeep.sdk.active_experiment import client, current_experiment_id

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

PAGE = 1_000
RUNS_PER_PAGE = 10_000


def all_pages(
    fetch: Callable[[int, str | None], PagedList[T]], max_results: int | None, page_size: int = PAGE
) -> list[T]:
    """Up to `max_results` things (all if None), fetched page by page with `fetch(size, token)`."""
    found: list[T] = []
    token: str | None = None
    while True:
        size = page_size if max_results is None else min(page_size, max_results - len(found))
        page = fetch(size, token)
        found += page
        token = page.token
        if not token or (max_results is not None and len(found) >= max_results):
            return found


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 100_000,
    order_by: list[str] | None = None,
    output_format: str = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
    *,
    fields: Sequence[str] = (),
) -> list[Run] | pd.DataFrame:
    """Runs of experiments: those named, else all if asked for, else the active one.

    As a data frame (`output_format="pandas"`) a row is a run, with columns `run_id`, `experiment_id`, `status`,
    `artifact_uri`, `start_time`, `end_time` (UTC), then `metrics.*`, `params.*` and `tags.*`. With "list", `Run`s.

    `fields` (mlkeep's own) names what is wanted of the runs, such as "params" or "metrics.loss", and spares reading the
    rest; a data frame has its first six columns in any case.

    Raises:
        InvalidInput: both ids and names, or a filter that cannot be read.
        ValueError: another output format.
    """
    if output_format not in {"pandas", "list"}:
        raise ValueError(f"Unsupported output format: {output_format}. Supported string values are 'pandas' or 'list'")
    wanted = ["info", *fields] if fields and output_format == "pandas" else list(fields)

    def fetch(ids: list[str], *, everywhere: bool = False) -> list[Run]:
        return all_pages(
            lambda size, token: client().search_runs(
                ids, filter_string, run_view_type, size, order_by, token, fields=wanted, all_experiments=everywhere
            ),
            max_results,
            RUNS_PER_PAGE,
        )

    if search_all_experiments and not experiment_ids and not experiment_names:
        try:
            runs = fetch([], everywhere=True)
        except NotOffered:  # an MLflow server, which has to be told which experiments there are
            runs = fetch(ids) if (ids := _active_experiments()) else []
    else:
        runs = fetch(ids) if (ids := _experiments(experiment_ids, experiment_names)) else []
    return runs if output_format == "list" else as_frame(runs)


def _active_experiments() -> list[str]:
    found = all_pages(
        lambda size, token: client().search_experiments(ViewType.ACTIVE_ONLY, size, page_token=token), None
    )
    return [experiment.experiment_id for experiment in found]


def _experiments(ids: Sequence[str] | None, names: Sequence[str] | None) -> list[str]:
    if ids and names:
        raise InvalidInput("Only experiment_ids or experiment_names can be used, but not both.")
    if ids:
        return [str(experiment_id) for experiment_id in ids]
    if names:
        found = []
        for name in names:
            if (experiment := client().get_experiment_by_name(name)) is None:
                warnings.warn(f"Cannot retrieve experiment by name {name}", stacklevel=3)
            else:
                found.append(experiment.experiment_id)
        return found
    return [current_experiment_id()]


def as_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Runs as a data frame; see `search_runs` for its columns."""
    import pandas as pd  # only this way of asking needs it

    columns: dict[str, list[Any]] = {
        name: [getattr(run.info, name) for run in runs]
        for name in ("run_id", "experiment_id", "status", "artifact_uri")
    }
    for name in ("start_time", "end_time"):
        times = [getattr(run.info, name) for run in runs]
        columns[name] = list(pd.to_datetime(pd.Series(times, dtype="Int64"), unit="ms", utc=True))
    for kind, missing in (("metrics", float("nan")), ("params", None), ("tags", None)):
        texts = [getattr(run.data, kind) for run in runs]
        keys = dict.fromkeys(key for text in texts for key in text)
        columns.update({f"{kind}.{key}": [text.get(key, missing) for text in texts] for key in keys})
    return pd.DataFrame(columns)
