"""Experiments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from mlkeep.core.entities import Experiment, ExperimentCounts, LifecycleStage, ViewType
from mlkeep.core.errors import AlreadyExists, InvalidInput, NotFound
from mlkeep.core.filters.ast import Entity
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID, DEFAULT_EXPERIMENT_NAME, experiment_key
from mlkeep.storage.contract import Page, Search
from mlkeep.storage.sql.counters import artifact_bytes_of_experiments, counts_of
from mlkeep.storage.sql.dialect import insert
from mlkeep.storage.sql.schema import ACTIVE, COUNTERS_OF_RUNS, DELETED, Text, experiment_tags, experiments, runs
from mlkeep.storage.sql.searching.search import Children, Searchable, page_of
from mlkeep.storage.sql.session import AnyRow, Session, chunks

LIFECYCLES = {ACTIVE: LifecycleStage.ACTIVE, DELETED: LifecycleStage.DELETED}
LIFECYCLE_NUMBERS = {stage: number for number, stage in LIFECYCLES.items()}

_ARTIFACT_BYTES = artifact_bytes_of_experiments()
_COLUMNS = [*experiments.c, _ARTIFACT_BYTES.label("artifact_bytes")]

_SEARCHABLE = Searchable(
    id=experiments.c.id,
    attributes={
        "name": experiments.c.name,
        "experiment_id": sa.cast(experiments.c.id, Text),
        "creation_time": experiments.c.created_ms,
        "last_update_time": experiments.c.updated_ms,
        "artifact_bytes": _ARTIFACT_BYTES,
    },
    children={
        Entity.TAG: Children(experiment_tags, "experiment_id", lambda table, key: table.c.key == key),
    },
    sorts={"experiment_id": experiments.c.id},
)


def in_view(column: sa.ColumnElement[int], view: ViewType) -> list[sa.ColumnElement[bool]]:
    """The condition that a lifecycle column is in view; none for all."""
    if view is ViewType.ALL:
        return []
    return [column == (ACTIVE if view is ViewType.ACTIVE_ONLY else DELETED)]


class SqlExperiments:
    """See `contract.ExperimentStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, artifact_location: str, tags: Mapping[str, str], now_ms: int) -> str:
        self._refuse_taken(name)
        key = self._session.execute(
            experiments.insert()
            .values(
                name=name,
                artifact_location=artifact_location,
                lifecycle=ACTIVE,
                created_ms=now_ms,
                updated_ms=now_ms,
            )
            .returning(experiments.c.id)
        ).scalar_one()
        for tag, value in tags.items():
            self.put_tag(str(key), tag, value)
        return str(key)

    def add_default(self, artifact_location: str, now_ms: int) -> None:
        self._session.execute(
            insert(experiments)
            .values(
                id=experiment_key(DEFAULT_EXPERIMENT_ID),
                name=DEFAULT_EXPERIMENT_NAME,
                artifact_location=artifact_location,
                lifecycle=ACTIVE,
                created_ms=now_ms,
                updated_ms=now_ms,
            )
            .on_conflict_do_nothing()
        )

    def get(self, experiment_id: str) -> Experiment:
        rows = self._session.execute(
            select(*_COLUMNS).where(experiments.c.id == experiment_key(experiment_id))
        ).fetchall()
        if not rows:
            raise NotFound(f"No experiment has the id '{experiment_id}'.")
        return self._entities(rows)[0]

    def find_by_name(self, name: str) -> Experiment | None:
        rows = self._session.execute(select(*_COLUMNS).where(experiments.c.name == name)).fetchall()
        return self._entities(rows)[0] if rows else None

    def get_active(self, experiment_id: str) -> Experiment:
        experiment = self.get(experiment_id)
        if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
            raise InvalidInput(
                f"The experiment {experiment_id} must be in the 'active' state. Current state is "
                f"{experiment.lifecycle_stage}: restore it first."
            )
        return experiment

    def rename(self, experiment_id: str, name: str, now_ms: int) -> None:
        taken = self.find_by_name(name)
        if taken is not None and taken.experiment_id != experiment_id:
            self._refuse_taken(name)
        self._update(experiment_id, name=name, updated_ms=now_ms)

    def set_artifact_location(self, experiment_id: str, artifact_location: str) -> None:
        self._update(experiment_id, artifact_location=artifact_location)

    def set_lifecycle(self, experiment_id: str, stage: str, now_ms: int) -> None:
        number = LIFECYCLE_NUMBERS[stage]
        self._update(experiment_id, lifecycle=number, updated_ms=now_ms)
        key = experiment_key(experiment_id)
        moved = self._session.execute(
            runs.update()
            .where(runs.c.experiment_id == key, runs.c.lifecycle != number)
            .values(lifecycle=number, deleted_ms=now_ms if number == DELETED else None)
            .returning(runs.c.status)
        )
        for status, count in Counter(moved.scalars()).items():
            self._session.count(key, COUNTERS_OF_RUNS[number, status], count)
            self._session.count(key, COUNTERS_OF_RUNS[ACTIVE + DELETED - number, status], -count)

    def put_tag(self, experiment_id: str, key: str, value: str) -> None:
        statement = insert(experiment_tags).values(experiment_id=experiment_key(experiment_id), key=key, value=value)
        self._session.execute(
            statement.on_conflict_do_update(index_elements=["experiment_id", "key"], set_={"value": value})
        )

    def delete_tag(self, experiment_id: str, key: str) -> bool:
        result = self._session.execute(
            experiment_tags.delete().where(
                experiment_tags.c.experiment_id == experiment_key(experiment_id), experiment_tags.c.key == key
            )
        )
        return result.rowcount > 0

    def counts(self, experiment_id: str) -> ExperimentCounts:
        self.get(experiment_id)
        return counts_of(self._session, experiment_key(experiment_id))

    def search(self, search: Search, view: ViewType) -> Page:
        found = page_of(
            self._session.connection,
            _SEARCHABLE,
            _COLUMNS,
            experiments,
            in_view(experiments.c.lifecycle, view),
            search,
        )
        return Page(self._entities(found.rows), found.token, found.total)

    def _refuse_taken(self, name: str) -> None:
        taken = self.find_by_name(name)
        if taken is None:
            return
        state = (
            ""
            if taken.lifecycle_stage == LifecycleStage.ACTIVE
            else " in deleted state; restore it, or delete it for good"
        )
        raise AlreadyExists(f"Experiment '{name}' already exists{state}.")

    def _update(self, experiment_id: str, **values: Any) -> None:
        self._session.execute(
            experiments.update().where(experiments.c.id == experiment_key(experiment_id)).values(**values)
        )

    def _entities(self, rows: Sequence[AnyRow]) -> list[Experiment]:
        tags: dict[int, dict[str, str]] = {row.id: {} for row in rows}
        for part in chunks(list(tags)):
            for owner, key, value in self._session.execute(
                select(experiment_tags)
                .where(experiment_tags.c.experiment_id.in_(part))
                .order_by(experiment_tags.c.experiment_id, experiment_tags.c.key)
            ):
                tags[owner][key] = value
        return [
            Experiment(
                experiment_id=str(row.id),
                name=row.name,
                artifact_location=row.artifact_location,
                lifecycle_stage=LIFECYCLES[row.lifecycle],
                tags=tags[row.id],
                creation_time=row.created_ms,
                last_update_time=row.updated_ms,
                workspace=row.workspace,
                artifact_bytes=row.artifact_bytes,
            )
            for row in rows
        ]
