"""Models as they were logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table, select

from mlkeep.core.entities import LoggedModel, LoggedModelStatus, Metric
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.filters.ast import Entity, OnDataset, OrderTerm
from mlkeep.core.ids import experiment_key
from mlkeep.storage.contract import NewLoggedModel, Page, Search
from mlkeep.storage.sql.dialect import insert
from mlkeep.storage.sql.schema import (
    ACTIVE,
    DELETED,
    Text,
    keys,
    logged_model_params,
    logged_model_tags,
    logged_models,
    metric_tail,
    runs,
)
from mlkeep.storage.sql.searching.search import Children, Searchable, among, page_of
from mlkeep.storage.sql.series.rows import read_value
from mlkeep.storage.sql.session import AnyRow, Session, chunks


class SqlLoggedModels:
    """See `contract.LoggedModelStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: NewLoggedModel) -> None:
        key = self._session.execute(
            logged_models.insert()
            .values(
                model_id=new.model_id,
                experiment_id=experiment_key(new.experiment_id),
                name=new.name,
                model_type=new.model_type,
                source_run_id=new.source_run_id,
                artifact_uri=new.artifact_uri,
                status=LoggedModelStatus.PENDING.number,
                status_message="",
                lifecycle=ACTIVE,
                created_ms=new.now_ms,
                updated_ms=new.now_ms,
            )
            .returning(logged_models.c.id)
        ).scalar_one()
        for table, texts in ((logged_model_params, new.params), (logged_model_tags, new.tags)):
            for name, value in texts.items():
                self._session.execute(table.insert().values(model_id=key, key=name, value=value))

    def get(self, model_id: str, *, with_deleted: bool = False) -> LoggedModel:
        row = self._row(model_id)
        if row.lifecycle != ACTIVE and not with_deleted:
            raise _missing(model_id)
        return self._entities([row])[0]

    def set_status(self, model_id: str, status: LoggedModelStatus, now_ms: int) -> None:
        self._update(model_id, status=status.number, updated_ms=now_ms)

    def delete(self, model_id: str, now_ms: int) -> None:
        self._update(model_id, lifecycle=DELETED, updated_ms=now_ms)

    def put_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        key = self._row(model_id).id
        for name, value in tags.items():
            self._session.execute(
                insert(logged_model_tags)
                .values(model_id=key, key=name, value=value)
                .on_conflict_do_update(index_elements=["model_id", "key"], set_={"value": value})
            )

    def delete_tag(self, model_id: str, key: str) -> bool:
        table = logged_model_tags
        result = self._session.execute(
            table.delete().where(table.c.model_id == self._row(model_id).id, table.c.key == key)
        )
        return result.rowcount > 0

    def add_params(self, model_id: str, params: Mapping[str, str]) -> None:
        key = self._row(model_id).id
        known = self._texts(logged_model_params, [key])[key]
        for name, value in params.items():
            if name in known:
                raise InvalidInput(
                    f"Param '{name}' of the logged model {model_id} is already set to '{known[name]}': params of a "
                    "model are set once."
                )
            self._session.execute(logged_model_params.insert().values(model_id=key, key=name, value=value))

    def search(self, search: Search, experiment_ids: Sequence[str], datasets: Sequence[OnDataset] = ()) -> Page:
        experiments = sorted({experiment_key(experiment_id) for experiment_id in experiment_ids})
        conditions = [among(logged_models.c.experiment_id, experiments), logged_models.c.lifecycle == ACTIVE]
        points = _points_on(datasets)
        if datasets:
            conditions.append(logged_models.c.id.in_(select(points.c.model_id)))
        found = page_of(
            self._session.connection,
            _searchable(self._session, points),
            list(logged_models.c),
            logged_models,
            conditions,
            search,
        )
        return Page(self._entities(found.rows), found.token, found.total)

    def _row(self, model_id: str) -> AnyRow:
        row = self._session.execute(select(logged_models).where(logged_models.c.model_id == model_id)).one_or_none()
        if row is None:
            raise _missing(model_id)
        return row

    def _update(self, model_id: str, **values: Any) -> None:
        key = self._row(model_id).id
        self._session.execute(logged_models.update().where(logged_models.c.id == key).values(**values))

    def _entities(self, rows: Sequence[AnyRow]) -> list[LoggedModel]:
        found = [row.id for row in rows]
        params = self._texts(logged_model_params, found)
        tags = self._texts(logged_model_tags, found)
        metrics = self._metrics(found)
        return [
            LoggedModel(
                model_id=row.model_id,
                experiment_id=str(row.experiment_id),
                name=row.name,
                artifact_location=row.artifact_uri,
                creation_timestamp=row.created_ms,
                last_updated_timestamp=row.updated_ms,
                model_type=row.model_type,
                source_run_id=row.source_run_id,
                status=LoggedModelStatus.from_number(row.status),
                status_message=row.status_message,
                tags=tags[row.id],
                params=params[row.id],
                metrics=metrics[row.id],
                artifact_bytes=row.artifact_bytes,
            )
            for row in rows
        ]

    def _texts(self, table: Table, model_keys: Sequence[int]) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = {key: {} for key in model_keys}
        for part in chunks(model_keys):
            for owner, name, value in self._session.execute(
                select(table).where(table.c.model_id.in_(part)).order_by(table.c.model_id, table.c.key)
            ):
                found[owner][name] = value
        return found

    def _metrics(self, model_keys: Sequence[int]) -> dict[int, list[Metric]]:
        found: dict[int, list[Metric]] = {key: [] for key in model_keys}
        columns = metric_tail.c
        for part in chunks(model_keys):
            statement = (
                select(
                    columns.model_id,
                    logged_models.c.model_id.label("model"),
                    keys.c.name,
                    columns.value,
                    columns.timestamp_ms,
                    columns.step,
                    columns.dataset_name,
                    columns.dataset_digest,
                    runs.c.run_id,
                )
                .select_from(metric_tail)
                .join(keys, keys.c.id == columns.key_id)
                .join(runs, runs.c.id == columns.run_id)
                .join(logged_models, logged_models.c.id == columns.model_id)
                .where(columns.model_id.in_(part))
                .distinct()
                .order_by(columns.model_id, keys.c.name, columns.timestamp_ms, columns.step, columns.value)
            )
            for owner, model, name, value, timestamp_ms, step, dataset, digest, run_id in self._session.execute(
                statement
            ):
                found[owner].append(Metric(name, read_value(value), timestamp_ms, step, model, dataset, digest, run_id))
        return found


def _missing(model_id: str) -> NotFound:
    return NotFound(f"Logged model with ID '{model_id}' not found.")


def _points_on(datasets: Sequence[OnDataset]) -> sa.Subquery:
    """The points of logged models that were measured on one of the datasets; without datasets, all of them."""
    columns = metric_tail.c
    points = select(columns.model_id, columns.key_id, columns.step, columns.timestamp_ms, columns.value).where(
        columns.model_id.is_not(None)
    )
    if datasets:
        points = points.where(sa.or_(*(_measured_on(dataset) for dataset in datasets)))
    return points.subquery("model_points")


def _measured_on(dataset: OnDataset) -> sa.ColumnElement[bool]:
    columns = metric_tail.c
    wanted = ((columns.dataset_name, dataset.name), (columns.dataset_digest, dataset.digest))
    return sa.and_(sa.true(), *(column == value for column, value in wanted if value))


def _latest_points(dataset: OnDataset | None) -> sa.Subquery:
    """The latest point of each model and key: the one of the greatest timestamp, then step."""
    columns = _points_on([dataset] if dataset else []).c
    rank = sa.func.row_number().over(
        partition_by=(columns.model_id, columns.key_id),
        order_by=(columns.timestamp_ms.desc(), columns.step.desc(), columns.value.desc().nulls_last()),
    )
    ranked = select(columns.model_id, columns.key_id, columns.value, rank.label("place")).subquery()
    return select(*ranked.c).where(ranked.c.place == 1).subquery("latest_model_points")


def _searchable(session: Session, points: sa.Subquery) -> Searchable:
    def has_number(table: sa.FromClause, key: str) -> sa.ColumnElement[bool] | None:
        number = session.key_number(key)
        return None if number is None else table.c.key_id == number

    def sorted_by(term: OrderTerm) -> Children | None:
        if term.field.entity is not Entity.METRIC:
            return None
        return Children(_latest_points(term.dataset), "model_id", has_number)

    def has_key(table: sa.FromClause, key: str) -> sa.ColumnElement[bool]:
        return table.c.key == key

    columns = logged_models.c
    return Searchable(
        id=columns.id,
        attributes={
            "name": columns.name,
            "model_id": columns.model_id,
            "model_type": columns.model_type,
            "status": sa.cast(
                sa.case({status.number: status.name for status in LoggedModelStatus}, value=columns.status), Text
            ),
            "source_run_id": columns.source_run_id,
            "experiment_id": sa.cast(columns.experiment_id, Text),
            "lifecycle_stage": sa.cast(sa.case({ACTIVE: "active", DELETED: "deleted"}, value=columns.lifecycle), Text),
            "artifact_location": columns.artifact_uri,
            "status_message": columns.status_message,
            "creation_timestamp": columns.created_ms,
            "last_updated_timestamp": columns.updated_ms,
            "artifact_bytes": columns.artifact_bytes,
        },
        children={
            Entity.METRIC: Children(points, "model_id", has_number),
            Entity.PARAM: Children(logged_model_params, "model_id", has_key),
            Entity.TAG: Children(logged_model_tags, "model_id", has_key),
        },
        sorted_by=sorted_by,
    )
