"""Errors on their way over the wire and back."""

from __future__ import annotations

import inspect
import json
import pickle

import pytest

from mlkeep.core import errors
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.wire.errors import MAX_MESSAGE_LENGTH, TABLE, body_of, from_answer, status_of

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, MlkeepException)
    and kind is not MlkeepException
    and not issubclass(kind, ImportError)  # what is not installed is told where it is missing, and does not travel
]


def test_every_kind_of_error_is_in_the_table_once_with_its_code() -> None:
    assert sorted(kind.__name__ for kind, _, _ in TABLE) == sorted(kind.__name__ for kind in KINDS)
    assert all(kind.code == code for kind, code, _ in TABLE)
    assert len({code for _, code, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_as_what_it_was(kind: type[MlkeepException]) -> None:
    error = kind("The 'name' is \"wrong\": é 日本.")
    back = from_answer(status_of(error), body_of(error))
    assert type(back) is kind
    assert (back.error_code, back.message) == (kind.code, f"{kind.code}: {error.message}")
    assert str(back) == back.message


def test_an_error_is_written_as_mlflow_writes_it() -> None:
    assert body_of(InvalidInput("No.")) == b'{"error_code":"INVALID_PARAMETER_VALUE","message":"No."}'


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_PARAMETER_VALUE", 400),
        ("RESOURCE_ALREADY_EXISTS", 400),
        ("UNAUTHENTICATED", 401),
        ("PERMISSION_DENIED", 403),
        ("RESOURCE_DOES_NOT_EXIST", 404),
        ("RESOURCE_CONFLICT", 409),
        ("REQUEST_LIMIT_EXCEEDED", 429),
        ("CANCELLED", 499),
        ("INVALID_STATE", 500),
        ("INTERNAL_ERROR", 500),
        ("SOMETHING_ELSE", 500),
        ("NOT_IMPLEMENTED", 501),
        ("TEMPORARILY_UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
    ],
)
def test_a_code_goes_with_its_status(code: str, status: int) -> None:
    assert status_of(MlkeepException("x", error_code=code)) == status


NOT_THERE = "the server does not offer GET /x; is it older than what was asked of it, or no tracking server?"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (404, b"<html>nothing</html>", errors.NoSuchEndpoint, f"ENDPOINT_NOT_FOUND: {NOT_THERE}"),
        (405, b"", errors.NoSuchEndpoint, f"ENDPOINT_NOT_FOUND: {NOT_THERE}"),
        (403, b"", errors.Forbidden, "PERMISSION_DENIED: the server answered with status 403"),
        (503, b"{}", errors.Unavailable, "TEMPORARILY_UNAVAILABLE: {}"),
        (500, b'{"message": "x"}', errors.InternalError, "INTERNAL_ERROR: x"),
        (418, b"\xff", errors.InternalError, "INTERNAL_ERROR: \ufffd"),
        (400, b'{"error_code": "ODD", "message": "x", "sqlstate": "KAM00"}', MlkeepException, "ODD: x"),
        (400, b'{"error_code": 5}', errors.BadRequest, 'BAD_REQUEST: {"error_code": 5}'),
        (400, b"[]", errors.BadRequest, "BAD_REQUEST: []"),
    ],
)
def test_any_answer_tells_of_an_error(status: int, body: bytes, kind: type[MlkeepException], message: str) -> None:
    error = from_answer(status, body, "GET /x")
    assert (type(error), error.message) == (kind, message)


def test_errors_can_be_pickled() -> None:
    error = InvalidInput("x", "ODD", detail=1)
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), back.message, back.error_code, back.json_kwargs) == (InvalidInput, "x", "ODD", {"detail": 1})


def test_a_message_that_repeats_too_much_is_cut_in_the_middle() -> None:
    long = f"Invalid value '{'x' * 10_000_000}' for 'key': too long."
    told = json.loads(body_of(InvalidInput(long)))["message"]
    assert len(told) < MAX_MESSAGE_LENGTH + 100
    assert told.startswith("Invalid value 'xxx")
    assert told.endswith("xxx' for 'key': too long.")
    assert f"x [... {len(long) - MAX_MESSAGE_LENGTH} characters left out ...] x" in told
    whole = "x" * MAX_MESSAGE_LENGTH
    assert json.loads(body_of(InvalidInput(whole)))["message"] == whole


def test_an_error_knows_its_status_and_tells_itself_as_json() -> None:
    error = MlkeepException("No.", "RESOURCE_DOES_NOT_EXIST", hint="look elsewhere", of=InvalidInput)
    assert error.get_http_status_code() == 404
    assert json.loads(error.serialize_as_json()) == {
        "error_code": "RESOURCE_DOES_NOT_EXIST",
        "message": "No.",
        "hint": "look elsewhere",
        "of": str(InvalidInput),
    }
    assert MlkeepException("No.", "NO_SUCH_CODE").get_http_status_code() == 500
    assert [kind("No.").get_http_status_code() for kind, _, status in TABLE] == [status for _, _, status in TABLE]
