"""What the server answers beside the endpoint table: bytes, texts and pages rather than messages.

Each row says who may ask, as the rows of the endpoint table do.
"""

from __future__ import annotations

import msgspec

from mlkeep.wire.artifacts import ProxyListResponse, StoredFileMessage
from mlkeep.wire.endpoint import AuditTag, Permission
from mlkeep.wire.message import Message, Request
from mlkeep.wire.multipart import (
    MPU_ROOTS,
    PART_ROOT,
    PRESIGN_DOWNLOAD_PATHS,
    PRESIGN_UPLOAD_PATHS,
    PRESIGNED_ROOTS,
    AbortMultipart,
    CompleteMultipart,
    CreateMultipart,
    CreateMultipartResponse,
    PresignDownload,
    PresignDownloadResponse,
    PresignedDownload,
    PresignUpload,
    PresignUploadResponse,
)
from mlkeep.wire.uploads import (
    BUNDLE_TYPE,
    TRANSFER_ROOT,
    BeginUpload,
    BundleRequest,
    CompleteUpload,
    Tree,
    UploadState,
)

JSON, TEXT, HTML, BYTES = "application/json", "text/plain", "text/html", "application/octet-stream"

ANY_TYPE = "*/*"

OPENAPI_PATH = "/api/mlkeep/1/openapi.json"
"""Below `/api/mlkeep/` is what only mlkeep has."""

ARTIFACT_ROOTS = ("/api/2.0/mlflow-artifacts/artifacts", "/ajax-api/2.0/mlflow-artifacts/artifacts")
SERVER_INFO_PATHS = ("/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info")
GET_ARTIFACT = "/get-artifact"
VERSION_ARTIFACT = "/model-versions/get-artifact"
MODEL_FILES = "/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files"
UPLOAD_ARTIFACT = "/ajax-api/2.0/mlflow/upload-artifact"
ARCHIVE_PATH = f"{TRANSFER_ROOT}/archive"


class ServerInfo(Message, frozen=True, kw_only=True, omit_defaults=False):
    """What MLflow's clients ask a server about itself, and what mlkeep's clients do: the fields that begin with `mlkeep_`.

    `mlkeep_heartbeats` says that the server takes heartbeats (`wire.heartbeats`).
    `mlkeep_transfer` is the version of what `wire.uploads` describes, 0 if the server has no artifact proxy.
    `mlkeep_manifest` says that the server itself records what passes through its proxy. `mlkeep_columns` is the size in
    bytes of the largest `log-batch` with points in columns (`wire.columns`), 0 if the server takes none.
    `mlkeep_encodings` names the values of `Content-Encoding` that it undoes in bodies of the endpoint table.
    """

    store_type: str
    workspaces_enabled: bool
    multipart_uploads_enabled: bool
    multipart_downloads_enabled: bool
    presigned_upload_run_id_supported: bool = True
    presigned_upload_model_id_supported: bool = True
    mlkeep_heartbeats: bool = False
    mlkeep_transfer: int = 0
    mlkeep_manifest: bool = False
    mlkeep_columns: int = 0
    mlkeep_encodings: list[str] = []


class Resource(msgspec.Struct, frozen=True):
    """One row. `answer` is the content type of status 200; `message` is its shape, if it is JSON of a known one.

    Parts of `paths` in braces are parameters. `body` is the content type of what is sent if it is no JSON, `request` its
    shape if it is. `statuses` are those other than 200.
    """

    method: str
    paths: tuple[str, ...]
    summary: str
    permission: Permission
    audit: AuditTag | None
    answer: str
    message: type[Message] | None = None
    body: str | None = None
    request: type[Request] | None = None
    query: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()


_read, _write, _server = Permission.ARTIFACT_READ, Permission.ARTIFACT_WRITE, Permission.SERVER_READ
_JSON_STATUSES = (400, 413, 415, 500, 501, 503)


