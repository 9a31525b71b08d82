"""Messages of MLflow's ways around the proxy: uploads in parts, and URLs that carry their own permission.

A client asks for the URLs of the parts of a file, PUTs each part there without credentials, and hands in what the
answers' `ETag` headers said. It sends the whole path of its local file; only the last part of that is looked at.
"""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core.errors import InvalidInput
from mlkeep.wire.endpoint import ROOTS
from mlkeep.wire.message import Int64, Message, Request

MPU_ROOTS = ("/api/2.0/mlflow-artifacts/mpu", "/ajax-api/2.0/mlflow-artifacts/mpu")
PRESIGNED_ROOTS = ("/api/2.0/mlflow-artifacts/presigned", "/ajax-api/2.0/mlflow-artifacts/presigned")

PRESIGN_UPLOAD_PATHS = tuple(f"/{root}/2.0/mlflow/artifacts/presigned-upload-url" for root in ROOTS)
PRESIGN_DOWNLOAD_PATHS = tuple(f"/{root}/2.0/mlflow/artifacts/presigned-download-url" for root in ROOTS)

PART_ROOT = "/api/mlkeep/1/artifacts/mpu"
"""Below it are the URLs of parts that the server keeps itself."""

MAX_PARTS = 10_000
"""Of one upload, as S3 has it."""

MAX_EXPIRATION_S = 604_800
"""Seconds that a signed URL may be good for: a week."""

DEFAULT_UPLOAD_EXPIRATION_S = 900

NO_MULTIPART_UPLOAD = "Multipart upload is not supported for the current artifact repository"
NO_MULTIPART_DOWNLOAD = "Multipart download is not supported for the current artifact repository"
"""How the messages begin after which MLflow's clients send or fetch a file in one piece instead."""


class CreateMultipart(Request, frozen=True, kw_only=True):
    """Begin to upload a file in `num_parts` parts, all but the last of the same size."""

    path: str = ""
    num_parts: Int64 = 0
    required: ClassVar[tuple[str, ...]] = ("path", "num_parts")


class PartCredential(Message, frozen=True, kw_only=True, omit_defaults=False):
    """Where a part goes, and the headers to send with it. Parts are numbered from 1."""

    url: str
    part_number: Int64
    headers: dict[str, str] = {}


class CreateMultipartResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    upload_id: str
    credentials: list[PartCredential]


class UploadedPart(Request, frozen=True, kw_only=True):
    """A part that arrived. `etag` is what the answer to its PUT said in the header `ETag`."""

    part_number: Int64 = 0
    etag: str = ""
    url: str = ""


class CompleteMultipart(Request, frozen=True, kw_only=True):
    path: str = ""
    upload_id: str = ""
    parts: list[UploadedPart] = []
    required: ClassVar[tuple[str, ...]] = ("path", "upload_id")


class AbortMultipart(Request, frozen=True, kw_only=True):
    path: str = ""
    upload_id: str = ""
    required: ClassVar[tuple[str, ...]] = ("path", "upload_id")


class PresignedDownload(Message, frozen=True, kw_only=True, omit_defaults=False):
    """Where the bytes of a file of the proxy can be had without credentials."""

    url: str
    headers: dict[str, str] = {}
    file_size: Int64


class SignedHeader(Message, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    value: str


class PresignUpload(Request, frozen=True, kw_only=True):
    """Ask where a file of a run or of a logged model can be PUT. `expiration` is in seconds."""

    run_id: str = ""
    model_id: str = ""
    path: str = ""
    expiration: Int64 = DEFAULT_UPLOAD_EXPIRATION_S
    required: ClassVar[tuple[str, ...]] = ("path",)


class PresignUploadResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    presigned_url: str
    headers: list[SignedHeader] = []


class PresignDownload(Request, frozen=True, kw_only=True):
    """Ask where a file of a run can be had. `expiration` is in seconds."""

    run_id: str = ""
    path: str = ""
    expiration: Int64 | None = None
    required: ClassVar[tuple[str, ...]] = ("run_id", "path")


class PresignDownloadResponse(Message, frozen=True, kw_only=True, omit_defaults=False):
    presigned_url: str
    headers: list[SignedHeader] = []
    file_size: Int64


def checked_expiration(seconds: int) -> int:
    """Raises InvalidInput: no URL is good for so long, or for so short a time."""
    if not 1 <= seconds <= MAX_EXPIRATION_S:
        raise InvalidInput(f"expiration must be between 1 and {MAX_EXPIRATION_S} seconds (got {seconds}).")
    return seconds


def signed_headers(headers: dict[str, str]) -> list[SignedHeader]:
    """Headers as the list the tracking API uses."""
    return [SignedHeader(name=name, value=value) for name, value in headers.items()]
