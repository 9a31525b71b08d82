"""`mlkeep doctor` at the prompt."""

from __future__ import annotations

import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import Result

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient, __version__

Run = Callable[..., Result]

PROBE = r"wrote, read and deleted mlkeep-doctor-[0-9a-f]{32}\.txt \(47 bytes\) at "


def checks(result: Result) -> list[str]:
    """The lines of the last section."""
    lines = result.stdout.splitlines()
    return [line.strip() for line in lines[lines.index("Checks") + 1 :]]


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a server that knows nothing of tracking."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<h1>Welcome</h1>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_database_and_its_artifacts_are_found_well(mlkeep: Run, store: Path, tmp_path: Path) -> None:
    MlkeepClient(tracking_uri=f"sqlite:///{store}").create_run("0")
    before = sorted(tmp_path.rglob("*"))

    result = mlkeep("doctor")

    opened, probed = checks(result)
    assert result.exit_code == 0
    assert re.fullmatch(r"ok    tracking store: opened in \d+ ms; schema revision 0005", opened)
    assert re.fullmatch(f"ok    artifact store: {PROBE}{re.escape(str(tmp_path))}/kept/artifacts/0", probed)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_database_that_is_not_there_is_not_made(mlkeep: Run, store: Path, tmp_path: Path) -> None:
    result = mlkeep("doctor")

    missing, probed = checks(result)
    assert result.exit_code == 0
    assert missing == f"ok    tracking store: {store} is not there yet; it is made when something is tracked"
    assert re.fullmatch(f"ok    artifact store: {PROBE}{re.escape(str(tmp_path))}/kept/artifacts", probed)
    assert list(tmp_path.iterdir()) == []


def test_a_server_is_asked_for_its_version_and_its_speed(mlkeep: Run, server: MlkeepServer) -> None:
    result = mlkeep("doctor", env={"MLKEEP_TRACKING_URI": server.url})

    answers, probed = checks(result)
    assert result.exit_code == 0
    assert re.fullmatch(
        rf"ok    tracking store: the server \(version {re.escape(__version__)}\) answers; a round trip takes [\d.]+ ms",
        answers,
    )
    assert re.fullmatch(f"ok    artifact store: {PROBE}mlflow-artifacts:/0", probed)
    assert [path for path in (server.folder / "artifacts").rglob("*") if path.is_file()] == []


def test_a_server_that_does_not_answer_fails_with_what_to_do(mlkeep: Run) -> None:
    with socket.socket() as held:  # bound, but nobody listens
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        result = mlkeep("doctor", env={"MLKEEP_TRACKING_URI": url})

    failure, advice, *rest = checks(result)
    assert result.exit_code == 1
    assert failure.startswith(f"FAIL  tracking store: API request to {url} failed with exception NewConnectionError")
    assert advice == "Start the server with `mlkeep server`, or set MLKEEP_TRACKING_URI to one that runs."
    assert rest == [
        "FAIL  artifact store: not checked: only the tracking store knows where it is",
        "Repair the tracking store first.",
    ]


def test_something_else_at_the_address_is_told_from_a_tracking_server(mlkeep: Run, stranger: str) -> None:
    result = mlkeep("doctor", env={"MLKEEP_TRACKING_URI": stranger})

    assert result.exit_code == 1
    assert checks(result)[:2] == [
        f"FAIL  tracking store: {stranger}/health answers something else than OK.",
        "Something else than a tracking server answers there: check host, port and path of the tracking URI.",
    ]


def test_a_database_of_another_program_fails(mlkeep: Run, store: Path) -> None:
    store.parent.mkdir()
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("CREATE TABLE invoices (number INTEGER)")

    result = mlkeep("doctor")

    assert result.exit_code == 1
    assert checks(result)[:2] == [
        (
            f"FAIL  tracking store: The database file '{store}' holds tables of another program (invoices, ...). Give mlkeep a "
            "database of its own."
        ),
        "Set MLKEEP_TRACKING_URI to a server (http://host:5000) or a SQLite file (sqlite:///mlkeep.db).",
    ]


def test_a_uri_of_an_unknown_kind_fails(mlkeep: Run) -> None:
    result = mlkeep("doctor", env={"MLKEEP_TRACKING_URI": "databricks"})

    assert result.exit_code == 1
    assert checks(result)[0].startswith("FAIL  tracking store: The tracking URI 'databricks' cannot be used")


def test_a_place_for_artifacts_that_cannot_be_written_fails(mlkeep: Run, store: Path) -> None:
    MlkeepClient(tracking_uri=f"sqlite:///{store}").create_run("0")
    (store.parent / "artifacts").write_text("a file where a folder should be")

    result = mlkeep("doctor")

    assert result.exit_code == 1
    assert checks(result)[1].startswith(f"FAIL  artifact store: {store.parent}/artifacts/0 cannot be used: ")
    assert checks(result)[2] == "Make the place writable, or start the server with another --artifacts-destination."


