"""A run of 10,000 keys and an experiment of 100,000: all that is asked of them is right, in as few statements as of small ones."""

from __future__ import annotations

from typing import Any

import pytest

from mlkeep.services.dispatch import Dispatcher
from mlkeep.wire.charts import GetChart
from mlkeep.wire.columns import Column, LogColumns
from mlkeep.wire.experiments import CreateExperiment
from mlkeep.wire.message import Request
from mlkeep.wire.metrics import GetMetricHistory
from mlkeep.wire.runs import CreateRun, GetRun, SearchRuns

RUNS = [f"wide{number}" for number in range(10)]
KEYS = 10_000
"""Of each run, and of no other one."""

BUDGETS = {
    # Begin and end are counted. In SQLite, rows go in one after another, and so are keys looked up that are new to it.
    "log-batch": 9,
    "log-batch of known keys": 5,
    "runs/get": 9,
    "runs/search": 5,
    "runs/search for a count": 5,
    "metrics/get-history": 5,
    "charts/get": 5,
}


def key_of(run: int, number: int) -> str:
    return f"run{run}/layer{number}/norm"


def value_of(run: int, number: int, step: int) -> float:
    return run * KEYS + number + step / 8


def points_of(run: int, step: int) -> LogColumns:
    """One point of each key of a run."""
    columns = [
        Column(key=key_of(run, number), steps=[step], timestamps=[1_000 + step], values=[value_of(run, number, step)])
        for number in range(KEYS)
    ]
    return LogColumns(run_id=RUNS[run], columns=columns)


@pytest.mark.parametrize(
    "dispatcher", ["sqlite", pytest.param("postgres", marks=pytest.mark.combinations)], indirect=True
)
def test_many_keys_take_no_more_statements_than_few(
    dispatcher: Dispatcher, statements: list[str], request: pytest.FixtureRequest
) -> None:
    is_sqlite = "sqlite" in request.node.callspec.id
    took: dict[str, int] = {}

    def ask(what: str, request: Request) -> Any:
        statements.clear()
        answer = dispatcher.call(request)
        is_by_row = is_sqlite and what.startswith("log")
        count = len({" ".join(each.split()[:4]) for each in statements}) if is_by_row else len(statements)
        took[what] = max(took.get(what, 0), count)
        return answer

    dispatcher.call(CreateExperiment(name="wide", artifact_location="s3://bucket"))
    for number, run_id in enumerate(RUNS):
        dispatcher.call(CreateRun(experiment_id="1", run_id=run_id, start_time=1 + number))
        ask("log-batch", points_of(number, 0))
    ask("log-batch of known keys", points_of(3, 1))

    for number, step in ((3, 1), (7, 0)):
        metrics = ask("runs/get", GetRun(run_id=RUNS[number])).run.data.metrics
        told = {each.key: (each.value, each.timestamp, each.step) for each in metrics}
        assert told == {key_of(number, i): (value_of(number, i, step), 1_000 + step, step) for i in range(KEYS)}

    wanted = key_of(7, 4_321)
    found = ask("runs/search", SearchRuns(experiment_ids=["1"], filter=f"metrics.`{wanted}` > 0", fields=["info"]))
    assert [run.info.run_id for run in found.runs] == [RUNS[7]]
    counted = ask("runs/search for a count", SearchRuns(experiment_ids=["1"], max_results=0, count=True))
    assert (counted.total_count, counted.runs) == (len(RUNS), [])
    counted = ask(
        "runs/search for a count",
        SearchRuns(experiment_ids=["1"], max_results=0, count=True, filter=f"metrics.`{wanted}` > 0"),
    )
    assert counted.total_count == 1

    history = ask("metrics/get-history", GetMetricHistory(run_id=RUNS[3], metric_key=key_of(3, 9_999)))
    assert [(each.step, each.value) for each in history.metrics] == [
        (step, value_of(3, 9_999, step)) for step in range(2)
    ]
    drawn = [key_of(3, number) for number in range(0, KEYS, 500)]
    chart = ask("charts/get", GetChart(run_ids=[RUNS[3], RUNS[4]], keys=drawn))
    assert {(each.run_id, each.key): list(each.last) for each in chart.series if each.n} == {
        (RUNS[3], key_of(3, number)): [value_of(3, number, step) for step in range(2)] for number in range(0, KEYS, 500)
    }
    assert took == BUDGETS
