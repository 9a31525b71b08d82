"""Requests as clients write them, and what is compared of the answers.

A row is one request. Its path, body and headers may name, as `<word>`, what an earlier row of the group kept of its
answer, so a group is a conversation. Ids, times and made-up names differ from server to server and are replaced.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

API = "/api/2.0/mlflow/"
JSON_TYPE = {"Content-Type": "application/json"}

_ID = re.compile(r"\b(?:m-|d-|dr-)?[0-9a-f]{32}\b")
_MADE_UP = re.compile(r"[a-z]+-[a-z]+-\d{1,4}")
_LONG = 300
_A_TIME_MS = 1_600_000_000_000
_JSON_INSIDE = {"records", "schema", "profile"}
_ADDED = ("model_id",)
"""What mlkeep tells of a model version beyond what MLflow does."""
_UNORDERED = {"tags", "params", "aliases", "dataset_inputs", "dataset_summaries", "latest_versions"}


@dataclass(frozen=True)
class Raw:
    """A body that is not the JSON of a value."""

    text: str


@dataclass(frozen=True)
class Ours:
    """Where mlkeep answers otherwise on purpose: how, and why."""

    status: int
    code: str
    why: str


@dataclass(frozen=True)
class Row:
    """One request. `path` is below the API unless it starts with a slash. `keep` gives words to places in the answer."""

    name: str
    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    ours: Ours | None = None


@dataclass(frozen=True)
class Answer:
    """What is compared: the status, and the body as JSON. Of an error the code alone; None if the body is no JSON."""

    status: int
    body: Any


def get(name: str, path: str, **more: Any) -> Row:
    return Row(name, "GET", path, **more)


def post(name: str, path: str, body: Any = None, **more: Any) -> Row:
    return Row(name, "POST", path, {} if body is None else body, **more)


def patch(name: str, path: str, body: Any = None, **more: Any) -> Row:
    return Row(name, "PATCH", path, {} if body is None else body, **more)


def delete(name: str, path: str, body: Any = None, **more: Any) -> Row:
    return Row(name, "DELETE", path, {} if body is None else body, **more)


def play(port: int, rows: Iterable[Row]) -> dict[str, Answer]:
    """The answers of a server on this machine, by row."""
    kept: dict[str, str] = {}
    answers: dict[str, Answer] = {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for row in rows:
        status, text = _ask(connection, row, kept)
        told = _parsed(text)
        for word, place in row.keep.items():
            kept[word] = _found(told, place)
        answers[row.name] = Answer(status, _comparable(told, kept) if status == 200 else _code(told))
    connection.close()
    return answers


def _ask(connection: http.client.HTTPConnection, row: Row, kept: Mapping[str, str]) -> tuple[int, str]:
    path = _filled(row.path if row.path.startswith("/") else API + row.path, kept)
    body: str | None = None
    if isinstance(row.body, Raw):
        body = _filled(row.body.text, kept)
    elif row.body is not None:
        body = _filled(json.dumps(row.body), kept)
    headers = {} if body is None else JSON_TYPE
    connection.request(row.method, path, None if body is None else body.encode(), {**headers, **row.headers})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def _filled(text: str, kept: Mapping[str, str]) -> str:
    return re.sub(r"<([a-z]\w*)>", lambda word: kept.get(word[1], word[0]), text)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _code(told: Any) -> Any:
    return {"error_code": told["error_code"]} if isinstance(told, dict) and "error_code" in told else None


def _found(told: Any, place: str) -> str:
    for part in place.split("."):
        told = told[int(part)] if part.isdigit() else told[part]
        if isinstance(told, str) and told.startswith(("[", "{")):
            told = json.loads(told)
    return str(told)


def _sorting(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _comparable(value: Any, kept: Mapping[str, str], key: str = "") -> Any:
    words = {given: f"<{word}>" for word, given in kept.items()}
    if isinstance(value, dict):
        added = _ADDED if "current_stage" in value else ()
        return {name: _comparable(member, kept, name) for name, member in value.items() if name not in added}
    if isinstance(value, list):
        members = [_comparable(member, kept, key) for member in value]
        return sorted(members, key=_sorting) if key in _UNORDERED else members
    if isinstance(value, int) and not isinstance(value, bool) and value > _A_TIME_MS:
        return "<time>"
    if not isinstance(value, str):
        return value
    if key in _JSON_INSIDE or (key == "tags" and value.startswith("{")):
        return _comparable(_parsed(value), kept)
    if key == "next_page_token":
        return "<token>"
    if key == "digest" and re.fullmatch("[0-9a-f]{8}", value):
        return "<digest>"
    if key.startswith("experiment_id") and value != "0":
        return words.get(value, "<number>")
    if value in words and not value.isdigit():
        return words[value]
    if len(value) > _LONG:
        return f"<{len(value)} characters>"
    if _MADE_UP.fullmatch(value):
        return "<made up>"
    value = re.sub(r"(?<=mlflow-artifacts:/)\d+(?=/|$)", "<place>", value)
    return _ID.sub(lambda found: words.get(found[0], "<id>"), value)
