"""`mlkeep db`: what it says and does."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.postgres import PostgresServer
from mlkeep.cli.main import main
from mlkeep.storage.sql import migrations


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["db", *arguments])


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mlkeep.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


def test_an_empty_database_is_built_and_then_checked(url: str) -> None:
    before = run("check", url)
    assert (before.exit_code, "empty; this version" in before.output, "db upgrade" in before.output) == (1, True, True)
    built = run("upgrade", url)
    assert (built.exit_code, built.output) == (0, f"The schema went from empty to revision {migrations.HEAD}.\n")
    again = run("upgrade", url)
    assert (again.exit_code, again.output) == (0, f"The schema is at revision {migrations.HEAD}: nothing to do.\n")
    checked = run("check", url)
    assert checked.exit_code == 0
    assert checked.output.endswith(
        f": revision {migrations.HEAD}; this version of mlkeep works with revision {migrations.HEAD}.\n"
    )


def test_a_check_makes_no_file(tmp_path: Path) -> None:
    assert run("check", f"sqlite:///{tmp_path / 'mlkeep.db'}").exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["MLKEEP_BACKEND_STORE_URI", "MLFLOW_BACKEND_STORE_URI"])
def test_the_database_may_come_from_the_environment(name: str, tmp_path: Path) -> None:
    assert run("upgrade", **{name: f"sqlite:///{tmp_path / 'mlkeep.db'}"}).exit_code == 0
    assert (tmp_path / "mlkeep.db").exists()


def test_without_a_database_it_asks_for_one() -> None:
    asked = run("check")
    assert asked.exit_code == 2
    assert "MLKEEP_BACKEND_STORE_URI or MLFLOW_BACKEND_STORE_URI" in asked.output


def test_a_password_is_not_shown(postgres: PostgresServer) -> None:
    url = postgres.new_database().replace("postgres@", "postgres:secret@")
    assert run("upgrade", url).exit_code == 0
    checked = run("check", url)
    assert (checked.exit_code, "secret" in checked.output) == (0, False)