def _below(roots: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{root}/{{path}}" for root in roots)


def _verb(verb: str) -> tuple[str, ...]:
    return tuple(f"{root}/{verb}/{{path}}" for root in MPU_ROOTS)


SERVER_RESOURCES: tuple[Resource, ...] = (
    Resource("GET", ("/",), "A page for people who open the server's address.", _server, None, HTML),
    Resource("GET", ("/health",), "OK if the database can be read.", _server, None, TEXT, statuses=(503,)),
    Resource("GET", ("/version",), "The version of mlkeep.", _server, None, TEXT),
    Resource("GET", SERVER_INFO_PATHS, "What the server can do.", _server, None, JSON, ServerInfo),
    Resource("GET", (OPENAPI_PATH,), "This document.", _server, None, JSON),
)

PROXY_RESOURCES: tuple[Resource, ...] = (
    Resource(
        "GET",
        ARTIFACT_ROOTS,
        "The files and folders in a folder of the artifact store.",
        _read,
        None,
        JSON,
        ProxyListResponse,
        query=("path",),
        statuses=(400, 403, 404, 500, 503),
    ),
    Resource(
        "GET",
        _below(ARTIFACT_ROOTS),
        "The bytes of a file, or of a range of it.",
        _read,
        None,
        ANY_TYPE,
        statuses=(206, 304, 400, 403, 404, 416, 500, 503),
    ),
    Resource(
        "HEAD",
        _below(ARTIFACT_ROOTS),
        "What GET would answer, without the bytes.",
        _read,
        None,
        ANY_TYPE,
        statuses=(206, 304, 400, 403, 404, 416, 500, 503),
    ),
    Resource(
        "PUT",
        _below(ARTIFACT_ROOTS),
        "Keep a file, of any size, in place of what was there. With a Content-Digest, only if that is the body's.",
        _write,
        None,
        JSON,
        body=BYTES,
        statuses=(400, 403, 422, 500, 503, 507),
    ),
    Resource(
        "DELETE",
        _below(ARTIFACT_ROOTS),
        "Remove a file, or a folder with all that is in it.",
        Permission.ARTIFACT_DELETE,
        None,
        JSON,
        statuses=(400, 403, 500, 503),
    ),
    Resource(
        "POST",
        _verb("create"),
        "Begin to upload a file in parts: to which URLs they go.",
        _write,
        None,
        JSON,
        CreateMultipartResponse,
        request=CreateMultipart,
        statuses=_JSON_STATUSES,
    ),
    Resource(
        "POST",
        _verb("complete"),
        "Make a file of the parts that were uploaded.",
        _write,
        None,
        JSON,
        request=CompleteMultipart,
        statuses=(*_JSON_STATUSES, 404, 507),
    ),
    Resource(
        "POST",
        _verb("abort"),
        "Give an upload in parts up.",
        _write,
        None,
        JSON,
        request=AbortMultipart,
        statuses=_JSON_STATUSES,
    ),
    Resource(
        "PUT",
        (f"{PART_ROOT}/{{upload_id}}/{{number}}",),
        "Upload a part of a file; the answer has its ETag. Who knows the URL may do so.",
        _write,
        None,
        JSON,
        body=BYTES,
        statuses=(400, 404, 500, 501, 503, 507),
    ),
    Resource(
        "GET",
        _below(PRESIGNED_ROOTS),
        "Where a file can be had directly from the artifact store.",
        _read,
        None,
        JSON,
        PresignedDownload,
        statuses=(400, 403, 404, 500, 501, 503),
    ),
    Resource(
        "GET",
        (f"{TRANSFER_ROOT}/tree",),
        "All files below a folder, however deep, with their digests.",
        _read,
        None,
        JSON,
        Tree,
        query=("path",),
        statuses=(400, 403, 404, 500, 503),
    ),
    Resource(
        "POST",
        (f"{TRANSFER_ROOT}/uploads",),
        "Begin to upload a file in parts, or go on with it.",
        _write,
        None,
        JSON,
        UploadState,
        request=BeginUpload,
        statuses=(*_JSON_STATUSES, 403, 507),
    ),
    Resource(
        "PUT",
        (f"{TRANSFER_ROOT}/uploads/{{upload_id}}/{{number}}",),
        "Upload a part.",
        _write,
        None,
        JSON,
        body=BYTES,
        statuses=(400, 403, 404, 422, 500, 501, 503, 507),
    ),
    Resource(
        "POST",
        (f"{TRANSFER_ROOT}/uploads/{{upload_id}}/complete",),
        "Make the file of its parts.",
        _write,
        None,
        JSON,
        StoredFileMessage,
        request=CompleteUpload,
        statuses=(*_JSON_STATUSES, 403, 404, 422, 507),
    ),
    Resource(
        "DELETE",
        (f"{TRANSFER_ROOT}/uploads/{{upload_id}}",),
        "Give an upload up.",
        _write,
        None,
        JSON,
        statuses=(400, 403, 500, 501, 503),
    ),
    Resource(
        "POST",
        (f"{TRANSFER_ROOT}/bundle",),
        "Keep many small files at once.",
        _write,
        None,
        JSON,
        Tree,
        body=BUNDLE_TYPE,
        query=("path",),
        statuses=(400, 403, 422, 500, 503, 507),
    ),
    Resource(
        "POST",
        (f"{TRANSFER_ROOT}/bundle/read",),
        "Many small files of a folder at once.",
        _read,
        None,
        BUNDLE_TYPE,
        request=BundleRequest,
        query=("path",),
        statuses=(*_JSON_STATUSES, 403, 404),
    ),
)
"""What a server without an artifact proxy does not offer."""

OF_RUN_RESOURCES: tuple[Resource, ...] = (
    *(
        Resource(
            method,
            (GET_ARTIFACT,),
            "A file of a run.",
            _read,
            None,
            ANY_TYPE,
            query=("run_id", "run_uuid", "path"),
            statuses=(206, 304, 400, 403, 404, 416, 500, 501, 503),
        )
        for method in ("GET", "HEAD")
    ),
    *(
        Resource(
            method,
            (VERSION_ARTIFACT,),
            "A file of a model version.",
            _read,
            None,
            ANY_TYPE,
            query=("name", "version", "path"),
            statuses=(206, 304, 400, 403, 404, 416, 500, 501, 503),
        )
        for method in ("GET", "HEAD")
    ),
    *(
        Resource(
            method,
            (MODEL_FILES,),
            "A file of a logged model.",
            _read,
            None,
            ANY_TYPE,
            query=("artifact_file_path",),
            statuses=(206, 304, 400, 403, 404, 416, 500, 501, 503),
        )
        for method in ("GET", "HEAD")
    ),
    Resource(
        "POST",
        (UPLOAD_ARTIFACT,),
        "Keep a small file of a run.",
        _write,
        None,
        JSON,
        body=BYTES,
        query=("run_uuid", "run_id", "path"),
        statuses=(400, 403, 404, 500, 501, 503, 507),
    ),
    Resource(
        "POST",
        PRESIGN_UPLOAD_PATHS,
        "Where a file of a run or logged model can be PUT directly.",
        _write,
        None,
        JSON,
        PresignUploadResponse,
        request=PresignUpload,
        statuses=(*_JSON_STATUSES, 403, 404),
    ),
    Resource(
        "POST",
        PRESIGN_DOWNLOAD_PATHS,
        "Where a file of a run can be had directly.",
        _read,
        None,
        JSON,
        PresignDownloadResponse,
        request=PresignDownload,
        statuses=(*_JSON_STATUSES, 403, 404),
    ),
    Resource(
        "GET",
        (ARCHIVE_PATH,),
        "The artifacts of a run, logged model or model version, or a folder of them, as a zip file.",
        _read,
        None,
        "application/zip",
        query=("run_id", "run_uuid", "model_id", "name", "version", "path"),
        statuses=(400, 403, 404, 500, 501, 503),
    ),
)

RESOURCES: tuple[Resource, ...] = (*SERVER_RESOURCES, *PROXY_RESOURCES, *OF_RUN_RESOURCES)
