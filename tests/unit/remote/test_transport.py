"""What the client sends with every request, and what it says when nothing answers."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlkeep.core.errors import InvalidInput, NotFound, Unavailable
from mlkeep.remote.transport import Transport
from mlkeep.version import __version__


class Recorder(HTTPServer):
    """Answers with the next of `answers`, and keeps the headers of what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, bytes]] = []


class _Answer(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        self.server.headers.append(dict(self.headers))
        status, body = self.server.answers.pop(0) if self.server.answers else (200, b"{}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        for owner in ("MLFLOW", "MLKEEP"):
            monkeypatch.delenv(f"{owner}_TRACKING_{name}", raising=False)
    monkeypatch.setenv("MLKEEP_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLKEEP_HTTP_REQUEST_BACKOFF_JITTER", "0")
    return monkeypatch


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def sent(recorder: Recorder, base: str) -> str | None:
    Transport(base).send("GET", "/x")
    return recorder.headers[-1].get("Authorization")


def test_credentials_come_from_the_uri_else_from_the_environment(
    recorder: Recorder, environment: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{recorder.server_port}"
    assert sent(recorder, f"http://{host}") is None
    assert recorder.headers[-1]["User-Agent"] == f"mlkeep-python-client/{__version__}"

    environment.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    assert sent(recorder, f"http://{host}") == "Bearer t0ken"

    environment.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    environment.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    assert sent(recorder, f"http://{host}") == basic("ann", "secret")
    assert sent(recorder, f"http://bob:p%40ss@{host}") == basic("bob", "p@ss")


def test_a_password_in_the_uri_is_shown_nowhere() -> None:
    transport = Transport("http://bob:p4ssword@127.0.0.1:1/prefix/")
    assert transport.base == "http://127.0.0.1:1/prefix"
    with pytest.raises(Unavailable, match=r"API request to http://127\.0\.0\.1:1/prefix failed") as told:
        transport.send("GET", "/x")
    assert "p4ssword" not in str(told.value)


@pytest.mark.parametrize("base", ["ftp://host", "http://", "host:5000"])
def test_a_uri_that_names_no_server_is_refused(base: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid tracking URI"):
        Transport(base)


def test_a_server_that_fails_is_asked_again_and_a_refusal_is_final(recorder: Recorder) -> None:
    transport = Transport(f"http://127.0.0.1:{recorder.server_port}")
    recorder.answers = [(503, b""), (429, b""), (200, b'{"a":1}')]
    assert transport.send("GET", "/x") == b'{"a":1}'

    recorder.answers = [(404, b'{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Run with id=1 not found"}')]
    with pytest.raises(NotFound, match=r"^RESOURCE_DOES_NOT_EXIST: Run with id=1 not found$"):
        transport.send("GET", "/x")
    assert len(recorder.headers) == 4
