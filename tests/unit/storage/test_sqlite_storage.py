"""What is about SQLite alone: its file, its settings, a full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlkeep.core.errors import Unavailable
from mlkeep.storage.sql.storage import SqlStorage
from tests.unit.storage.holding import busy
from tests.unit.storage.test_sql_storage import add_experiment, add_run, log, logged


@pytest.fixture
def url(sqlite_url: str) -> str:
    return sqlite_url


def pragma(tx: Any, name: str) -> Any:
    return tx.session.connection.exec_driver_sql(f"PRAGMA {name}").scalar()


@pytest.mark.parametrize(("durability", "synchronous"), [("normal", 1), ("full", 2)])
def test_connections_are_set_up(url: str, durability: str, synchronous: int) -> None:
    storage = SqlStorage(url, durability=durability)
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": synchronous, "busy_timeout": 30_000}

    def settings(tx: Any) -> dict[str, Any]:
        tx.experiments.find_by_name("")  # SQLite learns of WAL when it first reads the file
        return {name: pragma(tx, name) for name in [*wanted, "query_only"]}

    assert storage.write(settings).result(10) == {**wanted, "query_only": 0}
    assert storage.read(settings) == {**wanted, "query_only": 1}
    storage.close()


def test_the_folder_of_a_database_is_made(tmp_path: Path) -> None:
    SqlStorage(f"sqlite:///{tmp_path}/some/where/mlkeep.db").close()
    assert (tmp_path / "some" / "where" / "mlkeep.db").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be made"):
        SqlStorage(f"sqlite:///{tmp_path}/file/mlkeep.db")


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear database, " * 100)
    with pytest.raises(Unavailable, match=r"letter\.txt' cannot be opened: file is not a database"):
        SqlStorage(f"sqlite:///{tmp_path}/letter.txt")


def fill_the_disk(tx: Any) -> None:
    """Leave the database no page more than it has, and need one."""
    pages = pragma(tx, "page_count")
    pragma(tx, f"max_page_count = {pages}")
    tx.experiments.add("x" * 100_000, "", {}, 1)


def test_a_full_disk_is_told_to_everybody_and_nothing_is_kept(storage: SqlStorage) -> None:
    with busy(storage.write):
        before = storage.write(lambda tx: add_experiment(tx, "before"))
        full = storage.write(fill_the_disk)
        after = storage.write(lambda tx: add_experiment(tx, "after"))
    for future in (before, full, after):
        with pytest.raises(Unavailable, match=r"could not keep the change: database or disk is full\. Try again"):
            future.result(10)
    assert storage.write(lambda tx: add_experiment(tx, "before")).result(10) == "1"
    assert storage.read(lambda tx: tx.experiments.find_by_name("after")) is None
    storage.check()


def test_a_key_of_a_transaction_that_failed_is_not_remembered(storage: SqlStorage) -> None:
    storage.write(lambda tx: (add_experiment(tx), add_run(tx))).result(10)
    with busy(storage.write):
        lost = storage.write(log("lost", 1.0))
        storage.write(fill_the_disk)
    with pytest.raises(Unavailable):
        lost.result(10)
    storage.write(log("kept", 2.0)).result(10)
    storage.write(log("lost", 3.0)).result(10)
    assert storage.read(logged) == {"kept": [2.0], "lost": [3.0], "later": []}


def test_a_file_is_opened_without_the_driver_of_postgresql(url: str) -> None:
    program = f"""
import sys
from mlkeep.storage.sql.storage import SqlStorage
SqlStorage({url!r}).close()
sys.exit("psycopg" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
