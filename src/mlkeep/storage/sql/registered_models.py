"""Registered models, their tags and aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from mlkeep.core.entities import RegisteredModel
from mlkeep.core.errors import AlreadyExists, NotFound
from mlkeep.core.filters.ast import Entity
from mlkeep.storage.contract import Page, Search
from mlkeep.storage.sql.dialect import insert
from mlkeep.storage.sql.schema import aliases, model_versions, registered_model_tags, registered_models
from mlkeep.storage.sql.searching.search import Children, Searchable, page_of
from mlkeep.storage.sql.session import AnyRow, Session, chunks
from mlkeep.storage.sql.versions import SqlVersions

_SEARCHABLE = Searchable(
    id=registered_models.c.id,
    attributes={
        "name": registered_models.c.name,
        "last_updated_timestamp": registered_models.c.updated_ms,
    },
    children={Entity.TAG: Children(registered_model_tags, "model_id", lambda table, key: table.c.key == key)},
)


class SqlRegisteredModels:
    """See `contract.RegisteredModelStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, description: str | None, tags: Mapping[str, str], now_ms: int) -> None:
        key = self._session.execute(
            insert(registered_models)
            .values(name=name, description=description, last_version=0, created_ms=now_ms, updated_ms=now_ms)
            .on_conflict_do_nothing(index_elements=["workspace", "name"])
            .returning(registered_models.c.id)
        ).scalar_one_or_none()
        if key is None:
            raise AlreadyExists(f"Registered Model (name={name}) already exists.")
        for tag, value in tags.items():
            self._session.execute(registered_model_tags.insert().values(model_id=key, key=tag, value=value))

    def get(self, name: str) -> RegisteredModel:
        return self._entities([self._row(name)])[0]

    def require(self, name: str) -> None:
        self._row(name)

    def rename(self, name: str, new_name: str, now_ms: int) -> None:
        row = self._row(name)
        taken = self._session.execute(
            select(registered_models.c.id).where(registered_models.c.name == new_name)
        ).scalar_one_or_none()
        if taken not in (None, row.id):
            raise AlreadyExists(f"Registered Model (name={new_name}) already exists.")
        self._update(row.id, name=new_name, updated_ms=now_ms)
        self._session.execute(
            model_versions.update().where(model_versions.c.model_id == row.id).values(updated_ms=now_ms)
        )

    def describe(self, name: str, description: str | None, now_ms: int) -> None:
        self._update(self._row(name).id, description=description, updated_ms=now_ms)

    def delete(self, name: str) -> None:
        self._session.execute(registered_models.delete().where(registered_models.c.id == self._row(name).id))

    def put_tag(self, name: str, key: str, value: str, now_ms: int) -> None:
        model = self._row(name).id
        self._session.execute(
            insert(registered_model_tags)
            .values(model_id=model, key=key, value=value)
            .on_conflict_do_update(index_elements=["model_id", "key"], set_={"value": value})
        )
        self._update(model, updated_ms=now_ms)

    def delete_tag(self, name: str, key: str, now_ms: int) -> None:
        model, table = self._row(name).id, registered_model_tags
        self._session.execute(table.delete().where(table.c.model_id == model, table.c.key == key))
        self._update(model, updated_ms=now_ms)

    def put_alias(self, name: str, alias: str, version: str) -> str | None:
        row = SqlVersions(self._session).row(name, version)
        before = self.find_alias(name, alias)
        self._session.execute(
            insert(aliases)
            .values(model_id=row.model_id, alias=alias, version_id=row.id)
            .on_conflict_do_update(index_elements=["model_id", "alias"], set_={"version_id": row.id})
        )
        return before

    def delete_alias(self, name: str, alias: str) -> str | None:
        before = self.find_alias(name, alias)
        model = self._row(name).id
        self._session.execute(aliases.delete().where(aliases.c.model_id == model, aliases.c.alias == alias))
        return before

    def find_alias(self, name: str, alias: str) -> str | None:
        number = self._session.execute(
            select(model_versions.c.version)
            .join_from(aliases, model_versions, model_versions.c.id == aliases.c.version_id)
            .where(aliases.c.model_id == self._row(name).id, aliases.c.alias == alias)
        ).scalar_one_or_none()
        return None if number is None else str(number)

    def search(self, search: Search) -> Page:
        found = page_of(self._session.connection, _SEARCHABLE, list(registered_models.c), registered_models, [], search)
        return Page(self._entities(found.rows), found.token, found.total)

    def _row(self, name: str) -> AnyRow:
        row = self._session.execute(select(registered_models).where(registered_models.c.name == name)).one_or_none()
        if row is None:
            raise NotFound(f"Registered Model with name={name} not found.")
        return row

    def _update(self, key: int, **values: Any) -> None:
        self._session.execute(registered_models.update().where(registered_models.c.id == key).values(**values))

    def _entities(self, rows: Sequence[AnyRow]) -> list[RegisteredModel]:
        found = [row.id for row in rows]
        tags: dict[int, dict[str, str]] = {key: {} for key in found}
        named: dict[int, dict[str, str]] = {key: {} for key in found}
        for part in chunks(found):
            for owner, key, value in self._session.execute(
                select(registered_model_tags)
                .where(registered_model_tags.c.model_id.in_(part))
                .order_by(registered_model_tags.c.key)
            ):
                tags[owner][key] = value
            for owner, alias, number in self._session.execute(
                select(aliases.c.model_id, aliases.c.alias, model_versions.c.version)
                .join_from(aliases, model_versions, model_versions.c.id == aliases.c.version_id)
                .where(aliases.c.model_id.in_(part))
                .order_by(aliases.c.alias)
            ):
                named[owner][alias] = str(number)
        latest = SqlVersions(self._session).latest_by_stage(found)
        return [
            RegisteredModel(
                name=row.name,
                creation_timestamp=row.created_ms,
                last_updated_timestamp=row.updated_ms,
                description=row.description,
                latest_versions=latest[row.id],
                tags=tags[row.id],
                aliases=named[row.id],
            )
            for row in rows
        ]
