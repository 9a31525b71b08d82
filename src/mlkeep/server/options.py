"""How a tracking server is started."""

from __future__ import annotations

import msgspec

from mlkeep.core.presence import LOST_AFTER_S

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Unless told otherwise. A batch of metrics, params and tags needs at most about a tenth, a dataset's profile a quarter."""


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`artifacts_destination` is where the artifact proxy keeps files; None of it means there is no proxy.

    `max_body_bytes` is the largest body of a request that is not the upload of a file.
    """

    backend_store_uri: str | None
    """None is a server without a database, which has nothing but the artifact proxy."""

    artifact_root: str
    artifacts_destination: str | None
    artifact_folders: tuple[str, ...] = ()
    """Local folders, besides the root and the destination, of whose files the server may speak."""

    multipart_uploads: bool = False
    multipart_downloads: bool = False
    """Whether MLflow's clients are told to send and fetch the bytes of large files by URLs of their own."""

    static_prefix: str = ""
    durability: str | None = None
    """None is what is usual for the kind of database."""

    read_connections: int | None = None
    """None is the usual number."""

    max_body_bytes: int = MAX_BODY_BYTES
    lost_after_s: float = LOST_AFTER_S
    """For how many seconds nothing is heard of a run at the least before it is lost."""

    require_of_versions: str = ""
    """Some of `services.rules.REQUIREMENTS_OF_VERSIONS`, between commas; "" is what the environment says."""
