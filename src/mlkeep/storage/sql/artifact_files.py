"""Files of runs and logged models, and the sums that are kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, select

from mlkeep.core import limits
from mlkeep.core.artifact_owners import Claim, OwnerKind, claims, path_below, uri_below
from mlkeep.core.errors import InvalidInput
from mlkeep.core.manifest import StoredFile
from mlkeep.storage.artifact_files import FileOwner, Place
from mlkeep.storage.sql.dialect import InsertRows, Prepared
from mlkeep.storage.sql.schema import Counted, artifact_files, logged_models, model_versions, runs
from mlkeep.storage.sql.session import Session, chunks

_FILES = artifact_files.c
_VERSIONS = model_versions.c

_OWNERS = {OwnerKind.RUN: (runs, runs.c.run_id), OwnerKind.LOGGED_MODEL: (logged_models, logged_models.c.model_id)}

_AFTER_SLASH = chr(ord("/") + 1)
"""Everything in a folder is from `folder/` up to this."""


def _finding(kind: OwnerKind) -> Prepared:
    table, number = _OWNERS[kind]
    versions = select(_VERSIONS.id).where(_VERSIONS.files_owner_kind == bindparam("kind"))
    columns = table.c
    return Prepared(
        select(
            columns.id,
            columns.experiment_id,
            columns.artifact_uri,
            columns.artifact_bytes,
            columns.artifact_count,
            sa.exists(versions.where(_VERSIONS.files_owner_id == columns.id).correlate(table)),
        ).where(number == bindparam("number"))
    )


def _adding(kind: OwnerKind) -> Prepared:
    """Add to the sums of an owner."""
    return Prepared(_change_of_sums(kind, bindparam("size"), bindparam("files")))


def _adding_file(kind: OwnerKind) -> Prepared:
    """Add a file to the sums of its owner, less what is recorded at its path, and tell the sums."""
    table, _ = _OWNERS[kind]
    is_known = sa.and_(
        _FILES.owner_kind == bindparam("kind"), _FILES.owner_id == bindparam("owner"), _FILES.path == bindparam("path")
    )
    none, one = (sa.literal_column(number, sa.BigInteger()) for number in ("0", "1"))
    size = select(sa.func.coalesce(sa.func.max(_FILES.size), none)).where(is_known).scalar_subquery()
    files = select(sa.func.count()).where(is_known).scalar_subquery()
    return Prepared(
        _change_of_sums(kind, bindparam("size", type_=_FILES.size.type) - size, one - files).returning(
            table.c.artifact_bytes, table.c.artifact_count
        )
    )


def _change_of_sums(kind: OwnerKind, size: Any, files: Any) -> sa.Update:
    table, _ = _OWNERS[kind]
    return (
        table.update()
        .where(table.c.id == bindparam("owner"))
        .values(artifact_bytes=table.c.artifact_bytes + size, artifact_count=table.c.artifact_count + files)
    )


_FIND = {kind: _finding(kind) for kind in OwnerKind}
_ADD = {kind: _adding(kind) for kind in OwnerKind}
_ADD_FILE = {kind: _adding_file(kind) for kind in OwnerKind}
_PUT = InsertRows(
    artifact_files,
    ["owner_kind", "owner_id", "path", "experiment_id", "size", "sha256"],
    lambda insert: insert.on_conflict_do_update(
        index_elements=["owner_kind", "owner_id", "path"],
        set_={"size": insert.excluded.size, "sha256": insert.excluded.sha256},
    ),
)


class _Change(NamedTuple):
    """What became of a file: by how many bytes, and by how many files, there are more than before."""

    path: str
    size: int
    files: int


def _is_at_or_below(path: str) -> sa.ColumnElement[bool]:
    """Files that are at `path`, which is not "", or in a folder of this name.

    It is one range of the index, out of which names such as `path.txt` and `path-2`, which lie between the two, are left.
    """
    return sa.and_(
        _FILES.path >= path,
        _FILES.path < f"{path}{_AFTER_SLASH}",
        sa.or_(_FILES.path == path, _FILES.path >= f"{path}/"),
    )


def _is_in(place: Place) -> sa.ColumnElement[bool]:
    of_owner = sa.and_(_FILES.owner_kind == place.owner.kind.value, _FILES.owner_id == place.owner.key)
    return sa.and_(of_owner, _is_at_or_below(place.path)) if place.path else of_owner


class SqlArtifactFiles:
    """See `artifact_files.ArtifactFileStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_place(self, uri: str) -> Place | None:
        for claim in claims(uri):
            owner = self._owner(claim)
            if owner is not None and (path := path_below(uri, owner.root)) is not None:
                return Place(owner, path)
        return None

    def put(self, owner: FileOwner, files: Sequence[StoredFile]) -> None:
        changes = [self._count_file(owner, files[0])] if len(files) == 1 else self._count_files(owner, files)
        total = owner.size + sum(change.size for change in changes)
        if total > limits.MAX_ARTIFACT_BYTES:
            raise InvalidInput(
                f"The files of one run or logged model cannot have more than {limits.MAX_ARTIFACT_BYTES} bytes together; "
                f"with these they would have {total}."
            )
        self._session.insert(
            _PUT,
            [
                {
                    "owner_kind": owner.kind.value,
                    "owner_id": owner.key,
                    "path": file.path,
                    "experiment_id": owner.experiment,
                    "size": file.size,
                    "sha256": bytes.fromhex(file.sha256),
                }
                for file in files
            ],
        )
        self._count_elsewhere(owner, changes)

    def remove(self, owner: FileOwner, paths: Sequence[str]) -> None:
        gone = [
            _Change(path, -size, -1)
            for asked in ([""] if "" in paths else paths)
            for path, size in self._session.execute(
                artifact_files.delete().where(_is_in(Place(owner, asked))).returning(_FILES.path, _FILES.size)
            )
        ]
        if gone:
            self._add(owner, gone)
            self._count_elsewhere(owner, gone)

    def files(self, place: Place) -> list[StoredFile]:
        return [
            StoredFile(path, size, sha256.hex())
            for path, size, sha256 in self._session.execute(
                select(_FILES.path, _FILES.size, _FILES.sha256).where(_is_in(place)).order_by(_FILES.path)
            )
        ]

    def size(self, place: Place) -> int:
        if not place.path:
            return place.owner.size
        total = select(sa.func.coalesce(sa.func.sum(_FILES.size), 0)).where(_is_in(place))
        return int(self._session.execute(total).scalar_one())

    def find_twin(self, place: Place, size: int, sha256: str | None) -> str | None:
        has_digest = [] if sha256 is None else [_FILES.sha256 == bytes.fromhex(sha256)]
        row = self._session.execute(
            select(sa.func.coalesce(runs.c.artifact_uri, logged_models.c.artifact_uri), _FILES.path)
            .select_from(
                artifact_files.outerjoin(
                    runs, sa.and_(runs.c.id == _FILES.owner_id, _FILES.owner_kind == OwnerKind.RUN.value)
                ).outerjoin(
                    logged_models,
                    sa.and_(logged_models.c.id == _FILES.owner_id, _FILES.owner_kind == OwnerKind.LOGGED_MODEL.value),
                )
            )
            .where(
                _FILES.experiment_id == place.owner.experiment,
                _FILES.size == size,
                *has_digest,
                sa.not_(sa.and_(_is_in(Place(place.owner, "")), _FILES.path == place.path)),
            )
            .limit(1)
        ).one_or_none()
        return None if row is None else uri_below(row[0], row[1])

    def _owner(self, claim: Claim) -> FileOwner | None:
        row = self._session.first(_FIND[claim.kind], {"number": claim.owner_id, "kind": claim.kind.value})
        if row is None:
            return None
        key, experiment, root, size, count, has_versions = row
        return FileOwner(
            kind=claim.kind,
            key=key,
            experiment=experiment,
            root=root,
            size=size,
            count=count,
            has_versions=bool(has_versions),
        )

    def _count_file(self, owner: FileOwner, file: StoredFile) -> _Change:
        """Bring the sums of the owner up to what they are with a file."""
        size, files = self._session.first(
            _ADD_FILE[owner.kind],
            {"kind": owner.kind.value, "owner": owner.key, "path": file.path, "size": file.size},
        )
        return _Change(file.path, size - owner.size, files - owner.count)

    def _count_files(self, owner: FileOwner, files: Sequence[StoredFile]) -> list[_Change]:
        """Bring the sums of the owner up to what they are with some files."""
        before: dict[str, int] = {}
        for part in chunks([file.path for file in files]) if owner.count else ():
            statement = select(_FILES.path, _FILES.size).where(_is_in(Place(owner, "")), _FILES.path.in_(part))
            before.update((path, size) for path, size in self._session.execute(statement))
        changes = [
            _Change(file.path, file.size - before.get(file.path, 0), 0 if file.path in before else 1) for file in files
        ]
        self._add(owner, changes)
        return changes

    def _add(self, owner: FileOwner, changes: Sequence[_Change]) -> None:
        size, files = sum(change.size for change in changes), sum(change.files for change in changes)
        self._session.change(_ADD[owner.kind], {"owner": owner.key, "size": size, "files": files})

    def _count_elsewhere(self, owner: FileOwner, changes: Sequence[_Change]) -> None:
        """Bring the sums of the experiment, and of the versions that consist of the files, up to date."""
        self._session.count(owner.experiment, Counted.ARTIFACT_BYTES, sum(change.size for change in changes))
        if owner.has_versions:
            self._count_for_versions(owner, changes)

    def _count_for_versions(self, owner: FileOwner, changes: Sequence[_Change]) -> None:
        of_owner = sa.and_(_VERSIONS.files_owner_kind == owner.kind.value, _VERSIONS.files_owner_id == owner.key)
        for (path,) in self._session.execute(select(_VERSIONS.files_path).where(of_owner).distinct()).fetchall():
            folder = f"{path}/" if path else ""
            if added := sum(change.size for change in changes if change.path == path or change.path.startswith(folder)):
                self._session.execute(
                    model_versions.update()
                    .where(of_owner, _VERSIONS.files_path == path)
                    .values(artifact_bytes=sa.func.coalesce(_VERSIONS.artifact_bytes, 0) + added)
                )
