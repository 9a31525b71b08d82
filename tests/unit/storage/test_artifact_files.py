"""Sums of files in the storage: whoever writes at the same time, and whatever fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.core.manifest import StoredFile
from mlkeep.storage.contract import NewRun
from mlkeep.storage.sql.counters import SLOTS
from mlkeep.storage.sql.storage import SqlStorage
from tests.unit.storage.holding import busy

EXPERIMENTS, RUNS = 3, 4


def root(run: int) -> str:
    return f"s3://b/r{run}/artifacts"


def fill(tx: Any) -> None:
    """Make experiments, and runs of them in turn."""
    for i in range(EXPERIMENTS):
        tx.experiments.add(f"e{i}", "s3://b", {}, 1)
    for i in range(EXPERIMENTS * RUNS):
        experiment_id = str(1 + i % EXPERIMENTS)
        new = NewRun(
            run_id=f"r{i}", experiment_id=experiment_id, name="", user_id="", start_time=1, artifact_uri=root(i)
        )
        tx.runs.add(new)


def putting(run: int, path: str, size: int) -> Callable[[Any], None]:
    def put(tx: Any) -> None:
        tx.artifact_files.put(tx.artifact_files.find_place(root(run)).owner, [StoredFile(path, size, "0" * 64)])

    return put


def experiment_sizes(storage: SqlStorage) -> list[int]:
    return storage.read(lambda tx: [tx.experiments.get(str(i + 1)).artifact_bytes for i in range(EXPERIMENTS)])


def slots_of_sizes(tx: Any) -> set[int]:
    return {slot for (slot,) in tx.session.connection.exec_driver_sql("SELECT DISTINCT slot FROM experiment_counters")}


def test_what_is_undone_in_a_shared_transaction_counts_for_nothing(storage: SqlStorage) -> None:
    storage.write(fill).result(10)

    def fail(tx: Any) -> None:
        putting(0, "b", 100)(tx)
        putting(1, "b", 100)(tx)
        raise InvalidInput("No.")

    with busy(storage.write, storage._database.backend.writers):
        done = [storage.write(operation) for operation in (putting(0, "a", 1), fail, putting(0, "c", 2), fail)]
    assert [future.exception(10) is None for future in done] == [True, False, True, False]
    assert experiment_sizes(storage) == [3, 0, 0]
    assert storage.read(lambda tx: tx.runs.get_info("r0").artifact_bytes) == 3


def test_those_who_write_at_the_same_time_undo_nobody(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Two processes on one database, each with several experiments in one transaction, in different orders."""
    storages = [SqlStorage(url), SqlStorage(url)]
    storages[0].write(fill).result(10)
    runs = list(range(EXPERIMENTS * RUNS))
    with caplog.at_level(logging.WARNING):
        sent = [
            storage.write(putting(run, f"{i}/{file}", 1), [f"run/r{run}"])
            for file in range(10)
            for i, (storage, order) in enumerate(zip(storages, (runs, runs[::-1]), strict=True))
            for run in order
        ]
        for future in sent:
            future.result(30)
    assert caplog.messages == []
    assert experiment_sizes(storages[0]) == [2 * 10 * RUNS] * EXPERIMENTS
    slots = storages[0].read(slots_of_sizes)
    assert len(slots) <= 2 * storages[0]._database.backend.writers
    assert slots <= set(range(SLOTS))
    for storage in storages:
        storage.close()
