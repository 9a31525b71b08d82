"""From a tracking URI to something that answers requests."""

from __future__ import annotations

import functools
from typing import Any, Protocol, cast

from mlkeep.core.errors import NotOffered
from mlkeep.core.uris import without_password
from mlkeep.remote.door import HttpDoor
from mlkeep.remote.transport import transport_to
from mlkeep.sdk import forks
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.heartbeats import Heartbeat, HeartbeatResponse
from mlkeep.wire.message import Request
from mlkeep.wire.runs import LogBatch

HTTP = frozenset({"http", "https"})
DATABASES = ("sqlite", "postgres")
"""How tracking URIs begin that name a database."""


class Door(Protocol):
    """Answers requests; in this process or over HTTP, the answers are the same."""

    def call(self, request: Request, /) -> Any:
        """The answer to a request. Raises MlkeepException."""
        ...

    def beat(self, heartbeat: Heartbeat, /) -> HeartbeatResponse | None:
        """Say that runs are alive; None if nobody listens. Raises MlkeepException."""
        ...

    def points_at_once(self, count: int, /) -> int:
        """How many points `log_many` takes, if there are `count` to be logged."""
        ...

    def log_many(self, batch: LogBatch, /) -> None:
        """Log a batch, as a whole unless this cannot be done with so many points. Raises MlkeepException."""
        ...

    def log_columns(self, request: LogColumns, /) -> None:
        """Log points in binary columns, as a whole unless the server takes them one by one. Raises MlkeepException."""
        ...

    def takes_run_ids(self) -> bool:
        """Whether a run gets the id that it is created with; official MLflow makes one up. Raises MlkeepException."""
        ...


@functools.cache
def door_to(uri: str) -> Door:
    """The door at a tracking URI; one for each in this process.

    Raises:
        NotOffered: nothing answers at URIs of this kind.
        Unavailable: the database cannot be opened.
    """
    scheme = uri.partition(":")[0].lower()
    if scheme in HTTP:
        return HttpDoor(transport_to(uri))
    if scheme.startswith(DATABASES):
        with forks.opening:
            from mlkeep.sdk.local import open_local  # the remote way must not load a database

            return cast("Door", open_local(uri))
    raise NotOffered(
        f"The tracking URI '{without_password(uri)}' cannot be used: give a server (http://host:5000), a SQLite "
        "file (sqlite:///mlkeep.db) or a PostgreSQL database (postgresql://user:password@host/database)."
    )


@functools.cache
def hasty_door_to(uri: str) -> Door:
    """As `door_to`, but requests to a server are made once, and not waited for long: for who can try again later."""
    if uri.partition(":")[0].lower() in HTTP:
        return HttpDoor(transport_to(uri).hasty())
    return door_to(uri)
