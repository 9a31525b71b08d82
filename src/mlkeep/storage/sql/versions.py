"""Versions of registered models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from mlkeep.core.entities import ModelVersion
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.filters.ast import Entity
from mlkeep.storage.contract import Page, Search
from mlkeep.storage.registry import NewVersion
from mlkeep.storage.sql.dialect import insert
from mlkeep.storage.sql.schema import aliases, model_version_tags, model_versions, registered_models
from mlkeep.storage.sql.searching.search import Children, Searchable, page_of
from mlkeep.storage.sql.session import AnyRow, Session, chunks

_FROM = model_versions.join(registered_models, registered_models.c.id == model_versions.c.model_id)
_COLUMNS = [*model_versions.c, registered_models.c.name.label("name")]

_SEARCHABLE = Searchable(
    id=model_versions.c.id,
    attributes={
        "name": registered_models.c.name,
        "run_id": model_versions.c.run_id,
        "source_path": model_versions.c.source,
        "version_number": model_versions.c.version,
        "creation_timestamp": model_versions.c.created_ms,
        "last_updated_timestamp": model_versions.c.updated_ms,
        "artifact_bytes": model_versions.c.artifact_bytes,
    },
    children={Entity.TAG: Children(model_version_tags, "version_id", lambda table, key: table.c.key == key)},
    nullable=frozenset({"artifact_bytes"}),
)


_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


def version_number(version: str) -> int:
    """A version as the number it is. Raises InvalidInput: it is none."""
    if not _NUMBER.fullmatch(version):
        raise InvalidInput(f"Parameter 'version' must be an integer, got '{version}'.")
    return int(version)


class SqlVersions:
    """See `contract.VersionStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: NewVersion) -> str:
        counted = self._session.execute(
            registered_models.update()
            .where(registered_models.c.name == new.name)
            .values(last_version=registered_models.c.last_version + 1, updated_ms=new.now_ms)
            .returning(registered_models.c.id, registered_models.c.last_version)
        ).one_or_none()
        if counted is None:
            raise _no_model(new.name)
        key = self._session.execute(
            model_versions.insert()
            .values(
                model_id=counted.id,
                version=counted.last_version,
                stage="None",
                description=new.description,
                source=new.source,
                storage_uri=new.storage_uri,
                run_id=new.run_id,
                run_link=new.run_link,
                logged_model_id=new.model_id,
                user_id=new.user_id,
                created_ms=new.now_ms,
                updated_ms=new.now_ms,
                files_owner_kind=None if new.files is None else new.files.owner.kind.value,
                files_owner_id=None if new.files is None else new.files.owner.key,
                files_path=None if new.files is None else new.files.path,
                artifact_bytes=new.artifact_bytes,
            )
            .returning(model_versions.c.id)
        ).scalar_one()
        for tag, value in new.tags.items():
            self._session.execute(model_version_tags.insert().values(version_id=key, key=tag, value=value))
        return str(counted.last_version)

    def get(self, name: str, version: str) -> ModelVersion:
        return self._entities([self.row(name, version)], with_aliases=True)[0]

    def storage_uri(self, name: str, version: str) -> str:
        uri: str = self.row(name, version).storage_uri
        return uri

    def describe(self, name: str, version: str, description: str | None, now_ms: int) -> None:
        self._update(self.row(name, version).id, description=description, updated_ms=now_ms)

    def delete(self, name: str, version: str, now_ms: int) -> None:
        row = self.row(name, version)
        self._session.execute(model_versions.delete().where(model_versions.c.id == row.id))
        self._touch_model(row.model_id, now_ms)

    def move_to_stage(self, name: str, version: str, stage: str, *, archive_others: bool, now_ms: int) -> None:
        row = self.row(name, version)
        if archive_others:
            self._session.execute(
                model_versions.update()
                .where(
                    model_versions.c.model_id == row.model_id,
                    model_versions.c.stage == stage,
                    model_versions.c.id != row.id,
                )
                .values(stage="Archived", updated_ms=now_ms)
            )
        self._update(row.id, stage=stage, updated_ms=now_ms)
        self._touch_model(row.model_id, now_ms)

    def latest(self, name: str, stages: Sequence[str]) -> list[ModelVersion]:
        model = self._model(name)
        rows = self._session.execute(_latest([model]).where(model_versions.c.stage.in_(stages))).fetchall()
        return self._entities(rows, with_aliases=True)

    def highest(self, name: str) -> str | None:
        number = self._session.execute(
            select(sa.func.max(model_versions.c.version)).where(model_versions.c.model_id == self._model(name))
        ).scalar_one_or_none()
        return None if number is None else str(number)

    def put_tag(self, name: str, version: str, key: str, value: str) -> None:
        self._session.execute(
            insert(model_version_tags)
            .values(version_id=self.row(name, version).id, key=key, value=value)
            .on_conflict_do_update(index_elements=["version_id", "key"], set_={"value": value})
        )

    def delete_tag(self, name: str, version: str, key: str) -> None:
        owner, table = self.row(name, version).id, model_version_tags
        self._session.execute(table.delete().where(table.c.version_id == owner, table.c.key == key))

    def search(self, search: Search) -> Page:
        found = page_of(self._session.connection, _SEARCHABLE, _COLUMNS, _FROM, [], search)
        return Page(self._entities(found.rows, with_aliases=False), found.token, found.total)

    def latest_by_stage(self, models: Sequence[int]) -> dict[int, list[ModelVersion]]:
        """The highest version of each stage of each model, without aliases, by the model's key."""
        latest: dict[int, list[ModelVersion]] = {model: [] for model in models}
        for part in chunks(models):
            rows = self._session.execute(_latest(part)).fetchall()
            for row, version in zip(rows, self._entities(rows, with_aliases=False), strict=True):
                latest[row.model_id].append(version)
        return latest

    def row(self, name: str, version: str) -> AnyRow:
        """The row of a version. Raises NotFound."""
        number = version_number(version)
        row = self._session.execute(
            select(*_COLUMNS)
            .select_from(_FROM)
            .where(registered_models.c.name == name, model_versions.c.version == number)
        ).one_or_none()
        if row is None:
            raise NotFound(f"Model Version (name={name}, version={version}) not found")
        return row

    def _model(self, name: str) -> int:
        key = self._session.execute(
            select(registered_models.c.id).where(registered_models.c.name == name)
        ).scalar_one_or_none()
        if key is None:
            raise _no_model(name)
        return int(key)

    def _update(self, key: int, **values: Any) -> None:
        self._session.execute(model_versions.update().where(model_versions.c.id == key).values(**values))

    def _touch_model(self, model: int, now_ms: int) -> None:
        self._session.execute(
            registered_models.update().where(registered_models.c.id == model).values(updated_ms=now_ms)
        )

    def _entities(self, rows: Sequence[AnyRow], *, with_aliases: bool) -> list[ModelVersion]:
        tags: dict[int, dict[str, str]] = {row.id: {} for row in rows}
        named: dict[int, list[str]] = {row.id: [] for row in rows}
        for part in chunks(list(tags)):
            for owner, key, value in self._session.execute(
                select(model_version_tags)
                .where(model_version_tags.c.version_id.in_(part))
                .order_by(model_version_tags.c.key)
            ):
                tags[owner][key] = value
            if with_aliases:
                for owner, alias in self._session.execute(
                    select(aliases.c.version_id, aliases.c.alias)
                    .where(aliases.c.version_id.in_(part))
                    .order_by(aliases.c.alias)
                ):
                    named[owner].append(alias)
        return [
            ModelVersion(
                name=row.name,
                version=str(row.version),
                creation_timestamp=row.created_ms,
                last_updated_timestamp=row.updated_ms,
                description=row.description,
                user_id=row.user_id,
                current_stage=row.stage,
                source=row.source,
                run_id=row.run_id,
                tags=tags[row.id],
                run_link=row.run_link,
                aliases=named[row.id],
                model_id=row.logged_model_id or None,
                artifact_bytes=row.artifact_bytes,
            )
            for row in rows
        ]


def _latest(models: Sequence[int]) -> sa.Select[Any]:
    """The highest version of each stage of each model, by the lowest version that the stage has."""
    columns = model_versions.c
    stages = (
        select(
            columns.model_id,
            columns.stage,
            sa.func.min(columns.version).label("lowest"),
            sa.func.max(columns.version).label("highest"),
        )
        .where(columns.model_id.in_(models))
        .group_by(columns.model_id, columns.stage)
        .subquery()
    )
    return (
        select(*_COLUMNS)
        .select_from(_FROM)
        .join(stages, sa.and_(stages.c.model_id == columns.model_id, stages.c.highest == columns.version))
        .order_by(columns.model_id, stages.c.lowest)
    )


def _no_model(name: str) -> NotFound:
    return NotFound(f"Registered Model with name={name} not found.")
