"""Everything that differs between databases, and statements made ready for the hot path."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ClauseElement, ColumnElement, Table
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.compiler import SQLCompiler

from mlkeep.core.errors import NotOffered


def insert(table: Table) -> Any:
    """An insert that can say what happens on a conflict."""
    return sqlite_insert(table)


def like(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """LIKE with `%` and `_`, no escape character, minding case. (SQLite minds it by a setting of the connection.)"""
    return column.like(pattern)


def ilike(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """LIKE that does not mind case, in any alphabet."""
    return sa.func.unicode_lower(column, type_=sa.Text).like(pattern.lower())


def check_url(url: sa.URL) -> None:
    """Raises NotOffered: no such database is supported."""
    if url.get_backend_name() != "sqlite":
        raise NotOffered(
            f"The backend store '{url.render_as_string(hide_password=True)}' is not supported by this version of "
            "mlkeep: use a SQLite file, such as sqlite:///mlkeep.db."
        )


class Prepared:
    """A statement compiled once for each kind of database, to be run on a driver's cursor.

    Hot paths cannot pay SQLAlchemy's toll on every execution.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...]]] = {}

    def on(self, dialect: sa.Dialect) -> tuple[str, tuple[str, ...]]:
        """The text for `dialect`, and the names of its parameters in order."""
        if (known := self._compiled.get(dialect.name)) is None:
            compiled = self._statement.compile(dialect=dialect)
            if not isinstance(compiled, SQLCompiler):
                raise TypeError(f"not a statement with parameters: {self._statement}")
            known = (compiled.string, tuple(compiled.positiontup or ()))
            self._compiled[dialect.name] = known
        return known


def prepare_sqlite_connection(connection: Any, *, durability: str, read_only: bool) -> None:
    """Set up a new driver connection: WAL, foreign keys, case-minding LIKE, transactions begun by us alone."""
    connection.isolation_level = None
    connection.create_function("unicode_lower", 1, _lower, deterministic=True)
    settings = [
        "PRAGMA busy_timeout = 30000",
        "PRAGMA foreign_keys = ON",
        "PRAGMA case_sensitive_like = ON",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -16384",
        f"PRAGMA synchronous = {durability}",
        "PRAGMA query_only = ON" if read_only else "PRAGMA journal_mode = WAL",
    ]
    for setting in settings:
        connection.execute(setting)


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()
