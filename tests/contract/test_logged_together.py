"""What is logged to runs at the same time, on each kind of database: written together, and refused alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.core.entities import LifecycleStage, Metric
from mlkeep.core.errors import MlkeepException
from mlkeep.core.found import FoundRun
from mlkeep.storage.contract import Columns, Logged, NewRun
from mlkeep.storage.series.points import points_of
from mlkeep.storage.sql.storage import SqlStorage
from tests.contract.conftest import DATABASES, empty_database
from tests.unit.storage.holding import busy


@pytest.fixture(params=DATABASES)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStorage]:
    storage = SqlStorage(empty_database(request.param, request, tmp_path))
    storage.write(lambda tx: tx.experiments.add("e", "s3://e", {}, 1)).result(10)
    for run_id in ("r", "s", "deleted"):
        storage.write(lambda tx, run_id=run_id: tx.runs.add(new_run(run_id))).result(10)  # type: ignore[misc]
    storage.write(lambda tx: tx.runs.set_lifecycle("deleted", LifecycleStage.DELETED, 2)).result(10)
    yield storage
    storage.close()


def new_run(run_id: str) -> NewRun:
    return NewRun(run_id=run_id, experiment_id="1", name=run_id, user_id="u", start_time=1, artifact_uri="s3://e/r")


def at_once(storage: SqlStorage, *given: Logged) -> list[str]:
    """What each came to, all of them logged in one transaction where the database has one writer."""
    with busy(storage.write, writers=storage._database.backend.writers):
        futures = [storage.log(logged, [f"run/{logged.run_id}"]) for logged in given]
    outcomes = []
    for future in futures:
        error = future.exception(10)
        assert error is None or isinstance(error, MlkeepException)
        outcomes.append("" if error is None else error.message.partition(":")[0].partition(". ")[0])
    return outcomes


def found(storage: SqlStorage, run_id: str) -> FoundRun:
    return storage.read(lambda tx: tx.runs.get(run_id))


def test_each_is_refused_alone_and_wholly(storage: SqlStorage) -> None:
    point = Metric("loss", 1.0, 1)
    unknown = Metric("loss", 1.0, 1, model_id="m-nobody")
    assert at_once(
        storage,
        Logged(run_id="r", points=[point], params={"lr": "1"}, tags={"a": "1"}),
        Logged(run_id="nobody", points=[point]),
        Logged(run_id="deleted", tags={"a": "1"}),
        Logged(run_id="s", points=[Metric("mae", 1.0, 1)], params={"opt": "sgd", "lr": "2"}),
        Logged(run_id="r", points=[Metric("never", 1.0, 1)], params={"new": "1", "lr": "2"}, tags={"never": "1"}),
        Logged(run_id="r", points=[point, unknown], params={"never": "1"}),
        Logged(run_id="s", params={"lr": "2", "depth": "3"}),
    ) == [
        "",
        "Run with id=nobody not found.",
        "The run deleted must be in the 'active' state",
        "",
        "Changing param values is not allowed",
        "Invalid value 'm-nobody' for parameter 'model_id' supplied",
        "",
    ]
    first, second = (found(storage, run_id) for run_id in ("r", "s"))
    assert (first.metrics, first.params) == ([("loss", 1.0, 1, 0)], [("lr", "1")])
    assert (first.tags, second.metrics) == ([("a", "1")], [("mae", 1.0, 1, 0)])
    assert dict(second.params) == {"opt": "sgd", "lr": "2", "depth": "3"}


def test_the_order_in_which_they_came_is_kept(storage: SqlStorage) -> None:
    assert (
        at_once(
            storage,
            *(Logged(run_id="r", tags={"turn": str(i), f"of {i % 2}": str(i)}, run_name=f"name {i}") for i in range(4)),
            *(Logged(run_id="r", points=[Metric("loss", float(i), 10 - i, step=i % 3)]) for i in range(4)),
        )
        == [""] * 8
    )
    run = found(storage, "r")
    assert (dict(run.tags), run.info.run_name) == ({"turn": "3", "of 0": "2", "of 1": "3"}, "name 3")
    assert run.metrics == [("loss", 2.0, 8, 2)]


def test_of_two_values_of_a_param_the_first_is_kept(storage: SqlStorage) -> None:
    outcomes = at_once(storage, *(Logged(run_id="r", params={"lr": value}) for value in ("1", "1", "2")))
    assert outcomes == ["", "", "Changing param values is not allowed"]
    assert found(storage, "r").params == [("lr", "1")]


def test_columns_and_single_points_make_one_series(storage: SqlStorage) -> None:
    columns = Columns("loss", points_of([1, 2, 2], [10, 20, 20], [0.5, float("nan"), float("nan")]))
    assert at_once(
        storage,
        Logged(run_id="r", columns=[columns]),
        Logged(run_id="r", points=[Metric("loss", -1.0, 15, 1)], columns=[columns]),
    ) == ["", ""]
    history = storage.read(lambda tx: tx.metrics.history(tx.runs.key("r"), "loss", None, None)).points
    assert (history.timestamps_ms.tolist(), history.steps.tolist()) == ([10, 15, 20], [1, 1, 2])
    assert found(storage, "r").metrics[0][3] == 2


def test_many_runs_log_many_params_at_once(storage: SqlStorage) -> None:
    for i in range(20):
        storage.write(lambda tx, i=i: tx.runs.add(new_run(f"run {i}"))).result(10)  # type: ignore[misc]
    params = {f"p{i}": str(i) for i in range(30)}
    for _ in range(2):  # and once more, which changes nothing
        assert at_once(storage, *(Logged(run_id=f"run {i}", params=params) for i in range(20))) == [""] * 20
    assert [dict(found(storage, f"run {i}").params) for i in range(20)] == [params] * 20
