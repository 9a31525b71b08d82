"""The error codes of MLflow's protocol, and the HTTP status each of them travels with."""

from __future__ import annotations

STATUS_OF_CODE = {
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "CUSTOMER_UNAUTHORIZED": 401,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "NOT_FOUND": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "DATA_LOSS": 422,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
    "FEATURE_DISABLED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "INSUFFICIENT_STORAGE": 507,
}
"""Some are sent by other servers, or raised by scripts, only.

MLflow answers FEATURE_DISABLED with 500, after which its clients repeat the request for minutes.
"""


def status_of_code(code: str) -> int:
    """The HTTP status of an error code; 500 for one that is not known."""
    return STATUS_OF_CODE.get(code, 500)
