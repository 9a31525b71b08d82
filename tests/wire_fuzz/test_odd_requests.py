"""Requests nobody should send: refused with a reason or taken as the protocol says, never a fault, nothing half done."""

from __future__ import annotations

import base64
import gzip
import http.client
import itertools
import json
import re
import socket
import sqlite3
import types
import typing
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import pytest
import zstandard

from mlkeep.core import limits
from mlkeep.wire.columns import Column, LogColumns
from mlkeep.wire.endpoint import Endpoint
from mlkeep.wire.evaluation_datasets import GetDataset
from mlkeep.wire.experiments import CreateExperiment
from mlkeep.wire.field_limits import LIMITS
from mlkeep.wire.message import Request
from mlkeep.wire.registry import CreateRegisteredModel
from mlkeep.wire.runs import CreateRun
from mlkeep.wire.table import BY_REQUEST, ENDPOINTS
from tests.wire_fuzz.conftest import API, JSON, Answer, Server

WITH_BODY = [row for row in ENDPOINTS if row.methods != ("GET",)]
SEARCHES = [row for row in ENDPOINTS if "page_token" in row.request.__struct_fields__]

MEBI = 1024 * 1024
NUMBERS = itertools.count()
DEEP = 100_000

NO_OBJECT: dict[str, bytes] = {
    "an array": b"[]",
    "an array of objects": b'[{"run_id": "r"}]',
    "a number": b"12",
    "a text": b'"text"',
    "null": b"null",
    "true": b"true",
    "NaN": b"NaN",
    "no JSON": b"run_id=1&key=a",
    "a torn object": b'{"run_id": "r", "key"',
    "two objects": b"{}{}",
    "a trailing comma": b'{"run_id": "r",}',
    "single quotes": b"{'run_id': 'r'}",
    "invalid UTF-8": b'{"run_id": "\xff\xfe"}',
    "UTF-16": '{"run_id": "r"}'.encode("utf-16"),
    "a raw control character": b'{"run_id": "a\x00b"}',
    "half of a surrogate pair": b'{"nobody knows": "\\ud800"}',
    "half of a surrogate pair in a key": b'{"\\uDFFF": 1}',
    "arrays in arrays": b"[" * DEEP,
    "arrays in arrays, closed": b'{"tags": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "objects in objects": b'{"a": ' * DEEP + b"1" + b"}" * DEEP,
    "objects in objects twice encoded": json.dumps('{"a": ' * DEEP + "1" + "}" * DEEP).encode(),
}

NAME_OR_NUMBER = "name or number"
"""The kind of a field that also takes names nobody knows."""

WRONG: dict[Any, list[str]] = {
    NAME_OR_NUMBER: ["99", "-1", "1.5", "[]", "{}", "true", str(2**63)],
    str: ["1", "1.5", "true", "[]", "{}", '["a"]', '{"a": "b"}', "1e400", '"\\ud800"', '"\\udc00\\ud800"'],
    int: [
        *('"x"', '""', "1.5", "true", "[]", "{}", "[1]", "NaN", "Infinity", "-Infinity", "1e400", "-1e400"),
        *(str(2**63), str(-(2**63) - 1), f'"{2**63}"', f"1{'0' * 400}", f'"1{"0" * 400}"', f"1{'0' * 5_000}", "1e19"),
    ],
    float: ['"x"', "[]", "{}", "[1]", '"\\ud800"'],
    bool: ['"x"', "1", "[]", "{}", "2.5"],
    IntEnum: ["99", "-1", "1.5", "[]", "{}", "true", str(2**63), '"99"'],
    list: ['"x"', "1", "true", "{}", '{"0": "a"}', "[1.5]", "[true]", "[null]", "[[]]", f"[{'1' * 400}]"],
    Request: ['"x"', "1", "true", "[]"],
}
"""JSON that no field of the kind takes."""

UNUSUAL: dict[Any, list[str]] = {
    NAME_OR_NUMBER: ["null", '"NOBODY KNOWS"', '"1"', '""'],
    str: ['""', "null", '"a\\u0000b"', '"\\u0000"', '"' + "\U0010ffff" * 5 + '"', '"\\ud83d\\ude00"', '"../.."', '" "'],
    int: ["null", '"7"', '"1e+05"', "7.0", str(limits.MAX_INT64), str(limits.MIN_INT64), "-1", "0"],
    float: [
        "null",
        "NaN",
        "Infinity",
        "-Infinity",
        '"NaN"',
        "1e400",
        "-1e400",
        "1" + "0" * 400,
        "1" + "0" * 5_000,
        "true",
    ],
    bool: ["null", '"true"', '"FALSE"'],
    IntEnum: ["null", '"NOBODY KNOWS"', '"1"'],
    list: ["null", "[]", "[{}]", '["", ""]'],
    Request: ["null", "{}"],
}
"""JSON that a field of the kind may take, or not: what matters is that nothing breaks."""


def kind_of(hint: Any) -> Any:
    """Which of the kinds above a field is of."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        hint, *others = [part for part in typing.get_args(hint) if part is not type(None)]
        if others:
            return NAME_OR_NUMBER
    origin = typing.get_origin(hint) or hint
    return next(kind for kind in (bool, IntEnum, int, float, str, list, Request) if issubclass(origin, kind))


def body_fields(row: Endpoint) -> dict[str, Any]:
    """The fields of a request's body, with their kinds."""
    hints = typing.get_type_hints(row.request)
    names = zip(row.request.__struct_encode_fields__, row.request.__struct_fields__, strict=True)
    return {written: kind_of(hints[name]) for written, name in names if written not in row.path_fields}


def plain_body(server: Server, row: Endpoint) -> dict[str, Any]:
    """A body with nothing odd about it."""
    known: dict[str, Any] = {
        "experiment_id": server.experiment_id,
        "run_id": server.run_id,
        "model_id": server.model_id,
        "name": server.model if row.request is not CreateExperiment else f"fuzzed-{next(NUMBERS)}",
        "version": "1",
        "alias": server.alias,
        "key": "team",
        "value": 1.0 if kind_of(typing.get_type_hints(row.request).get("value", str)) is float else "1",
        "timestamp": 1,
        "stage": "Staging",
        "source": "s3://b/m",
        "new_name": "another name",
        "max_results": 10,
        "model_json": "{}",
        "models": [],
        "status": "LOGGED_MODEL_READY",
        "tags": '{"a": "1"}',
        "records": '[{"inputs": {"q": "1"}}]',
    }
    needed = {*row.request.required, "max_results", "experiment_id"} - set(row.path_fields)
    return {name: known.get(name, "1") for name in body_fields(row) if name in needed}


def path_of(server: Server, row: Endpoint) -> str:
    known = {"model_id": server.model_id, "dataset_id": server.dataset_id, "key": "a"}
    return re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], "1"), row.paths[0])


