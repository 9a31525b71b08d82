"""Evaluation datasets and their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from mlkeep.core.errors import NotFound
from mlkeep.core.evaluation import EvaluationDataset, EvaluationRecord, RecordContent
from mlkeep.core.filters.ast import Entity
from mlkeep.core.ids import experiment_key
from mlkeep.storage.contract import Page, Search
from mlkeep.storage.sql.dialect import InsertRows, insert
from mlkeep.storage.sql.schema import (
    evaluation_dataset_experiments,
    evaluation_dataset_tags,
    evaluation_datasets,
    evaluation_records,
)
from mlkeep.storage.sql.searching.search import Children, Searchable, among, page_of
from mlkeep.storage.sql.session import AnyRow, Session, chunks
from mlkeep.storage.sql.tokens import place_of, refused, token_of

_SEARCHABLE = Searchable(
    id=evaluation_datasets.c.id,
    attributes={
        "dataset_id": evaluation_datasets.c.dataset_id,
        "name": evaluation_datasets.c.name,
        "created_by": evaluation_datasets.c.created_by,
        "last_updated_by": evaluation_datasets.c.updated_by,
        "created_time": evaluation_datasets.c.created_ms,
        "last_update_time": evaluation_datasets.c.updated_ms,
    },
    children={Entity.TAG: Children(evaluation_dataset_tags, "dataset_id", lambda table, key: table.c.key == key)},
)

_CONTENT = ("inputs", "outputs", "expectations", "tags", "source", "source_type", "source_id")
_CHANGING = (*_CONTENT, "updated_by", "updated_ms")

_PUT_RECORDS = InsertRows(
    evaluation_records,
    ["record_id", "dataset_id", "input_hash", "created_by", "created_ms", *_CHANGING],
    lambda insert: insert.on_conflict_do_update(
        index_elements=["dataset_id", "input_hash"], set_={name: insert.excluded[name] for name in _CHANGING}
    ),
)


class SqlEvaluationDatasets:
    """See `contract.EvaluationDatasetStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: EvaluationDataset) -> None:
        key = self._session.execute(
            evaluation_datasets.insert()
            .values(
                dataset_id=new.dataset_id,
                name=new.name,
                digest=new.digest,
                created_by=new.created_by,
                updated_by=new.last_updated_by,
                created_ms=new.created_time,
                updated_ms=new.last_update_time,
            )
            .returning(evaluation_datasets.c.id)
        ).scalar_one()
        self._put_tags(key, new.tags)
        self._link(key, new.experiment_ids)

    def get(self, dataset_id: str) -> EvaluationDataset:
        return self._entities([self._row(dataset_id)])[0]

    def delete(self, dataset_id: str) -> bool:
        result = self._session.execute(
            evaluation_datasets.delete().where(evaluation_datasets.c.dataset_id == dataset_id)
        )
        return result.rowcount > 0

    def put_tags(self, dataset_id: str, tags: Mapping[str, str]) -> None:
        self._put_tags(self._row(dataset_id).id, tags)

    def delete_tag(self, dataset_id: str, key: str) -> None:
        table = evaluation_dataset_tags
        owner = self._row(dataset_id).id
        self._session.execute(table.delete().where(table.c.dataset_id == owner, table.c.key == key))

    def link(self, dataset_id: str, experiment_ids: Sequence[str], now_ms: int) -> None:
        key = self._row(dataset_id).id
        self._link(key, experiment_ids)
        self._update(key, updated_ms=now_ms)

    def unlink(self, dataset_id: str, experiment_ids: Sequence[str], now_ms: int) -> None:
        key, table = self._row(dataset_id).id, evaluation_dataset_experiments
        experiments = [experiment_key(experiment_id) for experiment_id in experiment_ids]
        self._session.execute(
            table.delete().where(table.c.dataset_id == key, among(table.c.experiment_id, experiments))
        )
        self._update(key, updated_ms=now_ms)

    def search(self, search: Search, experiment_ids: Sequence[str]) -> Page:
        conditions: list[sa.ColumnElement[bool]] = []
        if experiment_ids:
            table = evaluation_dataset_experiments
            experiments = sorted({experiment_key(experiment_id) for experiment_id in experiment_ids})
            linked = select(table.c.dataset_id).where(among(table.c.experiment_id, experiments))
            conditions.append(evaluation_datasets.c.id.in_(linked))
        found = page_of(
            self._session.connection,
            _SEARCHABLE,
            list(evaluation_datasets.c),
            evaluation_datasets,
            conditions,
            search,
        )
        return Page(self._entities(found.rows), found.token)

    def find_records(self, dataset_id: str, input_hashes: Sequence[str]) -> dict[str, EvaluationRecord]:
        key, columns = self._row(dataset_id).id, evaluation_records.c
        found: dict[str, EvaluationRecord] = {}
        for part in chunks(input_hashes):
            for row in self._session.execute(
                select(evaluation_records).where(columns.dataset_id == key, columns.input_hash.in_(part))
            ):
                found[row.input_hash] = _record(row, dataset_id)
        return found

    def put_records(self, dataset_id: str, records: Sequence[EvaluationRecord]) -> None:
        key = self._row(dataset_id).id
        self._session.insert(
            _PUT_RECORDS,
            [
                {
                    "record_id": record.dataset_record_id,
                    "dataset_id": key,
                    "input_hash": record.content.input_hash,
                    "created_by": record.created_by,
                    "created_ms": record.created_time,
                    "updated_by": record.last_updated_by,
                    "updated_ms": record.last_update_time,
                    **{name: getattr(record.content, name) for name in _CONTENT},
                }
                for record in records
            ],
        )

    def records(self, dataset_id: str, limit: int, token: str | None) -> Page:
        columns = evaluation_records.c
        statement = select(evaluation_records).where(columns.dataset_id == self._row(dataset_id).id)
        if token:
            statement = statement.where(columns.id > _position(token))
        rows = self._session.execute(statement.order_by(columns.id).limit(limit + 1)).fetchall()
        further = token_of(["record", rows[limit - 1].id]) if len(rows) > limit else None
        return Page([_record(row, dataset_id) for row in rows[:limit]], further)

    def count_records(self, dataset_id: str) -> int:
        columns = evaluation_records.c
        count: int = self._session.execute(
            select(sa.func.count()).where(columns.dataset_id == self._row(dataset_id).id)
        ).scalar_one()
        return count

    def delete_records(self, dataset_id: str, record_ids: Sequence[str]) -> int:
        key, columns = self._row(dataset_id).id, evaluation_records.c
        return sum(
            self._session.execute(
                evaluation_records.delete().where(columns.dataset_id == key, columns.record_id.in_(part))
            ).rowcount
            for part in chunks(sorted(set(record_ids)))
        )

    def describe(
        self, dataset_id: str, *, digest: str, schema: str | None, profile: str | None, user: str | None, now_ms: int
    ) -> None:
        row = self._row(dataset_id)
        self._update(
            row.id,
            digest=digest,
            schema=schema,
            profile=profile,
            updated_by=user or row.updated_by,
            updated_ms=now_ms,
        )

    def _row(self, dataset_id: str) -> AnyRow:
        row = self._session.execute(
            select(evaluation_datasets).where(evaluation_datasets.c.dataset_id == dataset_id)
        ).one_or_none()
        if row is None:
            raise NotFound(f"Evaluation dataset with id '{dataset_id}' not found.")
        return row

    def _update(self, key: int, **values: Any) -> None:
        table = evaluation_datasets
        self._session.execute(table.update().where(table.c.id == key).values(**values))

    def _put_tags(self, key: int, tags: Mapping[str, str]) -> None:
        for name, value in tags.items():
            self._session.execute(
                insert(evaluation_dataset_tags)
                .values(dataset_id=key, key=name, value=value)
                .on_conflict_do_update(index_elements=["dataset_id", "key"], set_={"value": value})
            )

    def _link(self, key: int, experiment_ids: Sequence[str]) -> None:
        for experiment_id in experiment_ids:
            self._session.execute(
                insert(evaluation_dataset_experiments)
                .values(dataset_id=key, experiment_id=experiment_key(experiment_id))
                .on_conflict_do_nothing()
            )

    def _entities(self, rows: Sequence[AnyRow]) -> list[EvaluationDataset]:
        tags: dict[int, dict[str, str]] = {row.id: {} for row in rows}
        linked: dict[int, list[str]] = {row.id: [] for row in rows}
        tag, link = evaluation_dataset_tags.c, evaluation_dataset_experiments.c
        for part in chunks(list(tags)):
            for owner, key, value in self._session.execute(
                select(tag.dataset_id, tag.key, tag.value).where(tag.dataset_id.in_(part)).order_by(tag.key)
            ):
                tags[owner][key] = value
            for owner, experiment in self._session.execute(
                select(link.dataset_id, link.experiment_id)
                .where(link.dataset_id.in_(part))
                .order_by(link.experiment_id)
            ):
                linked[owner].append(str(experiment))
        return [
            EvaluationDataset(
                dataset_id=row.dataset_id,
                name=row.name,
                digest=row.digest,
                created_time=row.created_ms,
                last_update_time=row.updated_ms,
                tags=tags[row.id],
                schema=row.schema,
                profile=row.profile,
                created_by=row.created_by,
                last_updated_by=row.updated_by,
                experiment_ids=linked[row.id],
            )
            for row in rows
        ]


def _record(row: AnyRow, dataset_id: str) -> EvaluationRecord:
    return EvaluationRecord(
        dataset_record_id=row.record_id,
        dataset_id=dataset_id,
        content=RecordContent(**{name: getattr(row, name) for name in _CONTENT}),
        created_time=row.created_ms,
        last_update_time=row.updated_ms,
        created_by=row.created_by,
        last_updated_by=row.updated_by,
    )


def _position(token: str) -> int:
    match place_of(token):
        case ["record", int(key)]:
            return key
        case _:
            raise refused(token)
