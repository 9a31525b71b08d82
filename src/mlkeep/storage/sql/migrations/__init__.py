"""The history of the schema, kept by Alembic."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from mlkeep.core.errors import InvalidInput, MlkeepException, Unavailable
from mlkeep.storage.sql.dialect import Backend, backend_at

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0005"
"""The revision this version of mlkeep works with; a test holds it against the scripts."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every revision this version knows, oldest first."""

_BASE = "base"
"""What Alembic calls the revision of an empty database."""


class Report(msgspec.Struct, frozen=True):
    """What was found in a database: its revision (None if it is empty), and how its tables differ from ours."""

    place: str
    revision: str | None
    differences: list[str]

    @property
    def is_current(self) -> bool:
        """Whether this version can work with it as it is."""
        return self.revision == HEAD and not self.differences


# What opening a database does.


def prepare(backend: Backend, *, reading: sa.Engine, writing: sa.Engine) -> None:
    """Build the tables of an empty database; carry an older one forward, where that happens by itself.

    Raises:
        InvalidInput: as `known_revision`; or the database is older, and somebody has to decide when it is upgraded.
    """
    revision = known_revision(reading, backend)  # changes nothing, unlike a connection for writing
    if revision == HEAD:
        return
    if revision is not None and not backend.upgrades_itself:
        raise InvalidInput(
            f"The {backend.place} has schema revision '{revision}', and this version of mlkeep works with '{HEAD}'. "
            f"Make a backup, then run: mlkeep db upgrade '{backend.url.render_as_string(hide_password=True)}'"
        )
    _move(backend, writing, HEAD)


def known_revision(engine: sa.Engine, backend: Backend) -> str | None:
    """The revision a database is at; None if it is empty.

    Raises:
        InvalidInput: the database was written by a newer version of mlkeep, or is no database of mlkeep at all.
    """
    revision = current_revision(engine, backend)
    if revision is not None and revision not in REVISIONS:
        raise InvalidInput(
            f"The {backend.place} has schema revision '{revision}', which this version of mlkeep (revision {HEAD}) "
            "does not know: it was written by a newer version. Install that version, or use another database."
        )
    return revision


def current_revision(engine: sa.Engine, backend: Backend) -> str | None:
    """The revision a database is at; None if it is empty. Raises InvalidInput: it belongs to another program."""
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        if "mlkeep_schema" in tables:
            revision: str | None = connection.scalar(sa.text("SELECT version_num FROM mlkeep_schema"))
            return revision
    if tables:
        raise InvalidInput(
            f"The {backend.place} holds tables of another program ({', '.join(sorted(tables)[:3])}, ...). Give mlkeep a "
            "database of its own."
        )
    return None


# What is done by command. Each raises InvalidInput, NotOffered and Unavailable, as opening a database does.


def upgrade(url: str) -> tuple[str | None, str]:
    """Carry the database at `url` to the revision of this version; the revisions it was at and is at."""
    with _opened(url) as (backend, engine):
        before = known_revision(engine, backend)
        if before != HEAD:
            _move(backend, engine, HEAD)
        return before, HEAD


def downgrade(url: str, revision: str) -> tuple[str | None, str]:
    """Carry the database at `url` back to an older revision, "base" being empty. What was new since then is lost."""
    with _opened(url) as (backend, engine):
        before = known_revision(engine, backend)
        known = REVISIONS[: REVISIONS.index(before) + 1] if before is not None else ()
        if revision not in (_BASE, *known):
            raise InvalidInput(
                f"The {backend.place} is at revision '{before}' and cannot go back to '{revision}': give one of "
                f"{', '.join((_BASE, *known))}."
            )
        if before is not None:
            _move(backend, engine, revision)
        return before, revision


def check(url: str) -> Report:
    """Look at the database at `url`; nothing is changed."""
    if not (backend := backend_at(url)).exists():
        return Report(backend.place, None, [])
    with _opened(url, read_only=True) as (backend, engine):
        revision = known_revision(engine, backend)
        return Report(backend.place, revision, _differences(engine) if revision == HEAD else [])


@contextmanager
def _opened(url: str, *, read_only: bool = False) -> Iterator[tuple[Backend, sa.Engine]]:
    backend = backend_at(url)
    if not read_only:
        backend.prepare()
    engine = backend.engine(read_only=read_only)
    try:
        yield backend, engine
    except MlkeepException:
        raise
    except Exception as err:
        if (outage := backend.outage(err)) is None:
            raise
        raise Unavailable(f"The {backend.place} cannot be used: {outage.words}.") from err
    finally:
        engine.dispose()


def _move(backend: Backend, engine: sa.Engine, revision: str) -> None:
    """Carry a database to a revision, in one transaction; of several that do so at once, the others find it done."""
    from alembic import command

    with engine.connect() as connection:
        connection.begin()
        backend.begin_migration(connection.connection.cursor())
        config = _config()
        config.attributes["connection"] = connection
        (command.downgrade if revision == _BASE or _is_behind(connection, revision) else command.upgrade)(
            config, revision
        )
        connection.commit()


def _is_behind(connection: sa.Connection, revision: str) -> bool:
    """Whether `revision` is older than what the database is at."""
    if "mlkeep_schema" not in sa.inspect(connection).get_table_names():
        return False
    here = connection.scalar(sa.text("SELECT version_num FROM mlkeep_schema"))
    return here in REVISIONS and REVISIONS.index(revision) < REVISIONS.index(here)


def _differences(engine: sa.Engine) -> list[str]:
    """How the tables of a database differ from those of this version."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from mlkeep.storage.sql.schema import metadata

    with engine.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # indexes on expressions cannot be compared on SQLite
        context = MigrationContext.configure(
            connection, opts={"version_table": "mlkeep_schema", "compare_type": True, "compare_server_default": False}
        )
        return [_told(change) for change in compare_metadata(context, metadata)]


def _told(change: object) -> str:
    """A difference in one line: what Alembic would do about it."""
    if isinstance(change, list):
        return "; ".join(map(_told, change))
    if not isinstance(change, tuple):
        return str(change)
    return " ".join(
        str(getattr(part, "name", part)) for part in change if isinstance(part, (str, sa.schema.SchemaItem))
    )


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "mlkeep:storage/sql/migrations")
    return config
