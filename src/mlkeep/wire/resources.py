"""What the server answers beside the endpoint table: bytes, texts and pages rather than messages.

Each row says who may ask, as the rows of the endpoint table do.
"""

from __future__ import annotations

import msgspec

from mlkeep.wire.artifacts import ProxyListResponse
from mlkeep.wire.endpoint import AuditTag, Permission
from mlkeep.wire.message import Message

JSON, TEXT, HTML, BYTES = "application/json", "text/plain", "text/html", "application/octet-stream"

ANY_TYPE = "*/*"

OPENAPI_PATH = "/api/mlkeep/1/openapi.json"
"""Below `/api/mlkeep/` is what only mlkeep has."""

ARTIFACT_ROOTS = ("/api/2.0/mlflow-artifacts/artifacts", "/ajax-api/2.0/mlflow-artifacts/artifacts")
SERVER_INFO_PATHS = ("/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info")


class ServerInfo(Message, frozen=True, kw_only=True, omit_defaults=False):
    """What MLflow's clients ask a server about itself, and what mlkeep's clients do: the fields that begin with `mlkeep_`.

    `mlkeep_transfer` is the version of what `wire.uploads` describes, 0 if the server has no artifact proxy.
    `mlkeep_manifest` says that the server itself records what passes through its proxy.
    """

    store_type: str
    workspaces_enabled: bool
    multipart_uploads_enabled: bool
    multipart_downloads_enabled: bool
    mlkeep_transfer: int = 0
    mlkeep_manifest: bool = False


class Resource(msgspec.Struct, frozen=True):
    """One row. `answer` is the content type of status 200; `message` is its shape, if it is JSON of a known one.

    Parts of `paths` in braces are parameters. `body` is the content type of what is sent, None if nothing is.
    `statuses` are those of errors.
    """

    method: str
    paths: tuple[str, ...]
    summary: str
    permission: Permission
    audit: AuditTag | None
    answer: str
    message: type[Message] | None = None
    body: str | None = None
    query: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()


_FILES = tuple(f"{root}/{{path}}" for root in ARTIFACT_ROOTS)
_read, _server = Permission.ARTIFACT_READ, Permission.SERVER_READ

RESOURCES: tuple[Resource, ...] = (
    Resource("GET", ("/",), "A page for people who open the server's address.", _server, None, HTML),
    Resource("GET", ("/health",), "OK if the database can be read.", _server, None, TEXT, statuses=(503,)),
    Resource("GET", ("/version",), "The version of mlkeep.", _server, None, TEXT),
    Resource("GET", SERVER_INFO_PATHS, "What the server can do.", _server, None, JSON, ServerInfo),
    Resource("GET", (OPENAPI_PATH,), "This document.", _server, None, JSON),
    Resource(
        "GET",
        ARTIFACT_ROOTS,
        "The files and folders in a folder of the artifact store.",
        _read,
        None,
        JSON,
        ProxyListResponse,
        query=("path",),
        statuses=(400, 500, 503),
    ),
    Resource("GET", _FILES, "The bytes of a file.", _read, None, ANY_TYPE, statuses=(400, 404, 500, 503)),
    Resource(
        "PUT",
        _FILES,
        "Keep a file, of any size, in place of what was there.",
        Permission.ARTIFACT_WRITE,
        None,
        JSON,
        body=BYTES,
        statuses=(400, 500, 503),
    ),
    Resource(
        "DELETE",
        _FILES,
        "Remove a file, or a folder with all that is in it.",
        Permission.ARTIFACT_DELETE,
        None,
        JSON,
        statuses=(400, 500, 503),
    ),
)
