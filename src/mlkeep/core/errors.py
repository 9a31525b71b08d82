"""What can go wrong, as the domain sees it.

    MlkeepException               INTERNAL_ERROR (when raised as it is)
    ├── InvalidInput              INVALID_PARAMETER_VALUE   a value the caller can correct
    ├── BadRequest                BAD_REQUEST               a request that makes no sense as a whole
    ├── AlreadyExists             RESOURCE_ALREADY_EXISTS
    ├── NotFound                  RESOURCE_DOES_NOT_EXIST
    ├── NoSuchEndpoint            ENDPOINT_NOT_FOUND
    ├── Conflict                  RESOURCE_CONFLICT
    ├── Unauthenticated           UNAUTHENTICATED
    ├── Forbidden                 PERMISSION_DENIED
    ├── NotOffered                NOT_IMPLEMENTED           known to MLflow, not to mlkeep
    ├── NotInstalled              INVALID_PARAMETER_VALUE   a package that this needs; also a ModuleNotFoundError
    ├── Unavailable               TEMPORARILY_UNAVAILABLE   try again later
    ├── StorageFull               INSUFFICIENT_STORAGE      no room for what was sent
    ├── Damaged                   DATA_LOSS                 bytes are not those that were written or announced
    └── InternalError             INTERNAL_ERROR            a fault of ours

The codes are MLflow's; `mlkeep.core.codes` has the HTTP status of each.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from mlkeep.core.codes import status_of_code


class MlkeepException(Exception):  # noqa: N818 - the name MLflow scripts know, through `MlflowException`
    """Base of every error mlkeep raises on purpose. `str(error)` is the message.

    `error_code` is the name of MLflow's code. Raising this class itself with a code is for scripts written for
    MLflow; mlkeep raises the subclasses.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"

    http_status: int | None = None
    """The status of the answer that told of this, if a server's did."""
    retry_after_s: float | None = None
    """After how many seconds the server wants to be asked again, if it said so."""

    def __init__(self, message: object, error_code: str | None = None, **kwargs: Any) -> None:
        self.message = str(message)
        self.error_code = error_code or type(self).code
        self.json_kwargs = kwargs
        super().__init__(self.message)

    def get_http_status_code(self) -> int:
        """The HTTP status that carries this error."""
        return status_of_code(self.error_code)

    def serialize_as_json(self) -> str:
        """The error as the JSON that servers answer with: its code, its message, and what else it was made with."""
        return json.dumps({**self.json_kwargs, "error_code": self.error_code, "message": self.message}, default=str)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.error_code, self.json_kwargs)

    @classmethod
    def invalid_parameter_value(cls, message: str, **kwargs: Any) -> MlkeepException:
        """An `InvalidInput` with `message`; MLflow's spelling."""
        return InvalidInput(message, **kwargs)


def _rebuild(
    kind: type[MlkeepException], message: str, error_code: str, json_kwargs: dict[str, Any]
) -> MlkeepException:
    return kind(message, error_code, **json_kwargs)


class InvalidInput(MlkeepException):
    """A value the caller can correct: the message names the field, the value and what is expected."""

    code = "INVALID_PARAMETER_VALUE"


class BadRequest(MlkeepException):
    """A request that makes no sense as a whole."""

    code = "BAD_REQUEST"


class AlreadyExists(MlkeepException):
    """The name or id is taken."""

    code = "RESOURCE_ALREADY_EXISTS"


class NotFound(MlkeepException):
    """There is no such thing, or the caller may not see it."""

    code = "RESOURCE_DOES_NOT_EXIST"


class NoSuchEndpoint(MlkeepException):
    """The server has no such path, or not for this verb."""

    code = "ENDPOINT_NOT_FOUND"


class Conflict(MlkeepException):
    """Somebody else changed the same thing first."""

    code = "RESOURCE_CONFLICT"


class Unauthenticated(MlkeepException):
    """The caller has not said who they are, or not convincingly."""

    code = "UNAUTHENTICATED"


class Forbidden(MlkeepException):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"


class NotOffered(MlkeepException):
    """Something MLflow has and mlkeep (here, or so configured) has not."""

    code = "NOT_IMPLEMENTED"


class NotInstalled(MlkeepException, ModuleNotFoundError):  # noqa: N818 - as its siblings
    """A package that is needed here is not installed: the message says what to install."""

    code = "INVALID_PARAMETER_VALUE"


class Unavailable(MlkeepException):
    """The server, or what it stands on, does not answer now; the same call may succeed later."""

    code = "TEMPORARILY_UNAVAILABLE"


class StorageFull(MlkeepException):
    """There is no room for what was sent: trying again does not help before somebody makes some."""

    code = "INSUFFICIENT_STORAGE"


class Damaged(MlkeepException):
    """Bytes are not those that were written, or that the sender announced; the message names the file."""

    code = "DATA_LOSS"


class InternalError(MlkeepException):
    """A fault of mlkeep. The details are in the server's log, under the request id."""
