"""The artifact proxy of a running server, as bytes on a socket: streams, unsafe paths, uploads that break off."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]  # no stubs in the development environment
import pytest

from bench.processes import MlkeepServer
from tests.e2e.artifact_server import PROXY, Client, files_below

MIB = 1024 * 1024


def ask(server: MlkeepServer, method: str, path: str, body: bytes | Iterator[bytes] | None = None) -> tuple[int, bytes]:
    """Status and body of one answer, on a connection of its own."""
    client = Client(server)
    answer = client.ask(method, path, body)
    client.close()
    return answer.status, answer.body


def test_a_file_goes_up_in_chunks_comes_down_is_listed_and_deleted(server: MlkeepServer) -> None:
    up = ask(server, "PUT", f"{PROXY}/1/r/artifacts/a%20b/gr%C3%B6%C3%9Fe+1.txt", iter([b"some ", b"text"]))
    empty = ask(server, "PUT", f"{PROXY}/1/r/artifacts/empty", iter(()))
    listed = [ask(server, "GET", f"{PROXY}?path={path}") for path in ("1/r/artifacts", "1/r/artifacts/a%20b", "no")]
    down = ask(server, "GET", f"{PROXY}/1/r/artifacts/a%20b/gr%C3%B6%C3%9Fe+1.txt")
    stored = files_below(server.folder / "artifacts")
    deleted = [ask(server, "DELETE", f"{PROXY}/1/r/artifacts/{path}") for path in ("empty", "a%20b/", "no")]

    assert [up, empty, *deleted] == [(200, b"{}")] * 5
    assert [(status, json.loads(body)) for status, body in listed] == [
        (200, {"files": [{"path": "a b", "is_dir": True}, {"path": "empty", "is_dir": False}]}),
        (200, {"files": [{"path": "größe+1.txt", "is_dir": False, "file_size": 9}]}),
        (200, {}),
    ]
    assert down == (200, b"some text")
    assert stored == {"1/r/artifacts/a b/größe+1.txt": b"some text", "1/r/artifacts/empty": b""}
    assert files_below(server.folder / "artifacts") == {}
    missing, told = ask(server, "GET", f"{PROXY}/1/r/artifacts/empty")
    assert (missing, json.loads(told)) == (
        404,
        {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such artifact: '1/r/artifacts/empty'"},
    )


@pytest.mark.parametrize("sent", [1, 30 * MIB])
@pytest.mark.parametrize("framing", ["Content-Length: 50000000", "Transfer-Encoding: chunked"])
def test_an_upload_that_breaks_off_leaves_nothing_and_what_was_there_stays(
    server: MlkeepServer, framing: str, sent: int
) -> None:
    ask(server, "PUT", f"{PROXY}/1/a.bin", b"before")
    head = f"PUT {PROXY}/1/a.bin HTTP/1.1\r\nHost: mlkeep\r\nX-Request-Id: broken\r\n{framing}\r\n\r\n"

    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode())
        piece = bytes(min(sent, MIB))
        for _ in range(sent // len(piece)):
            connection.sendall(piece if "Length" in framing else b"%x\r\n%b\r\n" % (len(piece), piece))
    server.until(lambda: '"request_id":"broken"' in server.output)
    line = next(line for line in server.output.splitlines() if '"request_id":"broken"' in line)

    assert json.loads(line)["status"] in {0, 499}  # nobody was there to be answered
    assert files_below(server.folder / "artifacts") == {"1/a.bin": b"before"}
    assert ask(server, "GET", f"{PROXY}/1/a.bin") == (200, b"before")


def test_a_large_file_streams_through_in_little_memory(server: MlkeepServer) -> None:
    size, most_growth = 300 * MIB, 80 * MIB
    block = bytes(range(256)) * (MIB // 256)
    expected = hashlib.sha256()
    ask(server, "PUT", f"{PROXY}/1/warm-up.bin", block)
    ask(server, "GET", f"{PROXY}/1/warm-up.bin")

    def pieces() -> Iterator[bytes]:
        for number in range(size // MIB):
            piece = number.to_bytes(8, "big") + block[8:]
            expected.update(piece)
            yield piece

    with peak_growth(server) as growth:
        uploaded = ask(server, "PUT", f"{PROXY}/1/large.bin", pieces())
        assert uploaded == (200, b"{}")
        connection = server.connect()
        connection.request("GET", f"{PROXY}/1/large.bin")
        answer = connection.getresponse()
        received, length = hashlib.sha256(), answer.getheader("Content-Length")
        while piece := answer.read(MIB):
            received.update(piece)
        connection.close()
    ask(server, "DELETE", f"{PROXY}/1/large.bin")

    assert length == str(size)
    assert received.digest() == expected.digest()
    assert growth.bytes < most_growth


class peak_growth:  # noqa: N801 - reads as a statement
    """By how much the resident memory of a server grows at the most while the block runs."""

    def __init__(self, server: MlkeepServer) -> None:
        self._process = psutil.Process(server.pid)
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> peak_growth:
        self._before = self._process.memory_info().rss
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watching.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.bytes = max(self.bytes, self._process.memory_info().rss - self._before)
