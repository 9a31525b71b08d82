"""The history of the schema, kept by Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from mlkeep.core.errors import InvalidInput

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The revision this version of mlkeep works with; a test holds it against the scripts."""

REVISIONS = ("0001", "0002")
"""Every revision this version knows, oldest first."""


def bring_up_to_date(engine: sa.Engine) -> None:
    """Build the tables of an empty database, or carry an older one forward. Raises InvalidInput as `known_revision`."""
    if known_revision(engine) == HEAD:
        return
    from alembic import command

    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
        connection.commit()


def known_revision(engine: sa.Engine) -> str | None:
    """The revision a database is at; None if it is empty.

    Raises:
        InvalidInput: the database was written by a newer version of mlkeep, or is no database of mlkeep at all.
    """
    revision = current_revision(engine)
    if revision is not None and revision not in REVISIONS:
        raise InvalidInput(
            f"The database '{engine.url.database}' has schema revision '{revision}', which this version of mlkeep "
            f"(revision {HEAD}) does not know: it was written by a newer version. Install that version, or use another "
            "database."
        )
    return revision


def current_revision(engine: sa.Engine) -> str | None:
    """The revision a database is at; None if it is empty. Raises InvalidInput: it belongs to another program."""
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        if "mlkeep_schema" in tables:
            revision: str | None = connection.scalar(sa.text("SELECT version_num FROM mlkeep_schema"))
            return revision
    if tables:
        raise InvalidInput(
            f"The database '{engine.url.database}' holds tables of another program ({', '.join(sorted(tables)[:3])}, ...)."
            " Give mlkeep a database of its own."
        )
    return None


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "mlkeep:storage/sql/migrations")
    return config
