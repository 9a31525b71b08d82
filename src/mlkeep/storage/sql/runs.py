"""Runs: their info, hydration and search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam, select

from mlkeep.core.entities import (
    LifecycleStage,
    LoggedModelOutput,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    ViewType,
)
from mlkeep.core.errors import AlreadyExists, InvalidInput, MlkeepException, NotFound
from mlkeep.core.filters.ast import Comparison, Entity
from mlkeep.core.found import FoundRun
from mlkeep.core.ids import experiment_key
from mlkeep.core.projection import WHOLE_RUN, Keys, RunFields
from mlkeep.storage.contract import NewRun, Page, RunKey, Search
from mlkeep.storage.sql.dialect import FindRows, Prepared, insert
from mlkeep.storage.sql.experiments import LIFECYCLE_NUMBERS, LIFECYCLES
from mlkeep.storage.sql.inputs import SqlInputs
from mlkeep.storage.sql.schema import (
    ACTIVE,
    COUNTERS_OF_RUNS,
    DELETED,
    Text,
    datasets,
    latest_metrics,
    params,
    run_datasets,
    run_models,
    run_tags,
    runs,
)
from mlkeep.storage.sql.searching.run_search import page_of_runs
from mlkeep.storage.sql.searching.search import Children, Searchable, compare
from mlkeep.storage.sql.searching.values import latest_points, listed, texts
from mlkeep.storage.sql.session import AnyRow, Session, chunks

_FIND = Prepared(select(runs.c.id, runs.c.experiment_id, runs.c.lifecycle).where(runs.c.run_id == bindparam("run_id")))

_FIND_MANY = FindRows([runs.c.run_id, runs.c.id, runs.c.experiment_id, runs.c.lifecycle], {"run_id": runs.c.run_id})

_OUTPUTS_OF = """
    SELECT run_id, model_id, step FROM run_models WHERE run_id IN ({runs}) AND is_output = 1
    ORDER BY run_id, step, model_id
