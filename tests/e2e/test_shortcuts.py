"""Paths that log are answered by a short way; whoever takes the usual one is told the same, to the letter."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient

ROOT = "/api/2.0/mlflow/runs"
POINT = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 1}
USUAL_WAY = {"Upgrade": "nothing"}
"""A header that changes nothing, but leads along the usual way."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepServer]:
    server = MlkeepServer(tmp_path_factory.mktemp("server"), "--max-body-bytes", "100000")
    client = MlkeepClient(tracking_uri=server.url)
    post = json.dumps({"experiment_id": "0", "run_id": "r"}).encode()
    assert ask(server, "/api/2.0/mlflow/runs/create", post)[0] == 200
    assert ask(server, "/api/2.0/mlflow/runs/create", post.replace(b'"r"', b'"d"'))[0] == 200
    client.delete_run("d")
    yield server
    server.end()


def ask(
    server: MlkeepServer, path: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer; the headers that differ each time are left out."""
    connection = server.connect(timeout_s=20)
    given = {"Content-Type": "application/json", "X-Request-Id": "same", **(headers or {})}
    try:
        connection.request(method, path, body, {name: value for name, value in given.items() if value})
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders() if name.lower() != "date"}
        return answer.status, told, answer.read()
    finally:
        connection.close()


def bodies(**fields: Any) -> bytes:
    return json.dumps({"run_id": "r", **fields}).encode()


REQUESTS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "a point": ("log-metric", bodies(**POINT), {}),
    "a point, its numbers quoted": ("log-metric", bodies(key="k", value="NaN", timestamp="1", step="2"), {}),
    "a point in camelCase": ("log-metric", json.dumps({"runId": "r", **POINT}).encode(), {}),
    "a run by its older name": ("log-metric", json.dumps({"run_uuid": "r", **POINT}).encode(), {}),
    "a point that is null": ("log-metric", bodies(key="k", value=None, timestamp=1), {}),
    "a point without a time": ("log-metric", bodies(key="k", value=1), {}),
    "a time below zero": ("log-metric", bodies(key="k", value=1, timestamp=-1), {}),
    "a key of no kind": ("log-metric", bodies(key="a?b", value=1, timestamp=1), {}),
    "a key too long": ("log-metric", bodies(key="k" * 251, value=1, timestamp=1), {}),
    "a step too large": ("log-metric", bodies(key="k", value=1, timestamp=1, step=2**63), {}),
    "no such model": ("log-metric", bodies(**POINT, model_id="m-1"), {}),
    "no such run": ("log-metric", json.dumps({"run_id": "nobody", **POINT}).encode(), {}),
    "a deleted run": ("log-metric", json.dumps({"run_id": "d", **POINT}).encode(), {}),
    "no run": ("log-metric", json.dumps(POINT).encode(), {}),
    "half a surrogate pair": ("set-tag", b'{"run_id": "r", "key": "t", "value": "\\ud800"}', {}),
    "a NUL": ("set-tag", bodies(key="t", value="a\0b"), {}),
    "a tag": ("set-tag", bodies(key="t", value="v"), {}),
    "the name of the run": ("set-tag", bodies(key="mlflow.runName", value="new"), {}),
    "no name for the run": ("set-tag", bodies(key="mlflow.runName", value=""), {}),
    "a tag without a key": ("set-tag", bodies(value="v"), {}),
    "a tag of more than a page": ("set-tag", bodies(key="t", value="v" * 9_000), {}),
    "a param": ("log-parameter", bodies(key="p", value="1"), {}),
    "a param that changes": ("log-parameter", bodies(key="p", value="2"), {}),
    "a param that is a number": ("log-parameter", bodies(key="p", value=1), {}),
    "a batch": ("log-batch", bodies(metrics=[POINT], params=[{"key": "p", "value": "1"}], tags=[{"key": "t"}]), {}),
    "an empty batch": ("log-batch", bodies(), {}),
    "a batch with a mistake in it": ("log-batch", bodies(metrics=[POINT, {**POINT, "timestamp": -3}]), {}),
    "a batch with a bad key in it": ("log-batch", bodies(metrics=[POINT, {**POINT, "key": "/k"}]), {}),
    "a batch with two mistakes": (
        "log-batch",
        bodies(metrics=[{**POINT, "key": "/k"}, {**POINT, "timestamp": -3}]),
        {},
    ),
    "a batch too large": ("log-batch", bodies(metrics=[POINT] * 1_001), {}),
    "a batch of many points": (
        "log-batch",
        bodies(metrics=[{**POINT, "key": f"k{i % 3}", "step": i} for i in range(500)]),
        {},
    ),
    "a param twice": ("log-batch", bodies(params=[{"key": "p"}, {"key": "p"}]), {}),
    "no JSON": ("log-metric", b"{", {}),
    "a list": ("log-metric", b"[]", {}),
    "nothing": ("log-metric", b"", {}),
    "JSON that is deep": ("log-metric", b"[" * 50_000, {}),
    "not UTF-8": ("log-metric", b'{"run_id": "\xff"}', {}),
    "a body that is too large": ("set-tag", bodies(key="t", value="v" * 100_000), {}),
    "another type": ("log-metric", bodies(**POINT), {"Content-Type": "text/plain"}),
    "a type with parameters": ("log-metric", bodies(**POINT), {"Content-Type": "Application/JSON; charset=latin-1"}),
    "no type": ("log-metric", bodies(**POINT), {"Content-Type": ""}),
    "a compressed body": ("log-metric", bodies(**POINT), {"Content-Encoding": "gzip"}),
    "another workspace": ("log-metric", bodies(**POINT), {"X-MLFLOW-WORKSPACE": "other"}),
    "the workspace there is": ("log-metric", bodies(**POINT), {"X-MLFLOW-WORKSPACE": "default"}),
    "an id that cannot be": ("log-metric", b"", {"X-Request-Id": "two words"}),
    "a connection that ends": ("log-metric", bodies(**POINT), {"Connection": "close"}),
    "a slash too many": ("log-metric/", bodies(**POINT), {}),
    "a query": ("log-metric?a=1", bodies(**POINT), {}),
    "an escaped path": ("log%2Dmetric", bodies(**POINT), {}),
    "MessagePack that is none": ("log-batch", b"{}", {"Content-Type": "application/msgpack"}),
    "MessagePack without a run": ("log-batch", b"\x80", {"Content-Type": "application/msgpack"}),
    "MessagePack for a point": ("log-metric", b"\x80", {"Content-Type": "application/msgpack"}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_both_ways_answer_the_same(server: MlkeepServer, name: str) -> None:
    verb, body, headers = REQUESTS[name]
    first = ask(server, f"{ROOT}/{verb}", body, headers)
    usual = ask(server, f"{ROOT}/{verb}", body, {**headers, **USUAL_WAY})
    again = ask(server, f"{ROOT}/{verb}", body, headers)
    if name == "an id that cannot be":
        for answer in (first, usual, again):
            assert len(answer[1].pop("x-request-id")) == 32
    assert first == usual == again


def test_the_access_log_tells_the_same_of_both_ways(server: MlkeepServer) -> None:
    body = bodies(**POINT)
    ask(server, f"{ROOT}/log-metric", body, {"X-Request-Id": "short"})
    ask(server, f"{ROOT}/log-metric", body, {"X-Request-Id": "usual", **USUAL_WAY})
    ask(server, f"{ROOT}/log-metric", b"{", {"X-Request-Id": "last"})
    server.until(lambda: '"last"' in server.output)
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    told = {line["request_id"]: {**line, "time": "", "duration_ms": 0.0} for line in lines}
    assert {**told["short"], "request_id": "usual"} == told["usual"]
    assert told["last"]["status"] == 400


def talk(server: MlkeepServer, *pieces: bytes, answers: int) -> bytes:
    """What comes back on one connection for pieces sent one after another, up to so many answers."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        told = b""
        while told.count(b"HTTP/1.1 ") < answers or not told.endswith((b"}", b"Continue\r\n\r\n")):
            piece = connection.recv(65_536)
            if not piece:
                break
            told += piece
        return told


def raw(verb: str, body: bytes, *headers: bytes) -> bytes:
    fixed = [b"Host: localhost", b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers]
    return b"POST %b/%b HTTP/1.1\r\n%b\r\n\r\n%b" % (ROOT.encode(), verb.encode(), b"\r\n".join(fixed), body)


@pytest.mark.parametrize(
    "sent",
    [
        lambda body: [raw("log-metric", body) * 3],
        lambda body: [raw("log-metric", body), raw("search", b'{"experiment_ids": []}') + raw("log-metric", body)],
        lambda body: [raw("search", b'{"experiment_ids": []}') + raw("log-metric", body) * 2],
        lambda body: [bytes([byte]) for byte in raw("log-metric", body)] + [raw("log-metric", body) * 2],
    ],
    ids=["three ahead", "another among them", "after another", "byte by byte"],
)
def test_requests_may_be_sent_ahead_and_in_pieces(server: MlkeepServer, sent: Callable[[bytes], list[bytes]]) -> None:
    told = talk(server, *sent(bodies(**POINT)), answers=3)
    assert told.count(b"HTTP/1.1 200 OK\r\n") == 3, told


def test_who_asks_first_whether_to_send_is_told(server: MlkeepServer) -> None:
    whole = raw("log-metric", bodies(**POINT), b"Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    told = talk(server, head + b"\r\n\r\n", body, answers=2)
    assert told.startswith(b"HTTP/1.1 100 Continue\r\n")
    assert b"HTTP/1.1 200 OK\r\n" in told


def test_a_request_that_breaks_off_disturbs_nobody(server: MlkeepServer) -> None:
    whole = raw("log-metric", bodies(**POINT), b"X-Request-Id: broken-off")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(whole[:-3])
    server.until(lambda: '"broken-off"' in server.output)
    line = next(line for line in server.output.splitlines() if '"broken-off"' in line)
    assert json.loads(line)["status"] == 0
    assert ask(server, f"{ROOT}/log-metric", bodies(**POINT))[0] == 200
