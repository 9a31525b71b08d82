"""Uploads and downloads whose client or server is killed, and connections that stand still or break."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.processes import MlkeepServer, environment
from mlkeep import MlkeepClient
from mlkeep.blobs.moving.sources import fingerprint_of
from mlkeep.core.errors import Unavailable
from mlkeep.remote.artifacts import ProxiedStore
from mlkeep.remote.transport import Transport

pytestmark = pytest.mark.faults

MIB = 1024 * 1024
PART = 8 * MIB

# Who starts the tests in the background of a shell has them ignore interrupts.
UPLOAD = """
import signal, sys
from mlkeep import MlkeepClient
signal.signal(signal.SIGINT, signal.default_int_handler)
MlkeepClient(tracking_uri=sys.argv[1]).log_artifact(sys.argv[2], sys.argv[3])
"""


class Quiet(ThreadingHTTPServer):
    """A server that does not mind clients being killed."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class Relay:
    """Passes requests on to a server, counting the parts that are sent; `lets_pass` so many of them, and leaves the others."""

    def __init__(self, server: MlkeepServer) -> None:
        self.parts: list[int] = []
        self.lets_pass = 1_000
        self.stopped = threading.Event()
        self._arrived = itertools.count(1)
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                is_part = self.command == "PUT" and "/uploads/" in self.path
                if is_part and next(relay._arrived) > relay.lets_pass:
                    relay.stopped.set()
                    self.close_connection = True
                    return
                body = self.rfile.read(length)
                if is_part:
                    relay.parts.append(int(self.path.rpartition("/")[2]))
                passed = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                with closing(server.connect()) as connection:
                    connection.request(self.command, self.path, body, passed)
                    answer = connection.getresponse()
                    told = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type", "text/plain"))
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlkeepServer]:
    running = MlkeepServer(tmp_path / "server")
    yield running
    running.end()


@pytest.fixture
def relay(server: MlkeepServer) -> Iterator[Relay]:
    passing = Relay(server)
    yield passing
    passing.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of four parts, the last one short."""
    file = tmp_path / "large.bin"
    file.write_bytes(random.Random(1).randbytes(4 * PART - 5))
    return file


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_upload_goes_on_when_the_server_was_killed_and_started_again(
    server: MlkeepServer, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLKEEP_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000")
    run_id = MlkeepClient(tracking_uri=server.url).create_run("0").info.run_id
    transport = Transport(server.url)
    parts = ProxiedStore(transport, f"0/{run_id}/artifacts").parts
    assert parts is not None
    begun = parts.begin("large.bin", large.stat().st_size, fingerprint_of(large.stat()), PART)
    sink = parts.sink(begun.upload_id, 2)
    sink.write(large.read_bytes()[PART : 2 * PART])
    sink.finish()
    transport.close()
    server.end()

    again = MlkeepServer(server.folder)
    relay = Relay(again)
    try:
        MlkeepClient(tracking_uri=relay.url).log_artifact(run_id, large)
        assert sorted(relay.parts) == [1, 3, 4]
        fetched = Path(
            MlkeepClient(tracking_uri=again.url).download_artifacts(run_id, "large.bin", str(tmp_path / "f"))
        )
        assert digest_of(fetched.read_bytes()) == digest_of(large.read_bytes())
    finally:
        relay.close()
        again.end()


def test_ctrl_c_ends_an_upload_that_stands_still(server: MlkeepServer, relay: Relay, large: Path) -> None:
    client = MlkeepClient(tracking_uri=server.url)
    run_id = client.create_run("0").info.run_id
    relay.lets_pass = 1
    env = {
        **environment(),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MLKEEP_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "1000",
        "MLKEEP_HTTP_REQUEST_BACKOFF_FACTOR": "100",
    }
    command = [sys.executable, "-c", UPLOAD, relay.url, run_id, str(large)]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as stopped:
        assert relay.stopped.wait(60)
        stopped.send_signal(signal.SIGINT)
        start = time.monotonic()
        try:
            _, told = stopped.communicate(timeout=30)
        finally:
            stopped.kill()
    assert time.monotonic() - start < 5
    assert "KeyboardInterrupt" in told
    assert client.list_artifacts(run_id) == []


class Stalling(BaseHTTPRequestHandler):
    """Sends half of what it promises, and then nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 500)
        self.wfile.flush()
        self.server.released.wait(60)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def test_a_connection_that_stands_still_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLKEEP_HTTP_REQUEST_TIMEOUT", "0.2")
    with ThreadingHTTPServer(("127.0.0.1", 0), Stalling) as stalling:
        stalling.released = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=stalling.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        transport = Transport(f"http://127.0.0.1:{stalling.server_port}")
        store = ProxiedStore(transport, "")
        with pytest.raises(Unavailable, match=r"broke off.*timed out"):
            b"".join(store.read("a"))
        stalling.released.set()  # type: ignore[attr-defined]
        stalling.shutdown()
        thread.join()
        transport.close()
