"""The schema and its history, on each kind of database."""

from __future__ import annotations

import math
import re
import sqlite3
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from mlkeep.core.errors import InvalidInput, MlkeepException, Unavailable
from mlkeep.storage.contract import Columns
from mlkeep.storage.series.points import points_of
from mlkeep.storage.sql import migrations
from mlkeep.storage.sql.dialect import backend_at
from mlkeep.storage.sql.dialect.urls import file_of
from mlkeep.storage.sql.schema import metadata
from mlkeep.storage.sql.storage import SqlStorage
from tests.unit.storage.test_sql_storage import FIRST, add_experiment, add_run


def described(url: str) -> dict[str, Any]:
    """Everything there is to know of the tables and indexes of a database."""
    return of_postgres(url) if (file := file_of(url)) is None else of_sqlite(file)


def of_postgres(url: str) -> dict[str, Any]:
    """As the catalogue of the server tells it."""
    with psycopg.connect(url) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'mlkeep_schema'"
            )
        ]
        told: dict[str, Any] = {name: {} for name in tables}
        for name in tables:
            told[name]["columns"] = connection.execute(
                "SELECT attname, format_type(atttypid, atttypmod), attnotnull, collname, pg_get_expr(adbin, adrelid)"
                " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
                " LEFT JOIN pg_collation ON pg_collation.oid = attcollation"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname",
                [name],
            ).fetchall()
            told[name]["constraints"] = connection.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass"
                " AND contype <> 'n' ORDER BY conname",  # NOT NULL is told with the column
                [name],
            ).fetchall()
            told[name]["indexes"] = connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s ORDER BY indexname", [name]
            ).fetchall()
    return {"tables": told}


def of_sqlite(file: Path) -> dict[str, Any]:
    """Everything there is to know of the tables and indexes of a file."""
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


