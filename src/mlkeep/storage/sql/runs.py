"""Runs: their info, hydration and search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table, bindparam, select

from mlkeep.core.entities import (
    LifecycleStage,
    LoggedModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    ViewType,
)
from mlkeep.core.errors import AlreadyExists, InvalidInput, MlkeepException, NotFound
from mlkeep.core.filters.ast import Comparison, Entity
from mlkeep.core.ids import experiment_key
from mlkeep.core.projection import WHOLE_RUN, Keys, RunFields
from mlkeep.storage.contract import FoundRun, NewRun, Page, RunKey, Search
from mlkeep.storage.sql.dialect import FindRows, Prepared, insert
from mlkeep.storage.sql.experiments import LIFECYCLE_NUMBERS, LIFECYCLES, in_view
from mlkeep.storage.sql.inputs import SqlInputs
from mlkeep.storage.sql.metrics import SqlMetrics
from mlkeep.storage.sql.schema import (
    ACTIVE,
    Text,
    datasets,
    experiments,
    keys,
    latest_metrics,
    params,
    run_datasets,
    run_models,
    run_tags,
    runs,
)
from mlkeep.storage.sql.search import Children, Searchable, among, compare, page_of
from mlkeep.storage.sql.session import AnyRow, Session, chunks

_FIND = Prepared(select(runs.c.id, runs.c.experiment_id, runs.c.lifecycle).where(runs.c.run_id == bindparam("run_id")))

_FIND_MANY = FindRows([runs.c.run_id, runs.c.id, runs.c.experiment_id, runs.c.lifecycle], {"run_id": runs.c.run_id})

_STATUS_TEXT = sa.cast(sa.case({status.value: status.name for status in RunStatus}, value=runs.c.status), Text)


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
        return RunKey(int(number), experiment)

    def key(self, run_id: str) -> RunKey:
        return self._find(run_id)[0]

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
        if end_time is not None:
            values["end_ms"] = end_time
        if name is not None:
            values["name"] = name
        if values:
            self._session.execute(runs.update().where(runs.c.id == key.run).values(**values))

    def set_lifecycle(self, run_id: str, stage: str, now_ms: int) -> None:
        number = LIFECYCLE_NUMBERS[stage]
        deleted_ms = None if stage == LifecycleStage.ACTIVE else now_ms
        self._session.execute(
            runs.update()
            .where(runs.c.id == self.key(run_id).run, runs.c.lifecycle != number)
            .values(lifecycle=number, deleted_ms=deleted_ms)
        )

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
        conditions = [_of_experiments(experiment_ids), *in_view(runs.c.lifecycle, view)]
        found = page_of(self._session.connection, _searchable(self._session), list(runs.c), runs, conditions, search)
        return Page(self._hydrated(found.rows, fields), found.token, found.total)

    def _find(self, run_id: str) -> tuple[RunKey, int]:
        row = self._session.first(_FIND, {"run_id": run_id})
        if row is None:
            raise _missing(run_id)
        return RunKey(row[0], row[1]), row[2]

    def _row(self, run_id: str) -> AnyRow:
        row = self._session.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
        if row is None:
            raise _missing(run_id)
        return row

    def _hydrated(self, rows: Sequence[AnyRow], fields: RunFields = WHOLE_RUN) -> list[FoundRun]:
        """Runs with what is asked for, by one query a child table."""
        found = [row.id for row in rows]
        latest = SqlMetrics(self._session).latest(found, self._numbers(fields.metrics))
        texts = {
            table: self._texts(table, found, self._numbers(wanted))
            for table, wanted in ((params, fields.params), (run_tags, fields.tags))
        }
        inputs = SqlInputs(self._session).of_runs(found) if fields.inputs else {}
        outputs = self._outputs(found) if fields.outputs else {}
        return [
            FoundRun(
                Run(
                    _info(row),
                    RunData(
                        {point.key: point.value for point in latest[row.id]},
                        texts[params][row.id],
                        texts[run_tags][row.id],
                    ),
                    inputs.get(row.id, RunInputs()),
                    RunOutputs(outputs.get(row.id, [])),
                ),
                latest[row.id],
            )
            for row in rows
        ]

    def _numbers(self, wanted: Keys) -> list[int] | None:
        """The numbers of the keys that are wanted, None for all."""
        if wanted.names is None:
            return None
        numbers = (self._session.key_number(name) for name in sorted(wanted.names))
        return [number for number in numbers if number is not None]

    def _texts(self, table: Table, run_keys: Sequence[int], numbers: list[int] | None) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = {run: {} for run in run_keys}
        if numbers == []:
            return found
        wanted = [] if numbers is None else [among(table.c.key_id, numbers)]
        for part in chunks(run_keys):
            for run, name, value in self._session.execute(
                select(table.c.run_id, keys.c.name, table.c.value)
                .join_from(table, keys, keys.c.id == table.c.key_id)
                .where(table.c.run_id.in_(part), *wanted)
                .order_by(table.c.run_id, table.c.key_id)
            ):
                found[run][name] = value
        return found

    def _outputs(self, run_keys: Sequence[int]) -> dict[int, list[LoggedModelOutput]]:
        found: dict[int, list[LoggedModelOutput]] = {run: [] for run in run_keys}
        columns = run_models.c
        for part in chunks(run_keys):
            for run, model_id, step in self._session.execute(
                select(columns.run_id, columns.model_id, columns.step)
                .where(columns.run_id.in_(part), columns.is_output == 1)
                .order_by(columns.run_id, columns.step, columns.model_id)
            ):
                found[run].append(LoggedModelOutput(model_id, step))
        return found


def _missing(run_id: str) -> NotFound:
    return NotFound(f"Run with id={run_id} not found.")


def _active(run_id: str, run: int, experiment: int, lifecycle: int) -> RunKey | MlkeepException:
    """The key of a run, or why nothing can be logged to it."""
    if lifecycle == ACTIVE:
        return RunKey(run, experiment)
    return InvalidInput(f"The run {run_id} must be in the 'active' state. Current state is deleted: restore it first.")


def _of_experiments(experiment_ids: Sequence[str] | None) -> sa.ColumnElement[bool]:
    if experiment_ids is None:
        return runs.c.experiment_id.in_(select(experiments.c.id).where(experiments.c.lifecycle == ACTIVE))
    return among(runs.c.experiment_id, sorted({experiment_key(experiment_id) for experiment_id in experiment_ids}))


def _info(row: AnyRow) -> RunInfo:
    return RunInfo(
        run_id=row.run_id,
        experiment_id=str(row.experiment_id),
        run_name=row.name,
        user_id=row.user_id,
        status=RunStatus(row.status).name,
        start_time=row.start_ms,
        end_time=row.end_ms,
        lifecycle_stage=LIFECYCLES[row.lifecycle],
        artifact_uri=row.artifact_uri,
        artifact_bytes=row.artifact_bytes,
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
            Entity.METRIC: Children(latest_metrics, "run_id", has_key),
            Entity.PARAM: Children(params, "run_id", has_key, indexed=True),
            Entity.TAG: Children(run_tags, "run_id", has_key, indexed=True),
        },
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
