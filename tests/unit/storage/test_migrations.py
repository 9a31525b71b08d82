"""The schema and its history."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from mlkeep.core.errors import InvalidInput
from mlkeep.storage.sql import migrations
from mlkeep.storage.sql.schema import metadata
from mlkeep.storage.sql.storage import SqlStorage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mlkeep.db"


def migrate(file: Path, revision: str) -> None:
    """Carry a database up or down to a revision."""
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        here = migrations.current_revision(engine)
        (command.downgrade if revision == "base" else command.upgrade)(config, revision)
        connection.commit()
    engine.dispose()
    assert here != revision


def described(file: Path) -> dict[str, Any]:
    """Everything there is to know of the tables and indexes of a database."""
    connection = sqlite3.connect(file)
    objects = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name != 'mlkeep_schema'"
    ).fetchall()
    tables = [name for kind, name, _, _ in objects if kind == "table" and not name.startswith("sqlite_")]
    told = {
        name: {
            "columns": sorted(
                connection.execute(f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo('{name}')")
            ),
            "foreign keys": sorted(
                row[2:] for row in connection.execute(f"SELECT * FROM pragma_foreign_key_list('{name}')")
            ),
            "indexes": sorted(
                (
                    unique,
                    origin,
                    partial,
                    tuple(
                        row[1:]
                        for row in connection.execute(
                            f"SELECT seqno, cid >= 0, name, desc, key FROM pragma_index_xinfo('{index}')"
                        )
                    ),
                )
                for _, index, unique, origin, partial in connection.execute(
                    f"SELECT * FROM pragma_index_list('{name}')"
                )
            ),
        }
        for name in tables
    }
    # What the pragmas do not tell: expressions and conditions of indexes, AUTOINCREMENT, WITHOUT ROWID, names.
    written = {name: normal(sql) for kind, name, _, sql in objects if kind == "index" and sql}
    traits = {
        name: (
            "AUTOINCREMENT" in sql.upper(),
            "WITHOUT ROWID" in sql.upper(),
            sorted(re.findall(r"CONSTRAINT (\w+)", sql)),
        )
        for kind, name, _, sql in objects
        if kind == "table" and name in tables
    }
    connection.close()
    return {"tables": told, "indexes": written, "traits": traits}


def normal(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).replace('"', "").strip()


def test_the_newest_revision_is_the_one_this_version_works_with() -> None:
    scripts = ScriptDirectory.from_config(migrations._config())
    assert scripts.get_heads() == [migrations.HEAD]
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == migrations.REVISIONS


def test_the_revisions_together_make_the_schema(tmp_path: Path) -> None:
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    SqlStorage(f"sqlite:///{migrated}").close()
    engine = sa.create_engine(f"sqlite:///{made}")
    metadata.create_all(engine)
    engine.dispose()
    assert described(migrated) == described(made)
    assert set(described(made)["tables"]) == set(metadata.tables)


def test_the_way_down_and_up_again_leads_back(file: Path) -> None:
    migrate(file, migrations.HEAD)
    there = described(file)
    for revision in reversed(migrations.REVISIONS[:-1]):
        migrate(file, revision)
    migrate(file, "base")
    assert described(file)["tables"] == {}
    for revision in migrations.REVISIONS:
        migrate(file, revision)
    assert described(file) == there


def test_a_database_that_is_there_already_is_left_as_it_is(file: Path) -> None:
    storage = SqlStorage(f"sqlite:///{file}")
    storage.write(lambda tx: tx.experiments.add("kept", "", {}, 1)).result(10)
    storage.close()
    before = described(file)
    again = SqlStorage(f"sqlite:///{file}")
    assert again.read(lambda tx: tx.experiments.get("1").name) == "kept"
    again.close()
    assert described(file) == before


def test_an_empty_file_is_built(file: Path) -> None:
    file.touch()
    SqlStorage(f"sqlite:///{file}").close()
    assert set(described(file)["tables"]) == set(metadata.tables)


def test_a_database_of_a_newer_version_is_refused(file: Path) -> None:
    SqlStorage(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE mlkeep_schema SET version_num = '9999'")
    connection.close()
    with pytest.raises(
        InvalidInput, match=r"schema revision '9999', which this version of mlkeep \(revision \w+\) does not know"
    ):
        SqlStorage(f"sqlite:///{file}")


@pytest.mark.parametrize("table", ["alembic_version", "experiments", "songs"])
def test_a_database_of_another_program_is_refused_and_left_alone(file: Path, table: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(f"CREATE TABLE {table} (id INTEGER)")
    connection.close()
    before = described(file)
    with pytest.raises(
        InvalidInput, match=rf"tables of another program \({table}, ...\). Give mlkeep a database of its own"
    ):
        SqlStorage(f"sqlite:///{file}")
    assert described(file) == before