def run_sql(url: str, statement: str) -> None:
    """Do something to a database that mlkeep does not know of."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_the_newest_revision_is_the_one_this_version_works_with() -> None:
    scripts = ScriptDirectory.from_config(migrations._config())
    assert scripts.get_heads() == [migrations.HEAD]
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == migrations.REVISIONS


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_revisions_together_make_the_schema(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if kind == "sqlite":
        migrated, made = (f"sqlite:///{tmp_path / name}" for name in ("migrated.db", "made.db"))
    else:
        server = request.getfixturevalue("postgres")
        migrated, made = server.new_database(), server.new_database()
    SqlStorage(migrated).close()
    engine = backend_at(made).engine(read_only=False)
    metadata.create_all(engine)
    engine.dispose()
    assert described(migrated) == described(made)
    assert set(described(made)["tables"]) == set(metadata.tables)


def test_every_revision_leads_up_and_down_again(url: str) -> None:
    stages = {}
    for revision in migrations.REVISIONS:
        move(url, revision)
        stages[revision] = described(url)
    for revision in reversed(migrations.REVISIONS):
        move(url, revision)
        assert described(url) == stages[revision]
    move(url, "base")
    assert described(url)["tables"] == {}
    assert migrations.upgrade(url) == (None, migrations.HEAD)
    assert described(url) == stages[migrations.HEAD]


def test_points_that_were_sealed_are_rows_again_for_code_of_before(url: str) -> None:
    points = points_of(range(5_000), range(5_000), [math.nan if i % 7 == 0 else i / 3 for i in range(5_000)])
    storage = SqlStorage(url)
    storage.write(lambda tx: (add_experiment(tx), add_run(tx))).result(10)
    storage.write(lambda tx: tx.metrics.add_columns(FIRST, [Columns("loss", points)])).result(10)
    storage.close()

    move(url, "0003")
    move(url, migrations.HEAD)

    storage = SqlStorage(url)
    found = storage.read(lambda tx: tx.metrics.series(FIRST, "loss"))
    assert storage.read(lambda tx: counted(tx, "metric_segments")) == 0
    storage.close()
    assert found.steps.tolist() == points.steps.tolist()
    assert repr(found.values.tolist()) == repr(points.values.tolist())


def counted(tx: Any, table: str) -> int:
    return int(tx.session.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def move(url: str, revision: str) -> None:
    """Carry a database up or down to a revision."""
    backend = backend_at(url)
    engine = backend.engine(read_only=False)
    migrations._move(backend, engine, revision)
    engine.dispose()


def test_a_database_that_is_there_already_is_left_as_it_is(url: str) -> None:
    storage = SqlStorage(url)
    storage.write(lambda tx: tx.experiments.add("kept", "", {}, 1)).result(10)
    storage.close()
    before = described(url)
    again = SqlStorage(url)
    assert again.read(lambda tx: tx.experiments.get("1").name) == "kept"
    again.close()
    assert described(url) == before


def test_an_empty_file_is_built(tmp_path: Path) -> None:
    file = tmp_path / "mlkeep.db"
    file.touch()
    SqlStorage(f"sqlite:///{file}").close()
    assert set(of_sqlite(file)["tables"]) == set(metadata.tables)


def test_several_servers_that_start_at_once_build_the_tables_once(url: str) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            SqlStorage(url).close()
        except MlkeepException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert migrations.check(url).is_current


def test_an_older_sqlite_database_is_carried_forward_when_it_is_opened(sqlite_url: str) -> None:
    older: tuple[str, ...] = migrations.REVISIONS[:-1]
    for revision in older:
        move(sqlite_url, "base")
        move(sqlite_url, revision)
        SqlStorage(sqlite_url).close()
        assert migrations.check(sqlite_url).is_current


def test_an_older_postgresql_database_is_refused_with_the_command_to_run(postgres_url: str) -> None:
    shown = postgres_url.replace("postgres@", "postgres:***@")
    for revision in migrations.REVISIONS[:-1]:
        move(postgres_url, "base")
        move(postgres_url, revision)
        before = described(postgres_url)
        with pytest.raises(InvalidInput) as refused:
            SqlStorage(postgres_url.replace("postgres@", "postgres:secret@"))
        assert refused.value.message == (
            f"The database '{shown}' has schema revision '{revision}', and this version of mlkeep works with "
            f"'{migrations.HEAD}'. Make a backup, then run: mlkeep db upgrade '{shown}'"
        )
        assert described(postgres_url) == before
        assert migrations.check(postgres_url) == migrations.Report(f"database '{postgres_url}'", revision, [])
        assert migrations.upgrade(postgres_url) == (revision, migrations.HEAD)
        SqlStorage(postgres_url).close()


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    SqlStorage(url).close()
    run_sql(url, "UPDATE mlkeep_schema SET version_num = '9999'")
    for refusing in (SqlStorage, migrations.upgrade, migrations.check):
        with pytest.raises(
            InvalidInput, match=r"schema revision '9999', which this version of mlkeep \(revision \w+\) does not know"
        ):
            refusing(url)


@pytest.mark.parametrize("table", ["alembic_version", "experiments", "songs"])
def test_a_database_of_another_program_is_refused_and_left_alone(url: str, table: str) -> None:
    run_sql(url, f"CREATE TABLE {table} (id INTEGER)")
    before = described(url)
    for refusing in (SqlStorage, migrations.upgrade, migrations.check):
        with pytest.raises(
            InvalidInput, match=rf"tables of another program \({table}, ...\). Give mlkeep a database of its own"
        ):
            refusing(url)
    assert described(url) == before


def test_a_check_tells_what_is_different(url: str) -> None:
    SqlStorage(url).close()
    assert migrations.check(url) == migrations.Report(backend_at(url).place, migrations.HEAD, [])
    run_sql(url, "ALTER TABLE aliases ADD COLUMN colour TEXT")
    assert migrations.check(url).differences == ["remove_column aliases colour"]


def test_a_database_goes_back_only_to_where_it_was(url: str) -> None:
    migrations.upgrade(url)
    with pytest.raises(InvalidInput, match=r"cannot go back to '9999': give one of base, 0001"):
        migrations.downgrade(url, "9999")
    assert migrations.downgrade(url, "base") == (migrations.HEAD, "base")
    assert migrations.check(url).revision is None


def test_a_server_that_is_not_there_is_unavailable() -> None:
    for asking in (migrations.check, migrations.upgrade, SqlStorage):
        with pytest.raises(Unavailable, match="Connection refused"):
            asking("postgresql://ann:secret@127.0.0.1:1/db")


def test_code_of_before_works_on_the_tables_of_files_and_versions_learn_whose_files_they_have(url: str) -> None:
    model_id = f"m-{'0' * 32}"

    def old_rows(number: int) -> None:
        """What revision 0002 writes: a run, a logged model, and versions of both and of a place elsewhere."""
        run_root, model_root = f"s3://b/1/r{number}/artifacts", f"s3://b/1/models/{model_id}{number}/artifacts"
        run_sql(
            url,
            "INSERT INTO runs (id, run_id, experiment_id, name, user_id, status, start_ms, lifecycle, artifact_uri)"
            f" VALUES ({number}, 'r{number}', 1, 'n', '', 1, 1, 0, '{run_root}')",
        )
        run_sql(
            url,
            "INSERT INTO logged_models (id, model_id, experiment_id, name, model_type, source_run_id, artifact_uri,"
            " status, status_message, lifecycle, created_ms, updated_ms)"
            f" VALUES ({number}, '{model_id}{number}', 1, 'n', '', '', '{model_root}', 1, '', 0, 1, 1)",
        )
        for i, (place, run_id, logged_model) in enumerate(
            [
                (f"{run_root}/m/", f"r{number}", ""),
                (run_root, f"r{number}", ""),
                (model_root, f"r{number}", f"{model_id}{number}"),
                (f"{run_root}x/m", f"r{number}", ""),
                ("s3://elsewhere", "", ""),
            ]
        ):
            run_sql(
                url,
                "INSERT INTO model_versions (model_id, version, stage, source, storage_uri, run_id, run_link,"
                " logged_model_id, user_id, created_ms, updated_ms) VALUES"
                f" (1, {10 * number + i}, 'None', '', '{place}', '{run_id}', '', '{logged_model}', '', 1, 1)",
            )

    move(url, "0002")
    run_sql(
        url,
        "INSERT INTO experiments (id, name, artifact_location, lifecycle, created_ms, updated_ms)"
        " VALUES (1, 'e', 's3://b/1', 0, 1, 1)",
    )
    run_sql(
        url, "INSERT INTO registered_models (id, name, last_version, created_ms, updated_ms) VALUES (1, 'm', 9, 1, 1)"
    )
    old_rows(1)
    move(url, "0003")
    old_rows(2)
    engine = backend_at(url).engine(read_only=False)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT version, files_owner_kind, files_owner_id, files_path, artifact_bytes FROM model_versions"
            " ORDER BY version"
        ).fetchall()
        sums = connection.exec_driver_sql(
            "SELECT artifact_bytes, artifact_count FROM runs UNION ALL SELECT artifact_bytes, artifact_count"
            " FROM logged_models"
        ).fetchall()
    engine.dispose()
    unknown = [(number, None, None, None, None) for number in (13, 14, 20, 21, 22, 23, 24)]
    assert [tuple(row) for row in found] == [(10, 0, 1, "m", 0), (11, 0, 1, "", 0), (12, 1, 1, "", 0), *unknown]
    assert [tuple(row) for row in sums] == [(0, 0)] * 4
