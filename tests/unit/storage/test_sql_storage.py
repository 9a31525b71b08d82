"""The SQL storage on real databases of each kind: transactions, keys, failures."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from mlkeep.core.entities import LifecycleStage, Metric
from mlkeep.core.errors import AlreadyExists, InvalidInput, MlkeepException, NotFound, NotOffered, Unavailable
from mlkeep.storage.contract import Event, NewRun, RunKey
from mlkeep.storage.sql.storage import SqlStorage
from tests.unit.storage.holding import busy


def add_experiment(tx: Any, name: str = "e") -> str:
    return str(tx.experiments.add(name, "s3://b/e", {}, 1))


FIRST = RunKey(1, 1)
"""The key of the first run of the first experiment."""


def add_run(tx: Any, run_id: str = "r", experiment_id: str = "1") -> RunKey:
    new = NewRun(run_id=run_id, experiment_id=experiment_id, name="n", user_id="", start_time=1, artifact_uri="")
    return RunKey(*tx.runs.add(new))


@pytest.fixture
def run(storage: SqlStorage) -> RunKey:
    """The key of a run in experiment 1."""

    def operation(tx: Any) -> RunKey:
        add_experiment(tx)
        return add_run(tx)

    return storage.write(operation).result(10)


def all_busy(storage: SqlStorage) -> AbstractContextManager[None]:
    """Meanwhile nothing is written, so that what is queued comes to share a transaction."""
    return busy(storage.write, storage._database.backend.writers)


def run_sql(storage: SqlStorage, statement: str) -> list[tuple[Any, ...]]:
    """Do something to the database behind the stores' back."""

    def operation(tx: Any) -> list[tuple[Any, ...]]:
        result = tx.session.connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []

    return storage.write(operation).result(10)


# Connections


def test_a_durability_nobody_knows_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"'strong'.*normal, full"):
        SqlStorage(url, durability="strong")


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("nonsense", InvalidInput, "'nonsense' for parameter 'backend_store_uri'"),
        ("sqlite://", InvalidInput, "needs a file"),
        ("sqlite:///:memory:", InvalidInput, "needs a file"),
        ("mysql://ann:secret@h/db", NotOffered, r"mysql://ann:\*\*\*@h/db"),
        ("postgresql://ann:secret@h:port/db", InvalidInput, r"postgresql://ann:\*\*\*@h:port/db"),
    ],
)
def test_a_database_that_cannot_be_is_refused(url: str, error: type[MlkeepException], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        SqlStorage(url)


# Transactions


def test_a_read_sees_one_state_and_changes_nothing(storage: SqlStorage, run: RunKey) -> None:
    def read(tx: Any) -> list[int]:
        counts = []
        for _ in range(2):
            counts.append(len(tx.metrics.history(run, "m", None, None).points))
            storage.write(lambda other: other.metrics.add(run, [Metric("m", 1.0, 1)])).result(10)
        return counts

    assert storage.read(read) == [0, 0]
    assert storage.read(lambda tx: len(tx.metrics.history(run, "m", None, None).points)) == 1
    with pytest.raises(Unavailable, match=r"read-?only"):
        storage.read(lambda tx: tx.metrics.add(run, [Metric("m", 2.0, 1)]))


def test_a_write_sees_what_was_written_before_it(storage: SqlStorage) -> None:
    with all_busy(storage):
        made = storage.write(add_experiment)
        seen = storage.write(lambda tx: tx.experiments.get("1").name)
    assert (made.result(10), seen.result(10)) == ("1", "e")


def test_an_operation_that_fails_leaves_nothing_and_disturbs_no_other(storage: SqlStorage) -> None:
    def fail(tx: Any) -> None:
        add_experiment(tx, "fails")
        add_run(tx, "fails")
        raise InvalidInput("No.")

    with all_busy(storage):
        first = storage.write(lambda tx: add_experiment(tx, "first"))
        failing = storage.write(fail)
        second = storage.write(lambda tx: add_experiment(tx, "second"))
    assert first.result(10)
    assert second.result(10)
    with pytest.raises(InvalidInput, match="No"):
        failing.result(10)

    def look(tx: Any) -> tuple[list[bool], list[str]]:
        names = [tx.experiments.find_by_name(name) is not None for name in ("first", "fails", "second")]
        with pytest.raises(NotFound) as missing:
            tx.runs.key("fails")
        return names, [missing.value.message]

    assert storage.read(look) == ([True, False, True], ["Run with id=fails not found."])


def test_a_fault_of_an_operation_is_no_failure_of_the_database(storage: SqlStorage, run: RunKey) -> None:
    with all_busy(storage):
        broken = storage.write(lambda tx: tx.tags.put(RunKey(999, 1), {"t": "1"}))  # there is no such run
        fine = storage.write(lambda tx: tx.tags.put(run, {"t": "1"}))
    assert fine.result(10) is None
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match=r"(?i)foreign key"):
        broken.result(10)


