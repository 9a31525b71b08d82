"""`mlkeep server` as a process: how it starts, what it answers about itself, and what it logs."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.processes import MlkeepServer, environment, mlkeep_server
from mlkeep import MlkeepClient
from mlkeep.storage.sql.migrations import HEAD
from mlkeep.storage.sql.storage import SqlStorage
from mlkeep.version import __version__
from mlkeep.web.listen import bind
from mlkeep.wire.openapi import document

API = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}


def ask(
    server: MlkeepServer, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body of one answer."""
    connection = server.connect()
    connection.request(method, path, None if body is None else json.dumps(body), {**JSON, **(headers or {})})
    answer = connection.getresponse()
    try:
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_it_tells_that_it_is_well_and_which_version_it_is(server: MlkeepServer) -> None:
    answers = {path: ask(server, "GET", path) for path in ("/health", "/version")}

    assert {path: (status, body) for path, (status, _, body) in answers.items()} == {
        "/health": (200, b"OK"),
        "/version": (200, __version__.encode()),
    }
    assert {headers["content-type"] for _, headers, _ in answers.values()} == {"text/plain; charset=utf-8"}


def test_health_is_503_while_a_backup_of_something_else_is_restored_over_the_database(server: MlkeepServer) -> None:
    def restore(backup: Path) -> None:
        source, target = sqlite3.connect(backup), sqlite3.connect(server.database)
        source.backup(target)
        source.close()
        target.close()

    right, wrong = server.folder / "right.db", server.folder / "wrong.db"
    make_database(wrong, "CREATE TABLE invoices (number INTEGER)")
    now, later = sqlite3.connect(server.database), sqlite3.connect(right)
    now.backup(later)
    now.close()
    later.close()

    restore(wrong)
    unwell = ask(server, "GET", "/health")
    restore(right)
    well = ask(server, "GET", "/health")

    assert (unwell[0], json.loads(unwell[2])) == (
        503,
        {
            "error_code": "TEMPORARILY_UNAVAILABLE",
            "message": "The database cannot be read: no such table: experiments. Try again.",
        },
    )
    assert well[0] == 200


@pytest.mark.parametrize("replacement", [None, b"", b"not a database at all" * 1000])
def test_health_is_503_once_the_database_file_is_not_the_one_that_was_opened(
    server: MlkeepServer, replacement: bytes | None
) -> None:
    server.database.unlink()
    if replacement is not None:
        server.database.write_bytes(replacement)

    status, _, body = ask(server, "GET", "/health")

    assert status == 503
    assert f"The database file '{server.database}' was removed or replaced" in json.loads(body)["message"]


def test_each_request_gets_an_id_and_one_line_in_the_access_log(server: MlkeepServer) -> None:
    given = ask(server, "GET", "/version", headers={"X-Request-Id": "from-the-client_7"})
    made = ask(server, "POST", f"{API}/experiments/create", {"name": "a"})
    refused = ask(server, "POST", f"{API}/experiments/create", {"name": "a"}, {"X-Request-Id": "again"})
    unusable = ask(server, "GET", f"{API}/nothing", headers={"X-Request-Id": "two words"})

    ids = [headers["x-request-id"] for _, headers, _ in (given, made, refused, unusable)]
    assert (ids[0], ids[2]) == ("from-the-client_7", "again")
    assert len(set(ids)) == 4
    assert all(len(each) == 32 for each in (ids[1], ids[3]))
    server.until(lambda: ids[3] in server.output)
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    assert [(line["request_id"], line["client"], line["method"], line["path"], line["status"]) for line in lines] == [
        (ids[0], "127.0.0.1", "GET", "/version", 200),
        (ids[1], "127.0.0.1", "POST", f"{API}/experiments/create", 200),
        (ids[2], "127.0.0.1", "POST", f"{API}/experiments/create", 400),
        (ids[3], "127.0.0.1", "GET", f"{API}/nothing", 404),
    ]
    assert all(line["duration_ms"] > 0 for line in lines)


def test_without_access_log_requests_leave_no_line(start_server: Callable[..., MlkeepServer]) -> None:
    server = start_server("--no-access-log")
    ask(server, "GET", "/version")

    assert server.stop() == 0
    assert server.output == f"mlkeep is listening on {server.url} (Ctrl-C stops it).\n"


