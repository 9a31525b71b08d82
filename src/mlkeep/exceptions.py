"""The errors mlkeep raises. `MlflowException` and `RestException` are the names scripts written for MLflow catch."""

from mlkeep.core.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Forbidden,
    InternalError,
    InvalidInput,
    MlkeepException,
    NoSuchEndpoint,
    NotFound,
    NotOffered,
    Unauthenticated,
    Unavailable,
)
from mlkeep.core.errors import MlkeepException as MlflowException
from mlkeep.core.errors import MlkeepException as RestException

__all__ = [
    "AlreadyExists",
    "BadRequest",
    "Conflict",
    "Forbidden",
    "InternalError",
    "InvalidInput",
    "MlflowException",
    "MlkeepException",
    "NoSuchEndpoint",
    "NotFound",
    "NotOffered",
    "RestException",
    "Unauthenticated",
    "Unavailable",
]
