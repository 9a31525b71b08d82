"""`mlkeep.search_runs`: which experiments, which pages, which columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import mlkeep
from mlkeep import MlkeepClient
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk import search


@pytest.fixture
def client(tmp_path: Path) -> Iterator[MlkeepClient]:
    """A client of an empty database, which is the one that is tracked to."""
    before = mlkeep.get_tracking_uri() if mlkeep.is_tracking_uri_set() else None
    mlkeep.set_tracking_uri(f"sqlite:///{tmp_path / 'mlkeep.db'}")
    yield MlkeepClient()
    mlkeep.set_tracking_uri(before)


def run_of(client: MlkeepClient, experiment_id: str, loss: float) -> str:
    run_id = client.create_run(experiment_id, start_time=int(loss * 10)).info.run_id
    client.log_metric(run_id, "loss", loss)
    client.log_param(run_id, "lr", "0.1")
    return run_id


def ids(found: object) -> list[str]:
    assert isinstance(found, list)
    return [run.info.run_id for run in found]


def test_all_experiments_are_those_that_are_not_deleted(client: MlkeepClient, monkeypatch: pytest.MonkeyPatch) -> None:
    experiments = [client.create_experiment(name) for name in "abc"]
    runs = [run_of(client, one, i) for i, one in enumerate([*experiments, "0"])]
    client.delete_experiment(experiments[1])
    monkeypatch.setattr(search, "RUNS_PER_PAGE", 2)  # several pages
    everything = [runs[3], runs[2], runs[0]]
    assert ids(mlkeep.search_runs(search_all_experiments=True, output_format="list")) == everything
    only = mlkeep.search_runs(filter_string="metrics.loss > 1", search_all_experiments=True, output_format="list")
    assert ids(only) == everything[:2]
    some = mlkeep.search_runs(search_all_experiments=True, max_results=1, output_format="list")
    assert ids(some) == everything[:1]


def test_what_is_named_wins_over_all(client: MlkeepClient) -> None:
    run = run_of(client, client.create_experiment("a"), 1)
    run_of(client, "0", 2)
    by_name = mlkeep.search_runs(experiment_names=["a"], search_all_experiments=True, output_format="list")
    by_id = mlkeep.search_runs(["1"], search_all_experiments=True, output_format="list")
    assert ids(by_name) == ids(by_id) == [run]


def test_fields_are_the_columns_of_the_frame(client: MlkeepClient) -> None:
    run_of(client, "0", 1)
    standing = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    frame = mlkeep.search_runs(["0"], fields=["metrics.loss"])
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == [*standing, "metrics.loss"]
    assert frame["status"].tolist() == ["RUNNING"]
    found = mlkeep.search_runs(["0"], fields=["params"], output_format="list")
    assert isinstance(found, list)
    (run,) = found
    assert (run.data.params, run.data.metrics, run.info.status) == ({"lr": "0.1"}, {}, "")


def test_a_page_tells_the_number_of_all(client: MlkeepClient) -> None:
    for loss in (1, 2, 3):
        run_of(client, "0", loss)
    page = client.search_runs(["0"], "metrics.loss > 1", max_results=1, count=True)
    assert (len(page), page.total) == (1, 2)
    assert client.search_runs([], all_experiments=True, count=True, max_results=0).total == 3


def test_ids_and_names_together_are_refused(client: MlkeepClient) -> None:
    with pytest.raises(InvalidInput, match="not both"):
        mlkeep.search_runs(["0"], experiment_names=["a"])
