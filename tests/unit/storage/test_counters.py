"""Counters of experiments say what a look at everything would say, whatever was done, and by whomever at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.filling import fill
from mlkeep.core.entities import ExperimentCounts, LifecycleStage, Metric, RunStatus
from mlkeep.core.errors import MlkeepException
from mlkeep.storage.contract import NewRun
from mlkeep.storage.sql import counters, keys
from mlkeep.storage.sql.dialect import backend_at
from mlkeep.storage.sql.storage import SqlStorage

STATUSES = [status.name for status in RunStatus]
KEYS = ["a", "b", "c", "d"]
OF_RUN = ("run_id", "experiment_id", "name", "user_id", "status", "start_ms", "lifecycle", "artifact_uri")

Step = tuple[str, int, str]
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 1), st.just("")),
    st.tuples(st.just("status"), st.integers(0, 9), st.sampled_from(STATUSES)),
    st.tuples(st.sampled_from(["metric", "param", "tag", "untag", "undone"]), st.integers(0, 9), st.sampled_from(KEYS)),
    st.tuples(st.sampled_from(["delete", "restore"]), st.integers(0, 9), st.just("")),
    st.tuples(st.sampled_from(["bin", "unbin"]), st.integers(0, 1), st.just("")),
)


class Refused(MlkeepException):
    """An operation that has second thoughts."""


class Played:
    """A storage with two experiments, and what was done to it as a plain program sees it."""

    def __init__(self, storage: SqlStorage, number: int) -> None:
        self.storage = storage
        self.number = number
        names = [f"e{number}-{i}" for i in range(2)]
        added = storage.write(lambda tx: [tx.experiments.add(name, "", {}, 1) for name in names])
        self.experiments: list[str] = added.result(10)
        self.runs: list[str] = []
        self.keys: dict[str, dict[str, set[str]]] = {
            each: {"metric": set(), "param": set(), "tag": set()} for each in self.experiments
        }

    def play(self, step: Step) -> None:
        what, which, detail = step
        operation = getattr(self, f"_{what}", None)
        if what == "run":
            self._add(self.experiments[which])
        elif what in {"bin", "unbin"}:
            stage = LifecycleStage.DELETED if what == "bin" else LifecycleStage.ACTIVE
            self._write(lambda tx: tx.experiments.set_lifecycle(self.experiments[which], stage, 1))
        elif self.runs and operation is not None:
            operation(self.runs[which % len(self.runs)], detail)

    def counted(self) -> list[ExperimentCounts]:
        return [self.storage.read(lambda tx, e=each: tx.experiments.counts(e)) for each in self.experiments]  # type: ignore[misc]  # the default binds the loop's value

    def looked_at(self) -> list[ExperimentCounts]:
        """The same, from the rows."""
        return [self._look(each) for each in self.experiments]

    def _look(self, experiment: str) -> ExperimentCounts:
        def runs(tx: Any, lifecycle: int) -> dict[str, int]:
            rows = tx.session.connection.exec_driver_sql(
                f"SELECT status, count(*) FROM runs WHERE experiment_id = {experiment} AND lifecycle = {lifecycle}"
                " GROUP BY status ORDER BY status"
            )
            return {RunStatus(status).name: count for status, count in rows}

        active, deleted = self.storage.read(lambda tx: (runs(tx, 0), runs(tx, 1)))
        met = self.keys[experiment]
        return ExperimentCounts(
            active_runs=active,
            deleted_runs=deleted,
            metric_keys=len(met["metric"]),
            param_keys=len(met["param"]),
            tag_keys=len(met["tag"]),
            artifact_bytes=0,
        )

    def _write(self, operation: Callable[[Any], Any]) -> Any:
        return self.storage.write(operation).result(10)

    def _add(self, experiment: str) -> None:
        run_id = f"r{self.number}-{len(self.runs)}"
        new = NewRun(run_id=run_id, experiment_id=experiment, name="n", user_id="", start_time=1, artifact_uri="")
        self._write(lambda tx: tx.runs.add(new))
        self.runs.append(run_id)

    def _met(self, run_id: str, kind: str, key: str) -> None:
        experiment = self._write(lambda tx: str(tx.runs.key(run_id).experiment))
        self.keys[experiment][kind].add(key)

    def _status(self, run_id: str, status: str) -> None:
        self._write(lambda tx: tx.runs.update(tx.runs.key(run_id), status=status))

    def _metric(self, run_id: str, key: str) -> None:
        self._write(lambda tx: tx.metrics.add(tx.runs.key(run_id), [Metric(key, 1.0, 1)]))
        self._met(run_id, "metric", key)

    def _param(self, run_id: str, key: str) -> None:
        self._write(lambda tx: tx.params.add(tx.runs.key(run_id), {key: "1"}))
        self._met(run_id, "param", key)

    def _tag(self, run_id: str, key: str) -> None:
        self._write(lambda tx: tx.tags.put(tx.runs.key(run_id), {key: "1"}))
        self._met(run_id, "tag", key)

    def _untag(self, run_id: str, key: str) -> None:
        self._write(lambda tx: tx.tags.delete(tx.runs.key(run_id), key))

    def _delete(self, run_id: str, _: str) -> None:
        self._write(lambda tx: tx.runs.set_lifecycle(run_id, LifecycleStage.DELETED, 1))

    def _restore(self, run_id: str, _: str) -> None:
        self._write(lambda tx: tx.runs.set_lifecycle(run_id, LifecycleStage.ACTIVE, 1))

    def _undone(self, run_id: str, key: str) -> None:
        def operation(tx: Any) -> None:
            run = tx.runs.key(run_id)
            tx.metrics.add(run, [Metric(f"{key} undone", 1.0, 1)])
            tx.runs.update(run, status="KILLED")
            raise Refused("no")

        with pytest.raises(Refused):
            self._write(operation)


played_before = iter(range(1_000_000))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=st.lists(steps, max_size=25))
def test_counters_are_what_a_look_at_everything_says(storage: SqlStorage, done: list[Step]) -> None:
    played = Played(storage, next(played_before))
    for step in [("run", 0, ""), ("run", 1, ""), *done]:
        played.play(step)
    assert played.counted() == played.looked_at()


def test_keys_are_counted_once_though_many_meet_them_at_the_same_time(url: str) -> None:
    storages = [SqlStorage(url) for _ in range(2)]
    played = Played(storages[0], 0)
    for _ in range(8):
        played.play(("run", 0, ""))
    names = [f"k{i}" for i in range(40)]

    def log(storage: SqlStorage, run_id: str, order: list[str]) -> None:
        for key in order:
            storage.write(lambda tx, k=key: tx.metrics.add(tx.runs.key(run_id), [Metric(k, 1.0, 1)])).result(60)  # type: ignore[misc]  # as above

    threads = [
        threading.Thread(target=log, args=(storages[i % 2], run_id, names if i % 4 < 2 else names[::-1]))
        for i, run_id in enumerate(played.runs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert played.counted()[0].metric_keys == len(names)
    for storage in storages:
        storage.close()


def test_keys_that_were_met_before_cost_nothing(storage: SqlStorage) -> None:
    played = Played(storage, 0)
    played.play(("run", 0, ""))

    def pending() -> list[Any]:
        def operation(tx: Any) -> list[Any]:
            tx.params.add(tx.runs.key(played.runs[0]), {"lr": "1"})
            return list(tx.session.pending_keys)

        found: list[Any] = storage.write(operation).result(10)
        return found

    assert len(pending()) == 1
    assert pending() == []


def test_forgetting_which_keys_were_met_changes_no_count(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_MET", 2)
    played = Played(storage, 0)
    for step in [("run", 0, ""), *(("metric", 0, key) for key in KEYS * 2)]:
        played.play(step)
    assert played.counted()[0].metric_keys == len(KEYS)


def test_what_older_code_wrote_is_found_and_counted_when_the_database_is_opened_again(url: str) -> None:
    storage = SqlStorage(url)
    played = Played(storage, 0)
    for step in [("run", 0, ""), ("metric", 0, "a"), ("param", 0, "a")]:
        played.play(step)
    storage.close()
    experiment = int(played.experiments[0])
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO keys (name) VALUES ('old')",
            f"INSERT INTO runs ({', '.join(OF_RUN)}) VALUES ('old', {experiment}, 'n', '', 3, 1, 0, '')",
            *(
                f"INSERT INTO {table} (run_id, key_id, {columns}) SELECT runs.id, keys.id, {values} FROM runs, keys"
                " WHERE runs.run_id = 'old' AND keys.name = 'old'"
                for table, columns, values in (
                    ("latest_metrics", "step, timestamp_ms, value", "0, 1, 0.5"),
                    ("params", "value", "'1'"),
                    ("run_tags", "value", "'1'"),
                )
            ),
            f"INSERT INTO experiment_sizes (experiment_id, slot, artifact_bytes) VALUES ({experiment}, 3, 70)",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    for _ in range(2):
        storage = SqlStorage(url)
        assert storage.read(lambda tx: tx.experiments.counts(str(experiment))) == ExperimentCounts(
            active_runs={"RUNNING": 1, "FINISHED": 1},
            deleted_runs={},
            metric_keys=2,
            param_keys=2,
            tag_keys=1,
            artifact_bytes=70,
        )
        storage.close()


def test_a_database_that_was_filled_counts_what_is_in_it(url: str) -> None:
    filled = fill(url, 400, seed=3)
    storage = SqlStorage(url)
    counts = storage.read(lambda tx: tx.experiments.counts(filled.experiment_id))
    assert (sum(counts.active_runs.values()), sum(counts.deleted_runs.values())) == (390, 10)
    assert (counts.metric_keys, counts.param_keys, counts.tag_keys) == (21, 20, 5)
    storage.close()


def test_a_writer_has_a_slot_of_its_own_as_far_as_there_are_enough(url: str) -> None:
    writers = backend_at(url).writers
    assert len(set(counters.slots(writers))) == writers
