"""The scoring protocol as an HTTP client sees it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from mlkeep.core.errors import BadRequest
from mlkeep.serving.scoring import Call
from mlkeep.serving.server import load
from mlkeep.version import __version__

Served = Callable[..., AbstractContextManager[Any]]
SPLIT = {"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2], [2, 1]]}}


@pytest.fixture(scope="module")
def client(model_path: Path, served: Served) -> Iterator[Any]:
    with served(model_path) as client:
        yield client


@pytest.fixture(scope="module")
def bare(bare_path: Path, served: Served) -> Iterator[Any]:
    with served(bare_path) as client:
        yield client


@pytest.fixture(scope="module")
def scripted(scripted_path: Path, served: Served) -> Iterator[Any]:
    with served(scripted_path) as client:
        yield client


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_health_is_one_newline(client: Any, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"\n", "application/json")


def test_the_version_is_bare_text(client: Any) -> None:
    assert client.get("/version").text == __version__


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/", 404, "Not Found"),
        ("GET", "/nothing", 404, "Not Found"),
        ("POST", "/ping", 405, "Method Not Allowed"),
        ("GET", "/invocations", 405, "Method Not Allowed"),
    ],
)
def test_what_is_no_route_has_a_detail(client: Any, method: str, path: str, status: int, detail: str) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


@pytest.mark.parametrize(
    "body",
    [
        SPLIT,
        {"dataframe_records": [{"a": 2, "b": 1}, {"a": 1, "b": 2}]},
        {"inputs": {"a": [2, 1], "b": [1, 2]}},
        {"inputs": [{"a": 2, "b": 1}, {"a": 1, "b": 2}]},
        {"instances": [{"a": 2, "b": 1}, {"a": 1, "b": 2}]},
        {"inputs": {"a": ["2", 1], "b": [1, 2.0], "stranger": [0, 0]}},
        SPLIT | {"params": {}, "signature_name": "ignored", "id": 7},
        SPLIT | {"params": None},
    ],
)
def test_every_json_format_is_predicted(client: Any, body: object) -> None:
    answer = client.post("/invocations", json=body)

    assert (answer.status_code, answer.text) == (200, '{"predictions":[1,0]}')
    assert answer.headers["content-type"] == "application/json"


def test_csv_is_predicted(client: Any) -> None:
    answer = client.post("/invocations", content="b,a\n1,2\n2,1\n", headers={"content-type": "text/csv"})

    assert (answer.status_code, answer.json()) == (200, {"predictions": [1, 0]})


def test_a_model_without_a_signature_takes_bare_rows(bare: Any) -> None:
    assert bare.post("/invocations", json={"inputs": [[2, 1]]}).json() == {"predictions": [1]}
    assert bare.post("/invocations", json={"instances": [[1, 2]]}).json() == {"predictions": [0]}


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=UTF-8"])
def test_json_may_name_its_charset(client: Any, content_type: str) -> None:
    answer = client.post("/invocations", content=json.dumps(SPLIT), headers={"content-type": content_type})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content_type", "complaint"),
    [
        ("text/csv; charset=latin-1", "The scoring server only supports UTF-8"),
        ("application/json; format=pandas-split", "Unrecognized content type parameters: format"),
        ("text/csv; header=present", "Unrecognized content type parameters: header"),
        ("text/plain", "This predictor only supports the following content types: Types: ["),
        ("APPLICATION/JSON", "Got 'APPLICATION/JSON'."),
        ("application/x-www-form-urlencoded", "Got 'application/x-www-form-urlencoded'."),
        (None, "The request has no Content-Type header; send one of"),
    ],
)
def test_another_content_type_is_415_in_plain_text(client: Any, content_type: str | None, complaint: str) -> None:
    headers = {} if content_type is None else {"content-type": content_type}

    answer = client.post("/invocations", content=json.dumps(SPLIT).encode(), headers=headers)

    assert answer.status_code == 415
    assert answer.headers["content-type"].startswith("text/plain")
    assert complaint in answer.text


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"{}", "with exactly one of the input fields"),
        (b'{"inputs": [1], "instances": [1]}', "Received dictionary with input fields: ['inputs', 'instances']"),
        (b"[1, 2]", "Received a list."),
        (b"null", "Received unexpected input type '<class 'NoneType'>'."),
        (b'"x"', "Received unexpected input type '<class 'str'>'."),
        (b"5", "Received unexpected input type '<class 'int'>'."),
        (b"", "Ensure that input is a valid JSON formatted string"),
        (b"{bad", "Ensure that input is a valid JSON formatted string"),
        (b"[" * 100_000, "Ensure that input is a valid JSON formatted string"),
        (b"\xff", "Ensure that input is a valid UTF-8 encoded string: byte 0 is 0xff"),
        (b'{"dataframe_split": [1]}', "Dataframe split format must be a dictionary. Got list."),
        (b'{"dataframe_split": {"columns": ["a"]}}', "Dataframe split format must have 'data' field"),
        (b'{"dataframe_split": {"data": [[1]], "x": 1}}', "Got ['data', 'x']."),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', "row 0 of 'data' is [1, 2], but there are 1"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": []}}', "column 'a' is given twice"),
        (b'{"dataframe_split": {"data": [[1]], "index": [1, 2]}}', "'index' has 2 entries, 'data' has 1 rows"),
        (b'{"dataframe_records": {"a": 1}}', "Dataframe records format must be a list of records. Got dictionary."),
        (b'{"dataframe_records": [1]}', "Item 0 is 1, not an object"),
        (b'{"inputs": {"a": [1, 2], "b": [1]}}', "All columns must have the same number of values"),
        (b'{"inputs": {"a": ["x"], "b": [1]}}', "Failed to convert column 'a': row 0 has 'x'"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_bad_request(client: Any, body: bytes, complaint: str) -> None:
    answer = client.post("/invocations", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")
    assert answer.json().keys() == {"error_code", "message"}
    assert complaint in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"dataframe_split": {"columns": ["a"], "data": [[1]]}}, "Model is missing inputs ['b']"),
        ({"dataframe_split": {"data": [[1, 2]]}}, "Model is missing inputs ['a', 'b']"),
        ({"dataframe_records": []}, "Model is missing inputs ['a', 'b']"),
        ({"inputs": [[5.1, 3.5]]}, "Note that there were extra inputs: [0, 1]"),
        ({"inputs": "x"}, "Model is missing inputs ['a', 'b']"),
    ],
)
def test_columns_that_do_not_fit_the_signature_are_an_invalid_parameter(
    client: Any, body: object, complaint: str
) -> None:
    answer = client.post("/invocations", json=body)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert complaint in answer.json()["message"]


def test_csv_without_columns_is_a_bad_request(client: Any) -> None:
    answer = client.post("/invocations", content=b"", headers={"content-type": "text/csv"})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")
    assert "No columns to parse from file" in answer.json()["message"]


def test_parquet_without_pyarrow_is_415_with_the_way_out(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    answer = client.post("/invocations", content=b"", headers={"content-type": "application/vnd.apache.parquet"})

    assert (answer.status_code, "install pyarrow" in answer.text) == (415, True)


def test_nan_may_be_written_as_python_writes_it(scripted: Any) -> None:
    headers = {"content-type": "application/json"}

    assert scripted.post("/invocations", content=b'{"inputs": [NaN, 1]}', headers=headers).text == '{"predictions":NaN}'


def test_a_request_of_language_models_is_passed_on_whole_and_answered_bare(scripted: Any) -> None:
    # A dict has no tolist(): that the model stumbles over it shows what it was given.
    answer = scripted.post("/invocations", json={"prompt": "hello"})

    assert answer.status_code == 400
    assert "AttributeError: 'dict' object has no attribute 'tolist'" in answer.json()["message"]


def test_a_request_of_language_models_may_carry_params_beside_its_own_keys(with_params_path: Path) -> None:
    model = load(str(with_params_path))

    assert model.read(b'{"messages": [], "p": 5, "x": 1}', "application/json") == Call(
        {"messages": [], "x": 1}, {"p": 5}, is_wrapped=False
    )
    assert model.read(b'{"inputs": {}, "params": {"p": 5}}', "application/json") == Call({}, {"p": 5})


def test_params_of_the_wrong_type_are_an_invalid_parameter(with_params_path: Path, served: Served) -> None:
    with served(with_params_path) as client:
        answer = client.post("/invocations", json={"inputs": ["a"], "params": {"p": "x"}})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "'p'" in answer.json()["message"]


def test_a_model_with_type_hints_takes_only_inputs_and_those_untouched(hinted_path: Path) -> None:
    model = load(str(hinted_path))

    assert model.read(b'{"inputs": [[1, "x"], {}]}', "application/json") == Call([[1, "x"], {}])
    for body, content_type in ((json.dumps(SPLIT).encode(), "application/json"), (b"a\n1\n", "text/csv")):
        with pytest.raises(BadRequest, match="must be sent as JSON in the field 'inputs'"):
            model.read(body, content_type)


def test_a_model_that_raises_is_a_bad_request_with_its_words_and_no_traceback(
    scripted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = scripted.post("/invocations", json={"inputs": ["raise"]})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")
    assert "Encountered an unexpected error while evaluating the model" in answer.json()["message"]
    assert answer.json()["message"].endswith("ValueError: the matrix is singular")
    assert "Traceback" in caplog.text


def test_an_error_of_mlkeep_raised_by_a_model_keeps_its_code(scripted: Any) -> None:
    answer = scripted.post("/invocations", json={"inputs": ["not found"]})

    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_prediction_without_json_is_a_fault_of_the_server(scripted: Any) -> None:
    answer = scripted.post("/invocations", json={"inputs": ["set"]})

    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "builtins.set" in answer.json()["message"]


def test_a_request_beyond_the_time_limit_is_504(scripted_path: Path, served: Served, tmp_path: Path) -> None:
    started, released = tmp_path / "started", tmp_path / "released"
    with served(scripted_path, timeout_s=0.05) as client:
        answer = client.post("/invocations", json={"inputs": ["wait", str(started), str(released)]})
        released.touch()

    assert (answer.status_code, answer.text) == (504, "Request processing time exceeded limit")
    assert answer.headers["content-type"] == "application/json"


def test_every_request_has_an_id_and_a_line_in_the_access_log(model_path: Path, served: Served) -> None:
    lines: list[bytes] = []
    with served(model_path, log=lines.append) as client:
        given = client.post("/invocations", json={}, headers={"x-request-id": "order-7"})
        made = client.get("/nothing", headers={"x-request-id": "two words"})

    first, second = (json.loads(line) for line in lines)
    assert given.headers["x-request-id"] == first["request_id"] == "order-7"
    assert made.headers["x-request-id"] == second["request_id"] != "two words"
    assert {key: first[key] for key in ("client", "method", "path", "status")} == {
        "client": "testclient",
        "method": "POST",
        "path": "/invocations",
        "status": 400,
    }
    assert first["duration_ms"] > 0
    assert first["time"].endswith("+00:00")
