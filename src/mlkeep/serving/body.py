"""What a request to /invocations carries, before any signature is asked: its content type and its JSON."""

from __future__ import annotations

import enum
import json
from typing import Any, Final

import msgspec

from mlkeep.core.errors import BadRequest
from mlkeep.serving.values import shown

FORMATS: Final = ("dataframe_split", "dataframe_records", "inputs", "instances")
LLM_KEYS: Final = ("messages", "prompt", "input")

_FORMATS_SENTENCE = (
    "The input must be a JSON dictionary with exactly one of the input fields "
    "{'dataframe_split', 'dataframe_records', 'inputs', 'instances'}."
)


class ContentType(enum.Enum):
    """The kinds of body a model server reads."""

    JSON = "application/json"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"


class UnsupportedContentType(BadRequest):
    """The body is of a kind the server does not read (HTTP 415). The message lists those it reads."""


def content_type_of(header: str | None) -> ContentType:
    """The kind of body that a Content-Type header announces; the type is case-sensitive, as in MLflow.

    Raises:
        UnsupportedContentType: the header is missing, names another type, another charset than UTF-8, or has another
            parameter.
    """
    kinds = [kind.value for kind in ContentType]
    if header is None:
        raise UnsupportedContentType(f"The request has no Content-Type header; send one of {kinds}.")
    name, *parameters = (part.strip() for part in header.split(";"))
    try:
        kind = ContentType(name)
    except ValueError:
        raise UnsupportedContentType(
            f"This predictor only supports the following content types: Types: {kinds}. Got '{name}'."
        ) from None
    given = {key.strip().lower(): value.strip(' "') for key, _, value in (p.partition("=") for p in parameters if p)}
    if given.pop("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedContentType("The scoring server only supports UTF-8")
    if given:
        raise UnsupportedContentType(
            f"Unrecognized content type parameters: {', '.join(given)}. The scoring protocol of MLflow 2.0 and later "
            "has no such parameters: send application/json with one of the fields "
            f"{', '.join(FORMATS)}, or text/csv."
        )
    return kind


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. NaN and Infinity may stand for numbers, as Python's json writes them.

    Raises:
        BadRequest: the body is no JSON, or JSON of another kind than an object.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        value = _python_json(body)
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        raise BadRequest(f"Invalid input. {_FORMATS_SENTENCE} Received a list.")
    raise BadRequest(f"Invalid input. {_FORMATS_SENTENCE} Received unexpected input type '{type(value)}'.")


def format_of(fields: dict[str, Any]) -> str:
    """Which of the four formats `fields` holds; other keys are ignored.

    Raises:
        BadRequest: none of them, or several.
    """
    found = [name for name in FORMATS if name in fields]
    if len(found) != 1:
        raise BadRequest(f"{_FORMATS_SENTENCE} Received dictionary with input fields: {list(fields)}.")
    return found[0]


def text_of(body: bytes) -> str:
    """`body` as text.

    Raises:
        BadRequest: it is not UTF-8.
    """
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"Invalid input. Ensure that input is a valid UTF-8 encoded string: byte {error.start} is "
            f"{body[error.start]:#04x}, {error.reason}."
        ) from error


def _python_json(body: bytes) -> object:
    text = text_of(body)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"Invalid input. Ensure that input is a valid JSON formatted string. Error: '{error}'. Input: {shown(text)}"
        ) from error