def test_what_is_not_there_is_told_in_the_json_of_errors(server: MlkeepServer) -> None:
    def told(method: str, path: str) -> tuple[int, str, str]:
        status, headers, body = ask(server, method, path)
        error = json.loads(body)
        assert list(error) == ["error_code", "message"]
        assert error["message"]
        return status, headers["content-type"], error["error_code"]

    answers = {
        ("GET", "/nothing"): told("GET", "/nothing"),
        ("POST", f"{API}/runs/nothing"): told("POST", f"{API}/runs/nothing"),
        ("DELETE", f"{API}/runs/create"): told("DELETE", f"{API}/runs/create"),
        ("POST", "/health"): told("POST", "/health"),
        ("GET", f"{API}/runs/get?run_id=0"): told("GET", f"{API}/runs/get?run_id={'0' * 32}"),
    }

    assert answers == {
        ("GET", "/nothing"): (404, "application/json", "ENDPOINT_NOT_FOUND"),
        ("POST", f"{API}/runs/nothing"): (404, "application/json", "ENDPOINT_NOT_FOUND"),
        ("DELETE", f"{API}/runs/create"): (405, "application/json", "ENDPOINT_NOT_FOUND"),
        ("POST", "/health"): (405, "application/json", "ENDPOINT_NOT_FOUND"),
        ("GET", f"{API}/runs/get?run_id=0"): (404, "application/json", "RESOURCE_DOES_NOT_EXIST"),
    }