def test_an_event_loop_writes(storage: SqlStorage) -> None:
    async def write() -> list[object]:
        names = ["a", "b", "a"]
        return await asyncio.gather(
            *(storage.write_async(lambda tx, name=name: add_experiment(tx, name)) for name in names),  # type: ignore[misc]
            return_exceptions=True,
        )

    first, second, taken = asyncio.run(write())
    assert (first, second, type(taken)) == ("1", "2", AlreadyExists)


def test_a_closed_storage_takes_nothing_more(url: str) -> None:
    storage = SqlStorage(url)
    storage.write(add_experiment).result(10)
    for _ in range(2):
        storage.close()
    with pytest.raises(Unavailable, match="closed"):
        storage.write(add_experiment)
    again = SqlStorage(url)
    assert again.read(lambda tx: tx.experiments.get("1").name) == "e"
    again.close()


def test_two_processes_may_share_a_file(storage: SqlStorage, url: str, run: RunKey) -> None:
    other = SqlStorage(url)
    for i, one in enumerate((storage, other, storage, other)):
        one.write(lambda tx, i=i: tx.metrics.add(run, [Metric(f"k{i % 2}", float(i), i)])).result(10)  # type: ignore[misc]
    for one in (storage, other):
        found = [one.read(lambda tx, key=key: values(tx, run, key)) for key in ("k0", "k1")]  # type: ignore[misc]
        assert found == [[0.0, 2.0], [1.0, 3.0]]
    other.close()


def values(tx: Any, run: RunKey, key: str) -> list[float]:
    found: list[float] = tx.metrics.history(run, key, None, None).points.values.tolist()
    return found


# Keys


def log(key: str, value: float, run: RunKey = FIRST, error: Exception | None = None) -> Callable[[Any], None]:
    def operation(tx: Any) -> None:
        tx.metrics.add(run, [Metric(key, value, 1)])
        tx.params.add(run, {key: str(value)})
        if error is not None:
            raise error

    return operation


def logged(tx: Any) -> dict[str, list[float]]:
    return {key: values(tx, FIRST, key) for key in ("kept", "lost", "later")}


def key_numbers(tx: Any) -> list[int | None]:
    return [tx.session.key_number(key) for key in ("kept", "lost", "later", "never")]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("together", [True, False], ids=["in one transaction", "in transactions of their own"])
def test_a_key_of_an_operation_that_failed_is_not_remembered(storage: SqlStorage, together: bool) -> None:
    operations = [log("lost", 1.0, error=InvalidInput("No.")), log("kept", 2.0), log("lost", 3.0), log("later", 4.0)]
    if together:
        with all_busy(storage):
            futures = [storage.write(operation) for operation in operations]
    else:
        futures = []
        for operation in operations:
            futures.append(storage.write(operation))
            futures[-1].exception(10)
    assert [type(future.exception(10)) for future in futures] == [InvalidInput, *[type(None)] * 3]
    assert storage.read(logged) == {"kept": [2.0], "lost": [3.0], "later": [4.0]}
    numbers = storage.read(key_numbers)
    assert numbers[-1] is None
    assert len(set(numbers)) == 4


# Failures


def test_a_database_that_went_away_is_unavailable(storage: SqlStorage) -> None:
    storage.check()
    run_sql(storage, "ALTER TABLE experiments RENAME TO gone")
    with pytest.raises(Unavailable, match=r"cannot be read: .*experiments"):
        storage.check()


# What the stores keep


def test_values_are_kept_exactly(storage: SqlStorage, run: RunKey) -> None:
    kept = [math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0.1]
    storage.write(lambda tx: tx.metrics.add(run, [Metric("m", value, i) for i, value in enumerate(kept)])).result(10)
    assert [repr(value) for value in storage.read(lambda tx: values(tx, run, "m"))] == [repr(value) for value in kept]


def test_an_experiment_id_is_never_used_again(storage: SqlStorage) -> None:
    assert storage.write(add_experiment).result(10) == "1"
    run_sql(storage, "DELETE FROM experiments")
    assert storage.write(add_experiment).result(10) == "2"


def test_deleting_a_run_twice_keeps_the_time_of_the_first(storage: SqlStorage, run: RunKey) -> None:
    for at in (5, 6):
        storage.write(lambda tx, at=at: tx.runs.set_lifecycle("r", LifecycleStage.DELETED, at)).result(10)  # type: ignore[misc]
    assert run_sql(storage, "SELECT deleted_ms FROM runs") == [(5,)]


def test_events_are_kept_in_order_each_with_its_position(storage: SqlStorage) -> None:
    first = Event(action="a:b", entity="x/1", principal="ann", request_id="q", at_ms=1, after={"é": [1, None]})
    second = Event(action="a:c", entity="x/2", principal="", request_id="", at_ms=2, before={"a": 1})
    for event in (first, second):
        storage.write(lambda tx, event=event: tx.events.add(event)).result(10)  # type: ignore[misc]
    (position, told), (_, last) = storage.read(lambda tx: tx.events.after(0, 10))
    assert (told, last) == (first, second)
    assert [event for _, event in storage.read(lambda tx: tx.events.after(position, 10))] == [second]
    assert len(storage.read(lambda tx: tx.events.after(0, 1))) == 1
