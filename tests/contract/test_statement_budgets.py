"""How many statements the hot paths take; a number here is raised only on purpose."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from mlkeep.core.entities import Metric
from mlkeep.core.states import RunStatus
from mlkeep.services.dispatch import Dispatcher
from mlkeep.storage.contract import Logged
from mlkeep.wire import runs
from mlkeep.wire.artifacts import GetManifest, RecordFiles, StoredFileMessage
from mlkeep.wire.columns import Column, LogColumns
from mlkeep.wire.experiments import CreateExperiment, GetExperiment
from mlkeep.wire.heartbeats import Heartbeat
from mlkeep.wire.message import KeyValueInput, Request
from mlkeep.wire.metrics import GetMetricHistory, LogMetric, MetricInput
from tests.unit.storage.holding import busy

RUN = "budgeted"
ROOT = f"s3://bucket/{RUN}/artifacts"
OTHERS = [f"other-{i}" for i in range(4)]
STEPS = list(range(1_000))
SIZES = itertools.count(1)
OTHER_RUNS = itertools.cycle(OTHERS)
"""More than are asked for in one test: nothing is known of the next one."""


def recording(files: int) -> Request:
    """A record of files of other sizes than those recorded before."""
    size = next(SIZES)
    given = [StoredFileMessage(path=f"model/{i}", size=size, sha256="0" * 64) for i in range(files)]
    return RecordFiles(uri=ROOT, files=given)


REQUESTS: dict[str, Callable[[], Request]] = {
    "log-metric": lambda: LogMetric(run_id=RUN, key="k0", value=1.0, timestamp=1),
    "log-batch of 1000 points": lambda: runs.LogBatch(
        run_id=RUN, metrics=[MetricInput(key=f"k{i % 10}", value=1.0, timestamp=i, step=i) for i in range(1_000)]
    ),
    "log-batch of 10000 points in columns": lambda: LogColumns(
        run_id=RUN,
        columns=[Column(key=f"k{i}", steps=STEPS, timestamps=STEPS, values=list(map(float, STEPS))) for i in range(10)],
    ),
    "log-batch of 100 params": lambda: runs.LogBatch(
        run_id=next(OTHER_RUNS), params=[KeyValueInput(key=f"p{i}", value="1") for i in range(100)]
    ),
    "log-batch of 100 known params": lambda: runs.LogBatch(
        run_id=RUN, params=[KeyValueInput(key=f"p{i}", value="1") for i in range(100)]
    ),
    "log-parameter": lambda: runs.LogParam(run_id=next(OTHER_RUNS), key="p0", value="1"),
    "set-tag": lambda: runs.SetTag(run_id=RUN, key="t0", value="1"),
    "runs/update to the end": lambda: runs.UpdateRun(run_id=RUN, status=RunStatus.FINISHED, end_time=1),
    "runs/heartbeat": lambda: Heartbeat(run_ids=OTHERS, interval_ms=30_000),
    "metrics/get-history": lambda: GetMetricHistory(run_id=RUN, metric_key="k0"),
    "metrics/get-history of 100": lambda: GetMetricHistory(run_id=RUN, metric_key="k0", max_results=100),
    "runs/create": lambda: runs.CreateRun(experiment_id="0", start_time=1, tags=[KeyValueInput(key="t0", value="1")]),
    "runs/get": lambda: runs.GetRun(run_id=RUN),
    "runs/search": lambda: runs.SearchRuns(experiment_ids=["1"], filter="metrics.k0 > 0 AND params.p0 = '1'"),
    "experiments/get": lambda: GetExperiment(experiment_id="0"),
    "artifacts/record of 1 file": lambda: recording(1),
    "artifacts/record of 1000 files": lambda: recording(1_000),
    "artifacts/manifest": lambda: GetManifest(uri=f"{ROOT}/model"),
}

BUDGETS = {
    # Begin and end are counted. On PostgreSQL a transaction begins and takes its locks in one round trip, and rows of
    # one table go in by one statement; on SQLite rows that go in one after another are counted once.
    "log-metric": {"sqlite": 5, "postgres": 5},
    "log-batch of 1000 points": {"sqlite": 5, "postgres": 5},
    "log-batch of 10000 points in columns": {"sqlite": 5, "postgres": 5},
    "log-batch of 100 params": {"sqlite": 5, "postgres": 5},
    "log-batch of 100 known params": {"sqlite": 4, "postgres": 4},
    "log-parameter": {"sqlite": 5, "postgres": 5},
    "set-tag": {"sqlite": 4, "postgres": 4},
    "runs/update to the end": {"sqlite": 8, "postgres": 8},  # of which one ends the wait for heartbeats
    "runs/heartbeat": {"sqlite": 4, "postgres": 4},
    "metrics/get-history": {"sqlite": 5, "postgres": 5},
    "metrics/get-history of 100": {"sqlite": 6, "postgres": 6},
    "runs/create": {"sqlite": 15, "postgres": 16},
    "runs/get": {"sqlite": 9, "postgres": 9},
    # Of these, one tells how many runs there are, and one where the search best begins.
    "runs/search": {"sqlite": 11, "postgres": 11},
    "experiments/get": {"sqlite": 4, "postgres": 4},
    "artifacts/record of 1 file": {"sqlite": 6, "postgres": 6},
    "artifacts/record of 1000 files": {"sqlite": 7, "postgres": 7},
    "artifacts/manifest": {"sqlite": 4, "postgres": 4},
}


@pytest.mark.parametrize("path", BUDGETS)
def test_a_hot_path_keeps_its_budget(
    dispatcher: Dispatcher, statements: list[str], path: str, request: pytest.FixtureRequest
) -> None:
    dispatcher.call(CreateExperiment(name="budgeted", artifact_location="s3://bucket"))
    for run_id in (RUN, *OTHERS):
        dispatcher.call(runs.CreateRun(experiment_id="1", run_id=run_id, start_time=1))
    for known in (*REQUESTS.values(), REQUESTS[path]):  # once for connections and numbers of keys
        statements.clear()
        dispatcher.call(known())
    kinds = [kind for kind, _ in itertools.groupby(" ".join(each.split()[:3]) for each in statements)]
    kind = "sqlite" if "sqlite" in request.node.callspec.id else "postgres"
    assert len(kinds) <= BUDGETS[path][kind], kinds
    assert len(kinds) == BUDGETS[path][kind], f"better than its budget: {kinds}"


def test_sixteen_that_log_at_once_take_as_many_statements_as_one(
    dispatcher: Dispatcher, statements: list[str], request: pytest.FixtureRequest
) -> None:
    writers = 1 if "sqlite" in request.node.callspec.id else 2
    for run_id in OTHERS:
        dispatcher.call(runs.CreateRun(experiment_id="0", run_id=run_id, start_time=1))
    given = [
        Logged(run_id=OTHERS[i % 4], points=[Metric(f"k{i}", 1.0, 1)], tags={f"t{i}": "1"}, params={f"p{i}": "1"})
        for i in range(16)
    ]
    for _ in range(2):  # once for the numbers of keys
        with busy(dispatcher.storage.write, writers):
            futures = [dispatcher.storage.log(logged) for logged in given]
            statements.clear()
        assert [future.result(10) for future in futures] == [None] * 16
    kinds = [kind for kind, _ in itertools.groupby(" ".join(each.split()[:3]) for each in statements)]
    # the ends of those that kept the writers busy; begin; run, params; points, latest points, tags; commit
    assert len(kinds) - writers <= 7, kinds


def test_a_look_for_lost_runs_that_finds_none_is_one_query_by_an_index(
    dispatcher: Dispatcher, statements: list[str], request: pytest.FixtureRequest
) -> None:
    for run_id in OTHERS:
        dispatcher.call(runs.CreateRun(experiment_id="0", run_id=run_id, start_time=1))
    dispatcher.call(Heartbeat(run_ids=OTHERS, interval_ms=30_000))
    for _ in range(2):  # once for connections
        statements.clear()
        assert dispatcher.find_lost() == 0
    begin, select, end = statements
    assert (begin[:5], select[:6], end) == ("BEGIN", "SELECT", "ROLLBACK")
    if "sqlite" in request.node.callspec.id:
        explain = f"EXPLAIN QUERY PLAN {select}"
        plan = dispatcher.storage.read(lambda tx: tx.session.cursor.execute(explain).fetchall())  # type: ignore[attr-defined]  # of an SQL storage
        assert [row[3] for row in plan] == [
            "SEARCH heartbeats USING INDEX ix_heartbeats_expires_at_ms (expires_at_ms<?)",
            "SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)",
        ]
