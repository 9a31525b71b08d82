"""Bytes of experiments: sums in several rows, each for some of those who write.

One row would make all that log files to the runs of one experiment wait for each other's commits. The rows are written as
the last thing of a transaction and in one order, so nobody who holds one waits for anything of somebody who wants it.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy import select

from mlkeep.storage.sql.dialect import InsertRows
from mlkeep.storage.sql.schema import experiment_sizes, experiments
from mlkeep.storage.sql.session import Session

SLOTS = 16
"""Rows of one experiment at the most."""

_ADD = InsertRows(
    experiment_sizes,
    ["experiment_id", "slot", "artifact_bytes"],
    lambda insert: insert.on_conflict_do_update(
        index_elements=["experiment_id", "slot"],
        set_={"artifact_bytes": experiment_sizes.c.artifact_bytes + insert.excluded.artifact_bytes},
    ),
)


def slots(writers: int) -> list[int]:
    """Slots for the writers of this process; where there is one writer, nobody is in its way."""
    if writers == 1:
        return [0]
    first = secrets.randbelow(SLOTS)
    return [(first + i) % SLOTS for i in range(writers)]


def write_sizes(session: Session, slot: int) -> None:
    """Write what a transaction added to experiments, or took from them."""
    added = [(experiment, size) for experiment, size in sorted(session.pending_bytes.items()) if size]
    if added:
        session.insert(
            _ADD, [{"experiment_id": experiment, "slot": slot, "artifact_bytes": size} for experiment, size in added]
        )


def artifact_bytes_of_experiments() -> sa.ColumnElement[int]:
    """The size of all files of an experiment, for statements over `experiments`."""
    total = sa.cast(sa.func.coalesce(sa.func.sum(experiment_sizes.c.artifact_bytes), 0), sa.BigInteger)
    return select(total).where(experiment_sizes.c.experiment_id == experiments.c.id).scalar_subquery()