class Watched:
    """A server with a connection to its API and a view of its database."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._http = server.process.connect(timeout_s=30)
        self._database = sqlite3.connect(f"file:{server.process.database}?mode=ro", uri=True)
        names = [name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        self._is_changed = False
        self._sizes = " + ".join(f"(SELECT count(*) FROM {name})" for name in names if not name.startswith("sqlite_"))

    def size(self) -> int:
        """Rows in the whole database."""
        (size,) = self._database.execute(f"SELECT {self._sizes}").fetchone()
        return int(size)

    def send(self, row: Endpoint, body: bytes) -> Answer:
        """A request to an endpoint, which must be answered, and leave nothing behind if it is refused."""
        before = self.size()
        self._http.request(next(m for m in row.methods if m != "GET"), path_of(self.server, row), body, JSON)
        told = self._http.getresponse()
        answer = Answer(told.status, told.headers.get("content-type", ""), told.read())
        assert answer.content_type == "application/json"
        if answer.status == 200:
            self._is_changed = True
        else:
            assert answer.status in {400, 404}, (body[:200], answer)
            assert answer.error["error_code"] != "INTERNAL_ERROR"
            assert self.size() == before, (body[:200], answer)
        return answer

    def mend(self) -> None:
        """Put back what the tests may have removed."""
        if self._is_changed:
            self.server.mend()
        self._is_changed = False

    def close(self) -> None:
        self._http.close()
        self._database.close()


@pytest.fixture(scope="module")
def watched(server: Server) -> Iterator[Watched]:
    watched = Watched(server)
    yield watched
    watched.close()


def with_field(body: dict[str, Any], name: str, value: str) -> bytes:
    """The JSON of `body` with a field as it is written in `value`."""
    rest = {other: told for other, told in body.items() if other != name}
    return f"{json.dumps(rest)[:-1]}{', ' if rest else ''}{json.dumps(name)}: {value}}}".encode()


by_path = pytest.mark.parametrize("row", WITH_BODY, ids=lambda row: f"{row.methods[0]} {row.path}")


@by_path
def test_what_is_no_object_is_refused(watched: Watched, row: Endpoint) -> None:
    answers = {name: watched.send(row, body) for name, body in NO_OBJECT.items()}
    assert {name for name, answer in answers.items() if answer.status != 400} == set()
    assert {answer.error["error_code"] for answer in answers.values()} == {"INVALID_PARAMETER_VALUE"}


@by_path
def test_a_value_of_the_wrong_type_is_refused_by_the_name_of_its_field(watched: Watched, row: Endpoint) -> None:
    watched.mend()
    body, taken = plain_body(watched.server, row), []
    for name, kind in body_fields(row).items():
        for value in WRONG[kind]:
            answer = watched.send(row, with_field(body, name, value))
            if answer.status != 400 or ("\\u" not in value and name not in answer.error["message"]):
                taken.append((name, value[:50], answer))
    assert taken == []


@by_path
def test_an_unusual_value_is_taken_or_refused(watched: Watched, row: Endpoint) -> None:
    watched.mend()
    body = plain_body(watched.server, row)
    for name, kind in body_fields(row).items():
        for value in UNUSUAL[kind]:
            watched.send(row, with_field(body, name, value))


@by_path
def test_what_nobody_knows_and_what_is_said_twice_changes_nothing(watched: Watched, row: Endpoint) -> None:
    def status(before: str, after: str, *, twice: bool = False) -> int:
        watched.mend()
        inner = json.dumps(plain_body(watched.server, row))[1:-1]
        parts = [part for part in (before, inner, inner if twice else "", after) if part]
        return watched.send(row, f"{{{', '.join(parts)}}}".encode()).status

    unknown = '"nobody": {"knows": [1, null]}, "": [], "__class__": "x"'
    told = [status(unknown, ""), status("", unknown), status("", "", twice=True)]
    assert told == [status("", "")] * 3


@by_path
def test_ten_million_characters_are_taken_or_refused(watched: Watched, row: Endpoint) -> None:
    watched.mend()
    body, long = plain_body(watched.server, row), f'"{"x" * 10_000_000}"'
    name = next(reversed([name for name, kind in body_fields(row).items() if kind is str] or ["nobody knows"]))
    answer = watched.send(row, with_field(body, name, long))
    assert len(answer.body) < 25_000 or answer.status == 200


WRAPPED: dict[str, tuple[str, str]] = {
    "MetricInput": ("metrics", '{"key": "a", "value": 1, "timestamp": 1, %s}'),
    "StoredFileMessage": ("files", '{"path": "a", "sha256": "0", %s}'),
    "DatasetFields": ("datasets", '{"dataset": {"name": "d", "digest": "1", "source_type": "l", "source": "s", %s}}'),
}
"""Where requests that lie inside others lie, and what is around the field."""


IN_JSON = [(kind, name) for kind, name in LIMITS if kind not in {Column, LogColumns}]
"""Those of MessagePack are tried in tests/e2e/test_points_in_columns.py."""


@pytest.mark.parametrize(("kind", "name"), IN_JSON, ids=lambda part: getattr(part, "__name__", part))
def test_what_the_document_says_is_too_long_is_refused(watched: Watched, kind: type[Request], name: str) -> None:
    limit = LIMITS[kind, name]
    if "maxLength" in limit:
        value = json.dumps("x" * (limit["maxLength"] + 1))
    elif "maxItems" in limit:
        item = json.dumps("info") if name == "fields" else '{"key": "a", "value": 1, "timestamp": 1}'
        value = f"[{', '.join([item] * (limit['maxItems'] + 1))}]"
    elif "pattern" in limit or "enum" in limit:
        value = json.dumps("-")
    else:
        value = str(limit["maximum"] + 1 if "maximum" in limit else limit["minimum"] - 1)
    if kind.__name__ in WRAPPED:
        around, template = WRAPPED[kind.__name__]
        row = next(row for row in WITH_BODY if around in row.request.__struct_fields__)
        sent = with_field(plain_body(watched.server, row), around, f"[{template % f'{json.dumps(name)}: {value}'}]")
    elif (row := BY_REQUEST[kind]).methods == ("GET",):
        others = {"run_id": watched.server.run_id, "metric_key": "loss", "uri": "mlflow-artifacts:/x"}
        query = "&".join(f"{field}={text}" for field, text in {**others, name: value}.items())
        answer = watched.server.ask("GET", f"{row.paths[0]}?{query}")
        assert (answer.status, name in answer.error["message"]) == (400, True)
        return
    else:
        sent = with_field(plain_body(watched.server, row), name, value)
    answer = watched.send(row, sent)
    assert (answer.status, name.removeprefix("new_") in answer.error["message"]) == (400, True), answer


def test_a_batch_with_one_bad_item_leaves_nothing(watched: Watched) -> None:
    watched.mend()
    server = watched.server
    good = [{"key": f"m{i}", "value": i, "timestamp": 1} for i in range(900)]
    batches: list[dict[str, Any]] = [
        {"metrics": [*good, {"key": "a", "value": "x", "timestamp": 1}]},
        {"metrics": [*good, {"key": "/", "value": 1, "timestamp": 1}]},
        {"metrics": [*good, {"key": "a", "value": 1, "timestamp": -1}]},
        {"metrics": [*good, {"key": "a", "value": 1, "timestamp": 1, "model_id": "m-none"}]},
        {"metrics": good, "params": [{"key": "p"}, {"key": "p"}]},
        {"metrics": good, "params": [{"key": "new", "value": "1"}, {"key": "lr", "value": "another"}]},
        {"metrics": good, "tags": [{"key": "t", "value": "1"}, {"key": "*", "value": "1"}]},
    ]
    row = next(row for row in ENDPOINTS if row.path == "runs/log-batch")
    for batch in batches:
        assert watched.send(row, json.dumps({"run_id": server.run_id, **batch}).encode()).status == 400
    for kind, body in (
        (CreateRun, {"experiment_id": "1", "tags": [{"key": "a"}, {"key": "a"}]}),
        (CreateExperiment, {"name": "fresh", "tags": [{"key": "a"}, {"key": "*"}]}),
        (CreateRegisteredModel, {"name": "fresh", "tags": [{"key": "a"}, {"key": "*"}]}),
    ):
        assert watched.send(BY_REQUEST[kind], json.dumps(body).encode()).status == 400


# Around the body


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        ";",
    ],
)
def test_a_body_of_another_type_is_refused(server: Server, content_type: str) -> None:
    answer = server.ask("POST", f"{API}/runs/create", b'{"experiment_id": "0"}', {"Content-Type": content_type})
    assert (answer.status, answer.error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "Content-Type must be application/json" in answer.error["message"]


@pytest.mark.parametrize("content_type", ["application/json;charset=utf-8", "Application/JSON", "application/json ; x"])
def test_json_may_be_called_json_in_many_ways(server: Server, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert server.ask("POST", f"{API}/runs/create", b'{"experiment_id": "0"}', headers).status == 200


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("deflate", zlib.compress(b'{"experiment_id": "0"}')),
        ("gzip, br", gzip.compress(b"{}" + b" " * 50 * MEBI, mtime=0)),
        ("x" * 300, b'{"experiment_id": "0"}'),
    ],
)
def test_a_body_packed_in_another_way_is_refused_unopened(server: Server, encoding: str, body: bytes) -> None:
    answer = server.ask("POST", f"{API}/runs/create", body, {**JSON, "Content-Encoding": encoding})
    assert (answer.status, answer.error["error_code"]) == (415, "BAD_REQUEST")
    assert f"Content-Encoding '{encoding[:100]}'" in answer.error["message"]


PACKED = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_packed_body_is_unpacked(server: Server, encoding: str) -> None:
    body = PACKED[encoding](b'{"experiment_id": "0", "run_name": "packed"}')
    answer = server.ask("POST", f"{API}/runs/create", body, {**JSON, "Content-Encoding": encoding.upper()})
    assert (answer.status, json.loads(answer.body)["run"]["info"]["run_name"]) == (200, "packed")


@pytest.mark.parametrize("encoding", PACKED)
def test_a_packed_body_that_is_none_is_refused(server: Server, encoding: str) -> None:
    whole = PACKED[encoding](b'{"experiment_id": "0"}')
    for body in (b'{"experiment_id": "0"}', whole[:-1], whole + b"more"):
        answer = server.ask("POST", f"{API}/runs/create", body, {**JSON, "Content-Encoding": encoding})
        assert (answer.status, answer.error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert f"Content-Encoding says, '{encoding}'" in answer.error["message"]


@pytest.mark.parametrize("encoding", PACKED)
def test_a_small_body_that_becomes_a_large_one_is_refused(server: Server, encoding: str) -> None:
    body = PACKED[encoding](b" " * (64 * MEBI + 1))
    answer = server.ask("POST", f"{API}/runs/create", body, {**JSON, "Content-Encoding": encoding})
    assert (answer.status, answer.error["error_code"]) == (413, "BAD_REQUEST")
    assert f"larger than {64 * MEBI} bytes" in answer.error["message"]


def chunks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * MEBI


def test_a_body_beyond_the_limit_is_refused_however_it_comes(server: Server) -> None:
    def told(answer: http.client.HTTPResponse) -> tuple[int, Any]:
        return answer.status, json.loads(answer.read())

    connection = server.process.connect()
    connection.request("POST", f"{API}/runs/create", b" " * (64 * MEBI + 1), JSON)
    announced = told(connection.getresponse())
    connection.close()
    connection.request("POST", f"{API}/runs/create", chunks(65), JSON, encode_chunked=True)
    in_chunks = told(connection.getresponse())
    connection.close()
    message = "The request body is larger than 67108864 bytes, the most this server takes: send less at once."
    assert announced == in_chunks == (413, {"error_code": "BAD_REQUEST", "message": message})

    body = b'{"experiment_id": "0"}' + b" " * (64 * MEBI - 22)
    assert server.ask("POST", f"{API}/runs/create", body).status == 200


def test_a_body_that_never_ends_is_no_fault(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.process.port)) as connection:
        head = f"POST {API}/runs/create HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        connection.sendall(f'{head}Content-Length: 100\r\n\r\n{{"experiment_id'.encode())
    assert server.ask("GET", "/health").status == 200


# The address and the query


@pytest.mark.parametrize("length", [1_000, 30_000, 1_000_000])
def test_a_long_address_is_answered_or_refused(server: Server, length: int) -> None:
    for path in ("/runs/" + "x" * length, "/runs/get?run_id=" + "x" * length, "/runs/get?" + "x" * length):
        answer = server.ask("GET", API + path)
        assert answer.status in {400, 404}
        assert len(answer.body) < 3 * length


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            "run_id=",
            "run_id",
            "run_id=%",
            "run_id=%ff%fe",
            "run_id=%00",
            "run_id=%ED%A0%80",
            "&&&=&=",
            "run_id[]=x",
        ),
        *("run_id=a&run_id=b&run_id=c", "max_results=1e400&run_id=x", "run_id=%F0%9F%98%80"),
    ],
)
def test_an_odd_query_is_refused(server: Server, query: str) -> None:
    answer = server.ask("GET", f"{API}/runs/get?{query}")
    assert answer.status in {400, 404}
    assert answer.error["error_code"] in {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"}


def token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


TOKENS = [
    *("x", "!!!!", "é", "AAAA", "%00", "null", token({}), token([]), token(["x"]), token([1]), token([None] * 3)),
    *(token({"offset": 2}), token({"offset": 2**70}), token([[]] * 4), token(["x", 2**70])),
    *(token("x" * 10_000), base64.b64encode(b"[" * 9_000).decode(), base64.b64encode(b"\xff\xfe").decode()),
]


@pytest.mark.parametrize("row", SEARCHES, ids=lambda row: f"{row.methods[0]} {row.path}")
def test_a_token_nobody_gave_is_refused(server: Server, row: Endpoint) -> None:
    known = {
        "experiment_ids": [server.experiment_id],
        "run_id": server.run_id,
        "metric_key": "loss",
        "max_results": 1,
    }
    fields = {name: value for name, value in known.items() if name in row.request.__struct_fields__}
    statuses = set()
    for made_up in TOKENS:
        request = {**fields, "page_token": made_up}
        if "POST" in row.methods:
            answer = server.ask("POST", path_of(server, row), json.dumps(request).encode())
        else:
            pairs = "&".join(f"{name}={value}" for name, value in fields.items())
            encoded = "".join(f"%{byte:02x}" for byte in made_up.encode())
            answer = server.ask("GET", f"{path_of(server, row)}?{pairs}&page_token={encoded}")
        statuses.add(answer.status)
        assert answer.status == 200 or "token" in answer.error["message"], (made_up, answer)
    # A single dataset comes whole: there is no page to go on to. Any path is a place to go on from in a listing of artifacts.
    expected = {200} if row.request is GetDataset else {200, 400} if "artifacts" in row.path else {400}
    assert statuses == expected


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND"])
def test_a_verb_that_a_path_does_not_take_is_refused(server: Server, method: str) -> None:
    answer = server.ask(method, f"{API}/runs/create", b"{}")
    assert answer.status in ({200, 204, 405} if method == "OPTIONS" else {400, 405})