"""

_STATUS_NAMES = {status.value: status.name for status in RunStatus}
_STATUS_TEXT = sa.cast(sa.case(_STATUS_NAMES, value=runs.c.status), Text)


class SqlRuns:
    """See `contract.RunStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: NewRun) -> RunKey:
        experiment = experiment_key(new.experiment_id)
        number = self._session.execute(
            insert(runs)
            .values(
                run_id=new.run_id,
                experiment_id=experiment,
                name=new.name,
                user_id=new.user_id,
                status=RunStatus.RUNNING.value,
                start_ms=new.start_time,
                lifecycle=ACTIVE,
                artifact_uri=new.artifact_uri,
            )
            .on_conflict_do_nothing(index_elements=["run_id"])
            .returning(runs.c.id)
        ).scalar_one_or_none()
        if number is None:
            raise AlreadyExists(f"Run '{new.run_id}' already exists.")
        self._session.count(experiment, COUNTERS_OF_RUNS[ACTIVE, RunStatus.RUNNING], 1)
        return RunKey(int(number), experiment)

    def key(self, run_id: str) -> RunKey:
        key = self.find_key(run_id)
        if key is None:
            raise _missing(run_id)
        return key

    def find_key(self, run_id: str) -> RunKey | None:
        found = self._session.first(_FIND, {"run_id": run_id})
        return None if found is None else RunKey(found[0], found[1])

    def started(self, run_ids: Sequence[str]) -> dict[str, tuple[RunKey, int]]:
        columns = runs.c
        return {
            row.run_id: (RunKey(row.id, row.experiment_id), row.start_ms)
            for part in chunks(sorted(set(run_ids)))
            for row in self._session.execute(
                select(columns.run_id, columns.id, columns.experiment_id, columns.start_ms).where(
                    columns.run_id.in_(part)
                )
            )
        }

    def active_key(self, run_id: str) -> RunKey:
        key = self.active_keys([run_id])[run_id]
        if isinstance(key, MlkeepException):
            raise key
        return key

    def active_keys(self, run_ids: Collection[str]) -> dict[str, RunKey | MlkeepException]:
        if len(run_ids) == 1:
            (run_id,) = run_ids
            row = self._session.first(_FIND, {"run_id": run_id})
            return {run_id: _missing(run_id) if row is None else _active(run_id, *row)}
        rows = self._session.find(_FIND_MANY, {"run_id": list(run_ids)})
        found: dict[str, RunKey | MlkeepException] = {row[0]: _active(*row) for row in rows}
        return {run_id: found.get(run_id) or _missing(run_id) for run_id in run_ids}

    def get_info(self, run_id: str) -> RunInfo:
        return _info(self._row(run_id))

    def get(self, run_id: str) -> FoundRun:
        return self._hydrated([self._row(run_id)])[0]

    def update(
        self, key: RunKey, *, status: str | None = None, end_time: int | None = None, name: str | None = None
    ) -> None:
        values: dict[str, Any] = {}
        if status is not None:
            values["status"] = RunStatus[status].value
            self._count_change(key, RunStatus[status])
        if end_time is not None:
            values["end_ms"] = end_time
        if name is not None:
            values["name"] = name
        if values:
            self._session.execute(runs.update().where(runs.c.id == key.run).values(**values))

    def set_lifecycle(self, run_id: str, stage: str, now_ms: int) -> None:
        number = LIFECYCLE_NUMBERS[stage]
        deleted_ms = None if stage == LifecycleStage.ACTIVE else now_ms
        key = self.key(run_id)
        status = self._session.execute(
            runs.update()
            .where(runs.c.id == key.run, runs.c.lifecycle != number)
            .values(lifecycle=number, deleted_ms=deleted_ms)
            .returning(runs.c.status)
        ).scalar_one_or_none()
        if status is not None:
            self._session.count(key.experiment, COUNTERS_OF_RUNS[number, status], 1)
            self._session.count(key.experiment, COUNTERS_OF_RUNS[ACTIVE + DELETED - number, status], -1)

    def add_outputs(self, key: RunKey, models: Sequence[LoggedModelOutput]) -> None:
        for model in models:
            self._session.execute(
                insert(run_models)
                .values(run_id=key.run, is_output=1, model_id=model.model_id, step=model.step)
                .on_conflict_do_nothing()
            )

    def search(
        self, search: Search, experiment_ids: Sequence[str] | None, view: ViewType, fields: RunFields = WHOLE_RUN
    ) -> Page:
        named = None if experiment_ids is None else [experiment_key(experiment_id) for experiment_id in experiment_ids]
        found = page_of_runs(self._session, _searchable(self._session), search, named, view)
        return Page(self._hydrated(found.rows, fields), found.token, found.total)

    def _count_change(self, key: RunKey, status: RunStatus) -> None:
        """Count a run that changes its status. The row is locked: what is read of it must still be true when it changes."""
        lifecycle, before = self._session.execute(
            select(runs.c.lifecycle, runs.c.status).where(runs.c.id == key.run).with_for_update()
        ).one()
        self._session.count(key.experiment, COUNTERS_OF_RUNS[lifecycle, before], -1)
        self._session.count(key.experiment, COUNTERS_OF_RUNS[lifecycle, status], 1)

    def _row(self, run_id: str) -> AnyRow:
        row = self._session.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
        if row is None:
            raise _missing(run_id)
        return row

    def _hydrated(self, rows: Sequence[AnyRow], fields: RunFields = WHOLE_RUN) -> list[FoundRun]:
        """Runs with what is asked for, by one query a child table."""
        found = [row[0] for row in rows]
        metrics = latest_points(self._session, found, self._numbers(fields.metrics))
        values = texts(self._session, params, found, self._numbers(fields.params))
        labels = texts(self._session, run_tags, found, self._numbers(fields.tags))
        inputs = SqlInputs(self._session).of_runs(found) if fields.inputs else {}
        outputs = self._outputs(found) if fields.outputs else {}
        return [
            FoundRun(
                _info(row),
                metrics[run],
                values[run],
                labels[run],
                inputs.get(run, RunInputs()),
                RunOutputs(outputs.get(run, [])),
            )
            for run, row in zip(found, rows, strict=True)
        ]

    def _numbers(self, wanted: Keys) -> list[int] | None:
        """The numbers of the keys that are wanted, None for all."""
        if wanted.names is None:
            return None
        numbers = (self._session.key_number(name) for name in sorted(wanted.names))
        return [number for number in numbers if number is not None]

    def _outputs(self, run_keys: Sequence[int]) -> dict[int, list[LoggedModelOutput]]:
        found: dict[int, list[LoggedModelOutput]] = {run: [] for run in run_keys}
        for part in chunks(run_keys):
            rows = self._session.cursor.execute(_OUTPUTS_OF.format(runs=listed(part))).fetchall()
            for run, model_id, step in rows:
                found[run].append(LoggedModelOutput(model_id, step))
        return found


def _missing(run_id: str) -> NotFound:
    return NotFound(f"Run with id={run_id} not found.")


def _active(run_id: str, run: int, experiment: int, lifecycle: int) -> RunKey | MlkeepException:
    """The key of a run, or why nothing can be logged to it."""
    if lifecycle == ACTIVE:
        return RunKey(run, experiment)
    return InvalidInput(f"The run {run_id} must be in the 'active' state. Current state is deleted: restore it first.")


def _info(row: AnyRow) -> RunInfo:
    """Rows are taken apart by position, as there may be many: they begin with the columns of `runs`."""
    _, run_id, experiment, name, user_id, status, start_ms, end_ms, lifecycle, _, uri, size, *_ = row
    return RunInfo(
        run_id=run_id,
        experiment_id=str(experiment),
        run_name=name,
        user_id=user_id,
        status=_STATUS_NAMES[status],
        start_time=start_ms,
        end_time=end_ms,
        lifecycle_stage=LIFECYCLES[lifecycle],
        artifact_uri=uri,
        artifact_bytes=size,
    )


def _searchable(session: Session) -> Searchable:
    def has_key(table: sa.FromClause, key: str) -> sa.ColumnElement[bool] | None:
        number = session.key_number(key)
        return None if number is None else table.c.key_id == number

    return Searchable(
        id=runs.c.id,
        attributes={
            "run_id": runs.c.run_id,
            "run_name": runs.c.name,
            "status": _STATUS_TEXT,
            "artifact_uri": runs.c.artifact_uri,
            "user_id": runs.c.user_id,
            "start_time": runs.c.start_ms,
            "end_time": runs.c.end_ms,
            "artifact_bytes": runs.c.artifact_bytes,
        },
        children={
            Entity.METRIC: Children(latest_metrics, "run_id", has_key, looked_up=True),
            Entity.PARAM: Children(params, "run_id", has_key, looked_up=True),
            Entity.TAG: Children(run_tags, "run_id", has_key, looked_up=True),
        },
        numbers={"status": (runs.c.status, {status.name: status.value for status in RunStatus})},
        nullable=frozenset({"end_time"}),
        datasets=_uses_dataset,
    )


def _uses_dataset(clause: Comparison) -> sa.ColumnElement[bool]:
    column = run_datasets.c.context if clause.field.key == "context" else datasets.c[clause.field.key]
    return runs.c.id.in_(
        select(run_datasets.c.run_id)
        .join_from(run_datasets, datasets, datasets.c.id == run_datasets.c.dataset_id)
        .where(compare(column, clause.op, clause.value))
    )