def test_a_database_in_a_place_that_is_no_folder_fails(mlkeep: Run, store: Path) -> None:
    store.parent.write_text("a file where a folder should be")

    result = mlkeep("doctor")

    assert result.exit_code == 1
    assert checks(result)[:2] == [
        (
            f"FAIL  tracking store: {store} is not there, and cannot be made: {store.parent} is no folder that can be "
            "written to."
        ),
        "Make the file and its folder readable and writable for this user, or set MLKEEP_TRACKING_URI.",
    ]


def test_it_says_where_the_uris_come_from(mlkeep: Run, tmp_path: Path) -> None:
    def settings(**env: str | None) -> list[str]:
        lines = mlkeep("doctor", env={"MLKEEP_TRACKING_URI": None, **env}).stdout.splitlines()
        start = lines.index("Settings")
        return [line.strip() for line in lines[start + 1 : start + 3]]

    uri, other = f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"
    default = f"sqlite:///{tmp_path}/.mlkeep/mlkeep.db"
    assert settings() == [
        f"tracking URI  {default} (the default: no variable sets it)",
        f"registry URI  {default} (as the tracking URI)",
    ]
    assert settings(MLFLOW_TRACKING_URI=uri)[0] == f"tracking URI  {uri} (from MLFLOW_TRACKING_URI)"
    assert settings(MLFLOW_TRACKING_URI=uri, MLKEEP_TRACKING_URI=uri, MLFLOW_REGISTRY_URI=other) == [
        f"tracking URI  {uri} (from MLKEEP_TRACKING_URI)",
        f"registry URI  {other} (from MLFLOW_REGISTRY_URI)",
    ]
    assert settings(MLFLOW_TRACKING_URI=other, MLKEEP_TRACKING_URI=uri)[0] == (
        f"tracking URI  {uri} (from MLKEEP_TRACKING_URI, which wins over MLFLOW_TRACKING_URI)"
    )


def test_a_registry_elsewhere_is_checked_too(mlkeep: Run, tmp_path: Path) -> None:
    result = mlkeep("doctor", env={"MLKEEP_REGISTRY_URI": f"sqlite:///{tmp_path}/models.db"})

    assert checks(result)[1].startswith(f"ok    registry store: {tmp_path}/models.db is not there yet")


def test_secrets_are_masked_always_and_everything_on_request(mlkeep: Run, store: Path) -> None:
    env = {
        "MLFLOW_TRACKING_USERNAME": "joe",
        "MLFLOW_TRACKING_PASSWORD": "hunter2",
        "MLFLOW_TRACKING_TOKEN": "hunter3",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "hunter4",
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": "hunter5",
        "MLFLOW_BACKEND_STORE_URI": "postgresql://joe:hunter6/@db/mlkeep?sslpassword=hunter7&sslmode=require",
    }

    shown, masked = mlkeep("doctor", env=env).stdout, mlkeep("doctor", "--mask-envs", env=env).stdout

    def section(text: str) -> list[list[str]]:
        lines = text.splitlines()
        return [line.split() for line in lines[lines.index("Environment") + 1 : lines.index("Checks") - 1]]

    assert section(shown) == [
        ["MLFLOW_BACKEND_STORE_URI", "postgresql://joe:***@db/mlkeep?sslpassword=***&sslmode=require"],
        ["MLFLOW_CRYPTO_KEK_PASSPHRASE", "***"],
        ["MLFLOW_FLASK_SERVER_SECRET_KEY", "***"],
        ["MLFLOW_TRACKING_PASSWORD", "***"],
        ["MLFLOW_TRACKING_TOKEN", "***"],
        ["MLFLOW_TRACKING_USERNAME", "joe"],
        ["MLKEEP_TRACKING_URI", f"sqlite:///{store}"],
    ]
    assert {value for _, value in section(masked)} == {"***"}
    assert "hunter" not in shown + masked


def test_a_password_in_the_tracking_uri_is_never_printed(mlkeep: Run) -> None:
    result = mlkeep("doctor", env={"MLKEEP_TRACKING_URI": "http://joe:hunter2@127.0.0.1:1"})

    assert result.exit_code == 1
    assert "http://joe:***@127.0.0.1:1" in result.stdout
    assert "hunter2" not in result.output


def test_it_names_the_versions_a_report_needs(mlkeep: Run) -> None:
    lines = [line.split() for line in mlkeep("doctor").stdout.splitlines()]

    assert [line[0] for line in lines[1:4]] == ["mlkeep", "Python", "platform"]
    assert lines[1][1] == __version__
    assert {"litestar", "msgspec", "numpy", "scikit-learn", "sqlalchemy"} <= {line[0] for line in lines if line}


def test_help_shows_examples(mlkeep: Run) -> None:
    assert "  mlkeep doctor\n" in mlkeep("doctor", "--help").stdout
