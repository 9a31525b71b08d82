"""Messages about artifacts that go through the tracking API. (The byte routes are in `mlkeep.server.artifacts`.)"""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core import entities
from mlkeep.core.manifest import StoredFile
from mlkeep.wire.endpoint import OWN, Endpoint, Permission
from mlkeep.wire.message import Empty, Int64, Message, Request, RunRequest


class FileMessage(Message, frozen=True, kw_only=True):
    """A file or folder. MLflow leaves `file_size` out for folders and for empty files alike."""

    path: str
    is_dir: bool | None = None
    file_size: Int64 = 0

    @classmethod
    def of(cls, info: entities.FileInfo) -> FileMessage:
        return cls(path=info.path, is_dir=info.is_dir, file_size=info.file_size or 0)

    def entity(self) -> entities.FileInfo:
        is_dir = bool(self.is_dir)
        return entities.FileInfo(self.path, is_dir, None if is_dir else self.file_size)


class ListArtifacts(RunRequest, frozen=True, kw_only=True):
    path: str = ""
    page_token: str = ""


class ListLoggedModelArtifacts(Request, frozen=True, kw_only=True):
    model_id: str = ""
    artifact_directory_path: str = ""
    page_token: str = ""
    required: ClassVar[tuple[str, ...]] = ("model_id",)


class ListArtifactsResponse(Message, frozen=True, kw_only=True):
    root_uri: str = ""
    files: list[FileMessage] = []
    next_page_token: str = ""


class ProxyListResponse(Message, frozen=True, kw_only=True):
    """The answer of the artifact proxy, whose paths are relative to the listed folder."""

    files: list[FileMessage] = []


class StoredFileMessage(Request, frozen=True, kw_only=True):
    """A file of a manifest. `path` is relative to the URI that the message around it names."""

    path: str = ""
    size: Int64 = 0
    sha256: str = ""
    required: ClassVar[tuple[str, ...]] = ("path", "sha256")

    @classmethod
    def of(cls, file: StoredFile) -> StoredFileMessage:
        return cls(path=file.path, size=file.size, sha256=file.sha256)

    def file(self) -> StoredFile:
        return StoredFile(self.path, self.size, self.sha256)


class RecordFiles(Request, frozen=True, kw_only=True):
    """Files were put below `uri`, which is a run's or logged model's artifact root, or lies below one."""

    uri: str = ""
    files: list[StoredFileMessage] = []
    required: ClassVar[tuple[str, ...]] = ("uri",)


class RecordFilesResponse(Message, frozen=True, kw_only=True):
    """`recorded` is False if `uri` belongs to no run or logged model; nothing is kept then."""

    recorded: bool = False


class ForgetFiles(Request, frozen=True, kw_only=True):
    """The files at these paths below `uri`, and all below folders of these paths, are gone. "" is everything."""

    uri: str = ""
    paths: list[str] = []
    required: ClassVar[tuple[str, ...]] = ("uri",)


class GetManifest(Request, frozen=True, kw_only=True):
    """What was recorded below `uri`, or only of the file or folder `path` there."""

    uri: str = ""
    path: str = ""
    required: ClassVar[tuple[str, ...]] = ("uri",)


class GetManifestResponse(Message, frozen=True, kw_only=True):
    """Sorted by path; paths are relative to the `uri` that was asked for. Nothing recorded is an empty list."""

    files: list[StoredFileMessage] = []


ENDPOINTS = (
    Endpoint(("GET",), "artifacts/list", ListArtifacts, ListArtifactsResponse, Permission.ARTIFACT_READ, None),
    Endpoint(
        ("GET",),
        "logged-models/{model_id}/artifacts/directories",
        ListLoggedModelArtifacts,
        ListArtifactsResponse,
        Permission.ARTIFACT_READ,
        None,
    ),
    Endpoint(
        ("POST",), "artifacts/record", RecordFiles, RecordFilesResponse, Permission.ARTIFACT_WRITE, None, version=OWN
    ),
    Endpoint(("POST",), "artifacts/forget", ForgetFiles, Empty, Permission.ARTIFACT_DELETE, None, version=OWN),
    Endpoint(
        ("GET",), "artifacts/manifest", GetManifest, GetManifestResponse, Permission.ARTIFACT_READ, None, version=OWN
    ),
)
