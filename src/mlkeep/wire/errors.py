"""Errors on the wire: one table, which the server reads forwards and the client backwards."""

from __future__ import annotations

import math
import time
from email.utils import mktime_tz, parsedate_tz

import msgspec

from mlkeep.core import errors
from mlkeep.core.codes import status_of_code
from mlkeep.core.errors import MlkeepException

_RAISED: tuple[type[MlkeepException], ...] = (
    errors.InvalidInput,
    errors.BadRequest,
    errors.AlreadyExists,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.NotFound,
    errors.NoSuchEndpoint,
    errors.Conflict,
    errors.InternalError,
    errors.NotOffered,
    errors.Unavailable,
    errors.StorageFull,
    errors.Damaged,
)

TABLE = tuple((kind, kind.code, status_of_code(kind.code)) for kind in _RAISED)
"""What we raise, its code on the wire, the HTTP status."""

_CLASS_OF_CODE = {code: kind for kind, code, _ in TABLE}
_CODE_OF_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


MAX_MESSAGE_LENGTH = 20_000
"""Characters of a message that travel. Messages repeat what was sent, and anything may have been sent."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every refused request."""

    error_code: str = ""
    message: str = ""


def status_of(error: MlkeepException) -> int:
    """The HTTP status that carries `error`."""
    return status_of_code(error.error_code)


def body_of(error: MlkeepException) -> bytes:
    """The JSON that tells of `error`."""
    return msgspec.json.encode(ErrorBody(error_code=error.error_code, message=_clipped(error.message)))


def _clipped(message: str) -> str:
    """`message`, its middle left out if it is too long: the sentence begins and ends around what was sent."""
    if len(message) <= MAX_MESSAGE_LENGTH:
        return message
    kept = MAX_MESSAGE_LENGTH // 2
    return f"{message[:kept]} [... {len(message) - 2 * kept} characters left out ...] {message[-kept:]}"


def from_answer(status: int, body: bytes, asked: str = "this", retry_after: str | None = None) -> MlkeepException:
    """The error that an answer of `status` other than 200 tells of; `asked` is the verb and path of the request.

    It knows the status, and what the header `Retry-After` says. Its text starts with the code, as MLflow's does, because scripts look for the code in the text.
    """
    try:
        told = msgspec.json.decode(body, type=ErrorBody)
    except msgspec.DecodeError:
        told = ErrorBody()
    code = told.error_code or _CODE_OF_STATUS.get(status, "INTERNAL_ERROR")
    kind = _CLASS_OF_CODE.get(code, MlkeepException)
    if kind is errors.NoSuchEndpoint and not told.error_code:  # a page for people
        text = f"the server does not offer {asked}; is it older than what was asked of it, or no tracking server?"
    else:
        text = told.message or body.decode("utf-8", "replace").strip()[:1_000]
    error = kind(f"{code}: {text or f'the server answered with status {status}'}", error_code=code)
    error.http_status = status
    error.retry_after_s = None if retry_after is None else seconds_until(retry_after)
    return error


def seconds_until(retry_after: str) -> float | None:
    """How long from now it is until what a header `Retry-After` says, in seconds or as a date; None if it says neither."""
    try:
        seconds = float(retry_after)
    except ValueError:
        date = parsedate_tz(retry_after)
        if date is None:
            return None
        try:
            seconds = mktime_tz(date) - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