def test_the_socket_and_its_connections_send_without_delay() -> None:
    with bind("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            options = [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in (listening, accepted)]
        # asyncio sets the option itself on sockets that say that they are TCP, as those do which workers are given.
        assert listening.proto == socket.IPPROTO_TCP

    assert all(options)


def test_two_workers_share_one_sqlite_file_and_lose_nothing(start_server: Callable[..., MlkeepServer]) -> None:
    server = start_server("--workers", "2")
    client = MlkeepClient(tracking_uri=server.url)
    run_id = client.create_run("0").info.run_id
    steps, writers = 25, 8
    trouble: list[tuple[int, bytes]] = []
    sockets: set[object] = set()

    def write(name: str) -> None:
        connection = server.connect()
        for step in range(steps):
            for path, body in (
                ("log-metric", {"key": name, "value": step, "timestamp": step, "step": step}),
                ("log-parameter", {"key": f"{name}.{step}", "value": str(step)}),
            ):
                connection.request("POST", f"{API}/runs/{path}", json.dumps({"run_id": run_id, **body}), JSON)
                answer = connection.getresponse()
                if (told := (answer.status, answer.read())) != (200, b"{}"):
                    trouble.append(told)
                sockets.add(connection.sock.getsockname())
        connection.close()

    names = [f"w{number}" for number in range(writers)]
    threads = [threading.Thread(target=write, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert trouble == []
    assert len(sockets) == writers  # every connection stayed open from its first request to its last
    run = client.get_run(run_id)
    assert run.data.params == {f"{name}.{step}": str(step) for name in names for step in range(steps)}
    assert {name: [p.step for p in client.get_metric_history(run_id, name)] for name in names} == {
        name: list(range(steps)) for name in names
    }
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    assert sum(line["path"].startswith(f"{API}/runs/log-") for line in lines) == 2 * steps * writers


def make_database(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def refusal(*options: str, backend: str) -> str:
    """What a server that cannot start says."""
    done = subprocess.run(
        [*mlkeep_server(backend), *options], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert done.stdout == ""
    return done.stderr


def test_a_port_in_use_keeps_it_from_starting(server: MlkeepServer, tmp_path: Path) -> None:
    for workers in ("1", "2"):
        told = refusal("--port", str(server.port), "--workers", workers, backend=f"sqlite:///{tmp_path}/other.db")

        assert told == (
            f"Error: Port {server.port} on 127.0.0.1 is in use by another process: stop that one, or choose another "
            "port with --port (0 takes a free one).\n"
        )


def test_a_database_it_cannot_use_keeps_it_from_starting(tmp_path: Path) -> None:
    newer, foreign, garbage = tmp_path / "newer.db", tmp_path / "foreign.db", tmp_path / "garbage.db"
    SqlStorage(f"sqlite:///{newer}").close()
    make_database(newer, "UPDATE mlkeep_schema SET version_num = '9999'")
    make_database(foreign, "CREATE TABLE invoices (number INTEGER)")
    garbage.write_text("This is no database. " * 100)
    file = tmp_path / "a file"
    file.touch()
    before = {path: path.read_bytes() for path in (newer, foreign, garbage)}

    told = {
        backend: refusal("--port", "0", backend=backend).removeprefix("Error: ")
        for backend in (
            f"sqlite:///{newer}",
            f"sqlite:///{foreign}",
            f"sqlite:///{garbage}",
            f"sqlite:///{file}/below/mlkeep.db",
            "sqlite://",
            "mysql://keeper:secret@localhost/mlkeep",
            "mlkeep.db",
        )
    }

    assert told == {
        f"sqlite:///{newer}": (
            f"The database file '{newer}' has schema revision '9999', which this version of mlkeep (revision {HEAD}) "
            "does not know: it was written by a newer version. Install that version, or use another database.\n"
        ),
        f"sqlite:///{foreign}": (
            f"The database file '{foreign}' holds tables of another program (invoices, ...). Give mlkeep a database of its "
            "own.\n"
        ),
        f"sqlite:///{garbage}": f"The database file '{garbage}' cannot be opened: file is not a database.\n",
        f"sqlite:///{file}/below/mlkeep.db": (
            f"The folder '{file}/below' for the database cannot be made: Not a directory.\n"
        ),
        "sqlite://": (
            "A SQLite backend store needs a file, such as sqlite:///mlkeep.db: several connections work on it.\n"
        ),
        "mysql://keeper:secret@localhost/mlkeep": (
            "The backend store 'mysql://keeper:***@localhost/mlkeep' is not supported by this version of mlkeep: use a "
            "SQLite file, such as sqlite:///mlkeep.db, or PostgreSQL, such as postgresql://user:password@host/database.\n"
        ),
        "mlkeep.db": (
            "Invalid value 'mlkeep.db' for parameter 'backend_store_uri' supplied: it must be a database URL such as "
            "sqlite:///mlkeep.db or postgresql://user:password@host/database.\n"
        ),
    }
    assert {path: path.read_bytes() for path in before} == before


def test_an_artifact_folder_that_cannot_be_written_keeps_it_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.touch()

    told = refusal("--port", "0", "--artifacts-destination", f"{file}/below", backend=f"sqlite:///{tmp_path}/mlkeep.db")

    assert told == (
        f"Error: The artifact folder '{file}/below' cannot be written to: Not a directory. Choose another, or change its "
        "permissions.\n"
    )


def test_without_artifact_proxy_clients_reach_the_artifacts_themselves(
    start_server: Callable[..., MlkeepServer],
) -> None:
    server = start_server("--no-serve-artifacts")
    proxy = "/api/2.0/mlflow-artifacts/artifacts"
    answers = [
        ask(server, "GET", proxy),
        ask(server, "GET", f"{proxy}/1/a.txt"),
        ask(server, "PUT", f"{proxy}/1/a.txt", "text"),
        ask(server, "DELETE", f"{proxy}/1/a.txt"),
    ]
    client = MlkeepClient(tracking_uri=server.url)
    run = client.create_run(client.create_experiment("local"))
    client.log_text(run.info.run_id, "text", "notes/a.txt")

    assert [(status, "--no-serve-artifacts" in str(body)) for status, _, body in answers] == [(503, True)] * 4
    root = server.folder / "artifacts" / "1"
    assert client.get_experiment("1").artifact_location == str(root)
    assert run.info.artifact_uri == f"{root}/{run.info.run_id}/artifacts"
    assert (root / run.info.run_id / "artifacts" / "notes" / "a.txt").read_text() == "text"


def test_a_request_that_is_no_http_does_not_disturb_it(server: MlkeepServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")
    assert ask(server, "GET", "/health")[0] == 200


def test_the_largest_request_it_reads_can_be_set(start_server: Callable[..., MlkeepServer]) -> None:
    server = start_server("--max-body-bytes", "1000")

    def padded(size: int) -> dict[str, str]:
        body = {"experiment_id": "0", "padding": ""}
        return {**body, "padding": "x" * (size - len(json.dumps(body)))}

    assert ask(server, "POST", f"{API}/runs/create", padded(1000))[0] == 200
    status, _, told = ask(server, "POST", f"{API}/runs/create", padded(1001))
    assert (status, json.loads(told)["message"].startswith("The request body is larger than 1000 bytes")) == (413, True)
    proxy = "/api/2.0/mlflow-artifacts/artifacts/1/large.bin"
    assert ask(server, "PUT", proxy, "x" * 100_000)[0] == 200


def test_it_describes_itself(server: MlkeepServer) -> None:
    status, headers, body = ask(server, "GET", "/api/mlkeep/1/openapi.json")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == document(__version__)
    assert b'href="api/mlkeep/1/openapi.json"' in ask(server, "GET", "/")[2]


def test_all_paths_may_begin_with_a_prefix(start_server: Callable[..., MlkeepServer]) -> None:
    server = start_server("--static-prefix", "/ml/keep")
    client = MlkeepClient(tracking_uri=server.url)
    run_id = client.create_run(client.create_experiment("prefixed")).info.run_id
    client.log_text(run_id, "text", "a.txt")

    assert server.url.endswith("/ml/keep")
    assert [file.path for file in client.list_artifacts(run_id)] == ["a.txt"]
    assert [ask(server, "GET", path)[0] for path in ("/ml/keep/health", "/health", "/ml/keep", "/ml/keep/")] == [
        *(200, 404),
        *(200, 200),
    ]
    assert b'<base href="/ml/keep/">' in ask(server, "GET", "/ml/keep")[2]
    told = json.loads(ask(server, "GET", "/ml/keep/api/mlkeep/1/openapi.json")[2])
    assert told["servers"] == [{"url": "/ml/keep"}]


def test_a_prefix_that_is_none_keeps_it_from_starting(tmp_path: Path) -> None:
    for prefix in ("ml", "/ml/", "/{ml}", "//ml"):
        command = [*mlkeep_server(f"sqlite:///{tmp_path / 'm.db'}"), "--static-prefix", prefix]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert f"'{prefix}' must begin with a slash" in done.stderr
