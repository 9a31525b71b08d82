"""Heartbeats of runs."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import select

from mlkeep.core.states import RunStatus
from mlkeep.storage.contract import HeardRun, OverdueRun, RunKey
from mlkeep.storage.sql.dialect import FindRows, InsertRows
from mlkeep.storage.sql.experiments import LIFECYCLES
from mlkeep.storage.sql.schema import ACTIVE, heartbeats, runs
from mlkeep.storage.sql.session import Session, chunks

_IS_LOST = (
    select(heartbeats.c.run_id)
    .where(heartbeats.c.run_id == runs.c.id, heartbeats.c.expires_at_ms.is_(None))
    .scalar_subquery()
)

_HEARD = FindRows(
    [runs.c.run_id, runs.c.id, runs.c.experiment_id, runs.c.status, runs.c.lifecycle, _IS_LOST],
    {"run_id": runs.c.run_id},
)

_PUT = InsertRows(
    heartbeats,
    ["run_id", "last_at_ms", "expires_at_ms"],
    lambda insert: insert.on_conflict_do_update(
        index_elements=["run_id"],
        set_={"last_at_ms": insert.excluded.last_at_ms, "expires_at_ms": insert.excluded.expires_at_ms},
    ),
)


class SqlHeartbeats:
    """See `contract.HeartbeatStore`. A row that expires at no time is that of a lost run."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def heard(self, run_ids: Sequence[str]) -> dict[str, HeardRun]:
        rows = self._session.find(_HEARD, {"run_id": sorted(set(run_ids))})
        return {
            run_id: HeardRun(RunKey(run, experiment), RunStatus(status).name, LIFECYCLES[lifecycle], lost is not None)
            for run_id, run, experiment, status, lifecycle, lost in rows
        }

    def put(self, runs: Sequence[RunKey], at_ms: int, until_ms: int) -> None:
        rows = [{"run_id": run.run, "last_at_ms": at_ms, "expires_at_ms": until_ms} for run in sorted(set(runs))]
        self._session.insert(_PUT, rows)

    def overdue(self, now_ms: int, watched_ms: int, limit: int, among: Sequence[str] | None = None) -> list[OverdueRun]:
        until, last = heartbeats.c.expires_at_ms, heartbeats.c.last_at_ms
        is_running = sa.and_(runs.c.status == RunStatus.RUNNING.value, runs.c.lifecycle == ACTIVE)
        statement = (
            select(runs.c.id, runs.c.experiment_id, runs.c.run_id, last, is_running)
            .join_from(heartbeats, runs, runs.c.id == heartbeats.c.run_id)
            .where(until <= now_ms, until - last <= watched_ms)
            .order_by(until)
            .limit(limit)
        )
        if among is not None:
            statement = statement.where(runs.c.run_id.in_(among))
        return [
            OverdueRun(RunKey(run, experiment), run_id, last_at_ms, bool(running))
            for run, experiment, run_id, last_at_ms, running in self._session.execute(statement)
        ]

    def lose(self, runs: Sequence[RunKey]) -> None:
        for part in chunks(sorted(run.run for run in runs)):
            self._session.execute(heartbeats.update().where(heartbeats.c.run_id.in_(part)).values(expires_at_ms=None))

    def forget(self, runs: Sequence[RunKey]) -> list[RunKey]:
        keys = {run.run: run for run in runs}
        return [
            keys[row.run_id]
            for part in chunks(sorted(keys))
            for row in self._session.execute(
                heartbeats.delete()
                .where(heartbeats.c.run_id.in_(part))
                .returning(heartbeats.c.run_id, heartbeats.c.expires_at_ms)
            ).all()
            if row.expires_at_ms is None
        ]
