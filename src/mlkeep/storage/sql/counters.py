"""What there is of experiments: runs by stage and status, keys, bytes of files; counted when it changes.

Each counter is a sum over several rows, each for some of those who write. One row would make all that log to the runs of
one experiment wait for each other's commits. The rows are written as the last thing of a transaction and in one order,
so nobody who holds one waits for anything of somebody who wants it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from mlkeep.core.entities import ExperimentCounts, RunStatus
from mlkeep.storage.contract import EVERYTHING
from mlkeep.storage.sql.dialect import Backend, InsertRows
from mlkeep.storage.sql.schema import (
    ACTIVE,
    COUNTERS_OF_RUNS,
    DELETED,
    KINDS_OF_KEYS,
    NO_EXPERIMENT,
    Counted,
    experiment_counters,
    experiment_keys,
    experiments,
)
from mlkeep.storage.sql.searching.values import listed
from mlkeep.storage.sql.session import Session

SLOTS = 16
"""Rows of one counter at the most."""

_ADD = InsertRows(
    experiment_counters,
    ["experiment_id", "what", "slot", "count"],
    lambda insert: insert.on_conflict_do_update(
        index_elements=["experiment_id", "what", "slot"],
        set_={"count": experiment_counters.c.count + insert.excluded.count},
    ),
)

_MEET = InsertRows(experiment_keys, ["experiment_id", "kind", "key_id"], lambda insert: insert.on_conflict_do_nothing())


def slots(writers: int) -> list[int]:
    """Slots for the writers of this process; where there is one writer, nobody is in its way."""
    if writers == 1:
        return [0]
    first = secrets.randbelow(SLOTS)
    return [(first + i) % SLOTS for i in range(writers)]


# Writing.


def write_counts(session: Session, slot: int) -> None:
    """Write what a transaction added to experiments, or took from them."""
    if session.pending_keys:
        _write_keys(session)
    if not session.pending_counts:
        return
    added: Counter[tuple[int, int]] = Counter()
    for experiment, what, count in session.pending_counts:
        added[experiment, what] += count
    session.insert(
        _ADD,
        [
            {"experiment_id": experiment, "what": what, "slot": slot, "count": count}
            for (experiment, what), count in sorted(added.items())
            if count
        ],
    )


def _write_keys(session: Session) -> None:
    """Write the keys that experiments met, and count those that nobody else has met meanwhile."""
    by_kind: dict[tuple[int, Counted], list[int]] = {}
    for experiment, kind, number in sorted(set(session.pending_keys)):
        by_kind.setdefault((experiment, kind), []).append(number)
    for (experiment, kind), numbers in by_kind.items():
        rows = [{"experiment_id": experiment, "kind": int(kind), "key_id": number} for number in numbers]
        if new := session.insert(_MEET, rows):
            session.count(experiment, kind, new)


# Reading.


def artifact_bytes_of_experiments() -> sa.ColumnElement[int]:
    """The size of all files of an experiment, for statements over `experiments`."""
    columns = experiment_counters.c
    total = sa.cast(sa.func.coalesce(sa.func.sum(columns.count), 0), sa.BigInteger)
    return (
        select(total)
        .where(columns.experiment_id == experiments.c.id, columns.what == int(Counted.ARTIFACT_BYTES))
        .scalar_subquery()
    )


_RUNS = """
    SELECT coalesce(sum(CASE WHEN what < 24 THEN count ELSE 0 END), 0),
        coalesce(sum(CASE WHEN what < 24 THEN 0 ELSE count END), 0)
    FROM experiment_counters WHERE experiment_id IN ({experiments}) AND what >= 16
