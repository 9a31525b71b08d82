"""How a tracking server is started."""

from __future__ import annotations

import msgspec


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`artifacts_destination` is where the artifact proxy keeps files; None of it means there is no proxy."""

    backend_store_uri: str
    artifact_root: str
    artifacts_destination: str | None
    durability: str | None = None
    """None is what is usual for the kind of database."""

    read_connections: int | None = None
    """None is the usual number."""
