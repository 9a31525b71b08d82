"""What our client does where the server, or the line to it, is not as it should be."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlkeep.core.errors import Conflict, Forbidden, Unavailable
from mlkeep.remote import abilities
from mlkeep.remote.artifacts import ProxiedStore
from mlkeep.remote.bodies import FileBody
from mlkeep.remote.transport import Transport

DATA = bytes(range(256)) * 4_000


class Server(ThreadingHTTPServer):
    """An artifact server with faults: `answers` are given to PUTs first; ranges are known or not."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.knows_ranges = True
        self.breaks_after: int | None = None

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are meant to."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(f"PUT {self.path}")
        self.server.headers.append(dict(self.headers))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 200:
            self.server.files[self.path.rpartition("/")[2]] = body
        self._answer(status, b"{}")

    def do_GET(self) -> None:
        self.server.asked.append(f"GET {self.path}")
        if "server-info" in self.path:
            self._answer(404, b"no such page")
            return
        data = self.server.files[self.path.rpartition("/")[2]]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or not self.server.knows_ranges:
            self._answer(200, data)
        else:
            self._answer(206, data[int(asked[1]) : int(asked[2]) + 1 if asked[2] else None])

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_after])
        if self.server.breaks_after is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("BACKOFF_FACTOR", "BACKOFF_JITTER"):
        monkeypatch.setenv(f"MLKEEP_HTTP_REQUEST_{name}", "0")
    monkeypatch.setattr(abilities, "_known", {})
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def store(server: Server) -> Iterator[ProxiedStore]:
    transport = Transport(f"http://127.0.0.1:{server.server_port}")
    yield ProxiedStore(transport, "1/r/artifacts")
    transport.close()


def test_a_file_is_sent_again_from_its_start_when_the_server_was_busy(
    server: Server, store: ProxiedStore, tmp_path: Path
) -> None:
    (tmp_path / "a.bin").write_bytes(DATA)
    server.answers = [503, 429]
    stored = store.put("a.bin", tmp_path / "a.bin")
    assert server.files == {"a.bin": DATA}
    assert (stored.size, stored.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert [one for one in server.asked if "PUT" in one] == [
        "PUT /api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a.bin"
    ] * 3


def test_a_server_of_mlflow_gets_what_mlflows_client_sends(server: Server, store: ProxiedStore) -> None:
    store.put_bytes("a.txt", b"text")
    store.put_bytes("empty", b"")
    sent = [
        {name: headers.get(name) for name in ("Content-Type", "Content-Length", "Content-Digest")}
        for headers in server.headers
    ]
    assert sent == [
        {"Content-Type": "text/plain", "Content-Length": "4", "Content-Digest": None},
        {"Content-Type": "application/octet-stream", "Content-Length": "0", "Content-Digest": None},
    ]
    assert (store.parts, store.bundles) == (None, None)


@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (503, Unavailable)])
def test_refusals_are_told_as_what_they_are(
    server: Server, store: ProxiedStore, status: int, kind: type[Exception]
) -> None:
    server.answers = [status] * 20
    with pytest.raises(kind):
        store.put_bytes("a.txt", b"text")


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize(("start", "end"), [(0, 10), (300_000, 700_001), (1_023_990, None)])
def test_a_range_comes_from_servers_that_know_none_too(
    server: Server, store: ProxiedStore, knows_ranges: bool, start: int, end: int | None
) -> None:
    server.files["a.bin"], server.knows_ranges = DATA, knows_ranges
    assert b"".join(store.read("a.bin", start, end)) == DATA[start:end]
    assert b"".join(store.read("a.bin")) == DATA


def test_an_answer_that_breaks_off_is_no_file(server: Server, store: ProxiedStore) -> None:
    server.files["a.bin"], server.breaks_after = DATA, 500_000
    with pytest.raises(Unavailable, match="broke off"):
        b"".join(store.read("a.bin"))


@pytest.mark.parametrize("change", [b"", b"more", b"less"])
def test_a_file_that_changes_while_it_is_sent_is_not_sent_whole(tmp_path: Path, change: bytes) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(DATA)
    sent = [0]

    def send_the_rest(body: FileBody) -> None:
        while piece := body.read(100_000):
            sent.append(len(piece))

    with FileBody(file) as body:
        sent.append(len(body.read(1_000)))
        file.write_bytes(DATA + change if change != b"less" else DATA[:500_000])
        with pytest.raises(Conflict, match="changed while it was being uploaded"):
            send_the_rest(body)
    assert sum(sent) < len(DATA)


def test_what_a_server_can_do_is_asked_once(server: Server, store: ProxiedStore) -> None:
    for _ in range(3):
        assert store.abilities == abilities.PLAIN
    assert store.below("x").abilities == abilities.PLAIN
    assert [one for one in server.asked if "server-info" in one] == ["GET /api/3.0/mlflow/server-info"]
