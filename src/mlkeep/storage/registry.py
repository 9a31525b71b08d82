"""What a storage promises of registered models and their versions: a part of `storage.contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from mlkeep.core.entities import ModelVersion, RegisteredModel
from mlkeep.storage.artifact_files import Place

if TYPE_CHECKING:
    from mlkeep.storage.contract import Page, Search


class RegisteredModelStore(Protocol):
    """Registered models, their tags and aliases."""

    def add(self, name: str, description: str | None, tags: Mapping[str, str], now_ms: int) -> None:
        """Add a model. Raises AlreadyExists."""
        ...

    def get(self, name: str) -> RegisteredModel:
        """The model with tags, aliases and the latest version of each stage. Raises NotFound."""
        ...

    def require(self, name: str) -> None:
        """Raises NotFound: there is no such model."""
        ...

    def rename(self, name: str, new_name: str, now_ms: int) -> None:
        """Give the model another name. Raises NotFound, AlreadyExists."""
        ...

    def describe(self, name: str, description: str | None, now_ms: int) -> None:
        """Set or clear the description. Raises NotFound."""
        ...

    def delete(self, name: str) -> None:
        """Remove the model with versions, tags and aliases. Raises NotFound."""
        ...

    def put_tag(self, name: str, key: str, value: str, now_ms: int) -> None:
        """Set a tag, replacing its value. Raises NotFound."""
        ...

    def delete_tag(self, name: str, key: str, now_ms: int) -> None:
        """Remove a tag if it is there. Raises NotFound."""
        ...

    def put_alias(self, name: str, alias: str, version: str) -> str | None:
        """Point an alias to a version; the version it pointed to before. Raises NotFound: model or version."""
        ...

    def delete_alias(self, name: str, alias: str) -> str | None:
        """Remove an alias if it is there; the version it pointed to. Raises NotFound: no such model."""
        ...

    def find_alias(self, name: str, alias: str) -> str | None:
        """The version an alias points to. Raises NotFound: no such model."""
        ...

    def search(self, search: Search) -> Page:
        """`RegisteredModel`s."""
        ...


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a model version is made of. `storage_uri` is where the files lie when `source` is only a reference.

    `files` is the same place as that of a run or logged model, None if it is none, and `artifact_bytes` the size of what
    is recorded there.
    """

    name: str
    source: str
    storage_uri: str
    run_id: str
    run_link: str
    description: str
    model_id: str
    user_id: str
    tags: Mapping[str, str]
    now_ms: int
    files: Place | None = None
    artifact_bytes: int | None = None


class VersionStore(Protocol):
    """Versions of registered models."""

    def add(self, new: NewVersion) -> str:
        """Add a version and give its number: one more than the model ever had. Raises NotFound: no such model."""
        ...

    def get(self, name: str, version: str) -> ModelVersion:
        """The version with tags and aliases. Raises NotFound, InvalidInput (version is no integer)."""
        ...

    def storage_uri(self, name: str, version: str) -> str:
        """Where the files of the version lie. Raises NotFound."""
        ...

    def describe(self, name: str, version: str, description: str | None, now_ms: int) -> None:
        """Set or clear the description. Raises NotFound."""
        ...

    def delete(self, name: str, version: str, now_ms: int) -> None:
        """Remove the version with its aliases; its number is not used again. Raises NotFound."""
        ...

    def move_to_stage(self, name: str, version: str, stage: str, *, archive_others: bool, now_ms: int) -> None:
        """Put the version into a stage; the others that are in it become Archived if asked. Raises NotFound."""
        ...

    def latest(self, name: str, stages: Sequence[str]) -> list[ModelVersion]:
        """The highest version of each of these stages. Raises NotFound: no such model."""
        ...

    def highest(self, name: str) -> str | None:
        """The highest version there is. Raises NotFound: no such model."""
        ...

    def put_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag, replacing its value. Raises NotFound."""
        ...

    def delete_tag(self, name: str, version: str, key: str) -> None:
        """Remove a tag if it is there. Raises NotFound."""
        ...

    def search(self, search: Search) -> Page:
        """`ModelVersion`s without aliases."""
        ...