"""
"""See `COUNTERS_OF_RUNS`."""


def runs_counted(session: Session, numbers: Sequence[int]) -> tuple[int, int]:
    """The number of active and of deleted runs of the experiments with these numbers."""
    active, deleted = session.cursor.execute(_RUNS.format(experiments=listed(numbers))).fetchone()
    return int(active), int(deleted)


def counts_of(session: Session, experiment: int) -> ExperimentCounts:
    """All counters of an experiment."""
    columns = experiment_counters.c
    statement = (
        select(columns.what, sa.func.sum(columns.count))
        .where(columns.experiment_id == experiment)
        .group_by(columns.what)
    )
    sums = {what: int(total) for what, total in session.execute(statement)}

    def by_status(lifecycle: int) -> dict[str, int]:
        counted = {status.name: sums.get(COUNTERS_OF_RUNS[lifecycle, status], 0) for status in RunStatus}
        return {name: number for name, number in counted.items() if number}

    return ExperimentCounts(
        active_runs=by_status(ACTIVE),
        deleted_runs=by_status(DELETED),
        metric_keys=sums.get(Counted.METRIC_KEYS, 0),
        param_keys=sums.get(Counted.PARAM_KEYS, 0),
        tag_keys=sums.get(Counted.TAG_KEYS, 0),
        artifact_bytes=sums.get(Counted.ARTIFACT_BYTES, 0),
    )


# What code of before revision 0004 wrote.

_VALUES = {Counted.METRIC_KEYS: "latest_metrics", Counted.PARAM_KEYS: "params", Counted.TAG_KEYS: "run_tags"}


def adopt(backend: Backend, *, reading: sa.Engine, writing: sa.Engine) -> None:
    """Make what older code wrote since this database was upgraded known to searches and counters; mostly there is none.

    Runs that such code only changed the status of are counted anew when it also logged something.
    """
    with reading.connect() as connection:
        lost = [f"SELECT 1 FROM {table} WHERE experiment_id = {NO_EXPERIMENT} LIMIT 1" for table in _VALUES.values()]  # noqa: S608
        if not any(
            connection.exec_driver_sql(each).first() for each in (*lost, "SELECT 1 FROM experiment_sizes LIMIT 1")
        ):
            return
    with writing.connect() as connection:
        connection.begin()
        cursor: Any = connection.connection.cursor()
        backend.begin_write(cursor, [EVERYTHING])
        backend.run(cursor, *_adopting(), *recounting())
        connection.commit()


def _adopting() -> Iterable[str]:
    """Statements that give values to their experiments, and sizes to the counters."""
    for kind, table in _VALUES.items():
        yield f"""
            INSERT INTO experiment_keys (experiment_id, kind, key_id)
            SELECT DISTINCT runs.experiment_id, {int(kind)}, key_id FROM {table} JOIN runs ON runs.id = {table}.run_id
            WHERE {table}.experiment_id = {NO_EXPERIMENT}
            ON CONFLICT DO NOTHING
        """  # noqa: S608 - names and numbers of ours
        yield f"""
            UPDATE {table} SET experiment_id = (SELECT runs.experiment_id FROM runs WHERE runs.id = {table}.run_id)
            WHERE experiment_id = {NO_EXPERIMENT}
        """  # noqa: S608 - as above
    yield f"""
        INSERT INTO experiment_counters (experiment_id, what, slot, count)
        SELECT experiment_id, {int(Counted.ARTIFACT_BYTES)}, slot, artifact_bytes FROM experiment_sizes WHERE true
        ON CONFLICT (experiment_id, what, slot) DO UPDATE SET count = experiment_counters.count + excluded.count
    """  # noqa: S608 - as above
    yield "DELETE FROM experiment_sizes"


def recounting() -> Iterable[str]:
    """Statements that count runs and keys anew, for who writes alone."""
    yield f"DELETE FROM experiment_counters WHERE what <> {int(Counted.ARTIFACT_BYTES)}"  # noqa: S608 - a number
    yield """
        INSERT INTO experiment_counters (experiment_id, what, slot, count)
        SELECT experiment_id, kind, 0, count(*) FROM experiment_keys GROUP BY experiment_id, kind
    """
    yield """
        INSERT INTO experiment_counters (experiment_id, what, slot, count)
        SELECT experiment_id, 16 + 8 * lifecycle + status, 0, count(*) FROM runs GROUP BY 1, 2
    """


def meeting() -> Iterable[str]:
    """Statements that find all keys of all experiments."""
    for kind in KINDS_OF_KEYS:
        yield f"""
            INSERT INTO experiment_keys (experiment_id, kind, key_id)
            SELECT DISTINCT experiment_id, {int(kind)}, key_id FROM {_VALUES[kind]} WHERE true ON CONFLICT DO NOTHING
        """  # noqa: S608 - names and numbers of ours
