"""Requests that are made once: what they find out about a server, and how large bodies go."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
import zstandard

from bench.scriptedserver import Answer, ScriptedServer
from mlkeep.core.errors import InternalError, MlkeepException, Unavailable
from mlkeep.remote import transport
from mlkeep.remote.abilities import PLAIN, abilities_of
from mlkeep.remote.door import HttpDoor
from mlkeep.remote.transport import Transport
from mlkeep.wire.columns import Column, LogColumns
from mlkeep.wire.errors import seconds_until
from mlkeep.wire.resources import SERVER_INFO_PATHS
from mlkeep.wire.runs import LogBatch

RUN = "a" * 32


@pytest.fixture
def start() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a server that says so of itself and takes everything."""
    running: list[ScriptedServer] = []

    def started(about: Answer) -> ScriptedServer:
        running.append(ScriptedServer([Answer(body=b"{}")], fixed={SERVER_INFO_PATHS[0]: about}))
        return running[-1]

    yield started
    for server in running:
        server.end()


def about(**fields: object) -> Answer:
    return Answer(body=msgspec.json.encode(fields))


def hasty(server: ScriptedServer) -> HttpDoor:
    return HttpDoor(Transport(server.url).hasty())


def columns(count: int, *, keys: int = 1) -> LogColumns:
    zeros = bytes(8 * count)
    return LogColumns(
        run_id=RUN,
        columns=[Column(key=f"k{i}", steps=zeros, timestamps=zeros, values=zeros) for i in range(keys)],
    )


def test_a_server_that_does_not_answer_is_not_taken_for_a_plain_one(start: Callable[..., ScriptedServer]) -> None:
    server = start(Answer(503))
    door = hasty(server)
    with pytest.raises(MlkeepException):
        door.takes_run_ids()
    assert abilities_of(Transport(server.url)) == PLAIN
    server.fixed[SERVER_INFO_PATHS[0]] = about(mlkeep_columns=5)
    assert door.takes_run_ids()
    assert abilities_of(Transport(server.url)).mlkeep_columns == 5
    server.fixed[SERVER_INFO_PATHS[0]] = Answer(503)
    assert door.takes_run_ids()


@pytest.mark.parametrize("answer", [Answer(404, b"<html>"), about(store_type="SqlStore")])
def test_a_server_that_says_nothing_of_mlkeep_is_a_plain_one(
    answer: Answer, start: Callable[..., ScriptedServer]
) -> None:
    server = start(answer)
    assert not hasty(server).takes_run_ids()
    server.fixed[SERVER_INFO_PATHS[0]] = Answer(503)
    assert not hasty(server).takes_run_ids()


def test_a_page_for_people_is_no_server(start: Callable[..., ScriptedServer]) -> None:
    with pytest.raises(InternalError, match="something else than expected"):
        hasty(start(Answer(body=b"<html>"))).takes_run_ids()


def test_large_bodies_are_compressed_as_the_server_says(start: Callable[..., ScriptedServer]) -> None:
    server = start(about(mlkeep_columns=16_000_000, mlkeep_encodings=["zstd", "gzip"]))
    large, small = columns(50_000), columns(100)
    hasty(server).log_columns(large)
    hasty(server).log_columns(small)
    first, second = server.asked
    assert first.headers["content-encoding"] == "zstd"
    assert len(first.body) < 10_000
    assert msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(first.body), type=LogColumns) == large
    assert "content-encoding" not in second.headers


@pytest.mark.parametrize("offered", [[], ["br"]])
def test_nothing_is_compressed_for_a_server_that_does_not_say_so(
    offered: list[str], start: Callable[..., ScriptedServer]
) -> None:
    server = start(about(mlkeep_columns=16_000_000, mlkeep_encodings=offered))
    hasty(server).log_columns(columns(50_000))
    (asked,) = server.asked
    assert "content-encoding" not in asked.headers
    assert msgspec.msgpack.decode(asked.body, type=LogColumns) == columns(50_000)


@pytest.mark.parametrize("request_", [columns(1_000), columns(300, keys=5)])
def test_columns_are_halved_until_the_server_takes_them(
    request_: LogColumns, start: Callable[..., ScriptedServer]
) -> None:
    server = start(about(mlkeep_columns=10_000))
    hasty(server).log_columns(request_)
    assert all(len(asked.body) <= 10_000 for asked in server.asked)
    came = [msgspec.msgpack.decode(asked.body, type=LogColumns) for asked in server.asked]
    assert sum(len(column.values) for each in came for column in each.columns) == sum(
        len(column.values) for column in request_.columns
    )


def test_a_plain_server_gets_batches_of_its_size(start: Callable[..., ScriptedServer]) -> None:
    server = start(Answer(404))
    key = "é" * 250
    zeros = bytes(8 * 5_000)
    hasty(server).log_columns(
        LogColumns(run_id=RUN, columns=[Column(key=key * 3, steps=zeros, timestamps=zeros, values=zeros)])
    )
    batches = [msgspec.json.decode(asked.body, type=LogBatch) for asked in server.asked]
    assert sum(len(batch.metrics) for batch in batches) == 5_000
    assert max(len(asked.body) for asked in server.asked) <= 1_000_000
    assert max(len(batch.metrics) for batch in batches) <= 1_000


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure(start: Callable[..., ScriptedServer]) -> None:
    server = start(about(mlkeep_columns=16_000_000))
    door = hasty(server)
    server.answers = [Answer(body=b"", sent=0, headers={"Content-Length": "5"}), Answer(body=b"{}")]
    door.log_columns(columns(50_000))
    assert [asked.body == msgspec.msgpack.encode(columns(50_000)) for asked in server.asked] == [True, True]
    server.answers = [Answer(body=b"", sent=0, headers={"Content-Length": "5"})]
    with pytest.raises(Unavailable):
        door.log_columns(columns(1))


def test_a_large_body_is_not_given_up_while_its_bytes_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HASTY_TIMEOUT_S", 0.4)
    body = bytes(6_000_000)

    def take_slowly(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            left = len(body)
            while left > 0 and (piece := connection.recv(65_536)):
                left -= len(piece)
                time.sleep(0.01)  # as a slow line does
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=take_slowly, args=(listener,))
        thread.start()
        began = time.monotonic()
        line = Transport(f"http://127.0.0.1:{listener.getsockname()[1]}").hasty()
        assert line.send("POST", "/x", body=body) == b"{}"
        assert time.monotonic() - began > 0.8
        thread.join()
        line.close()


def test_what_retry_after_says_is_known_to_the_error(start: Callable[..., ScriptedServer]) -> None:
    server = start(Answer(404))
    server.answers = [Answer(503, b"{}", {"Retry-After": "7"})]
    with pytest.raises(Unavailable) as told:
        hasty(server).call(LogBatch(run_id=RUN))
    assert (told.value.retry_after_s, told.value.http_status) == (7, 503)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1.5", 1.5),
        ("-3", 0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert seconds_until(text) == seconds
