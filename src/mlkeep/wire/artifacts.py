"""Messages about artifacts that go through the tracking API. (The byte routes are in `mlkeep.server.artifacts`.)"""

from __future__ import annotations

from typing import ClassVar

from mlkeep.core import entities
from mlkeep.wire.endpoint import Endpoint, Permission
from mlkeep.wire.message import Int64, Message, Request, RunRequest


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
)
