"""What a storage promises of the manifest; the rest is in `contract`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from mlkeep.core.artifact_owners import OwnerKind
from mlkeep.core.manifest import StoredFile


class FileOwner(msgspec.Struct, frozen=True, kw_only=True):
    """A run or logged model, deleted or not, as the owner of files below its artifact root.

    `size` and `count` are the bytes and the number of those that are recorded; `has_versions` says whether model versions
    consist of some of them.
    """

    kind: OwnerKind
    key: int
    experiment: int
    root: str
    size: int
    count: int
    has_versions: bool


class Place(msgspec.Struct, frozen=True):
    """A file or folder below an artifact root; a `path` of "" is the root."""

    owner: FileOwner
    path: str


class ArtifactFileStore(Protocol):
    """The manifest: size and digest of the files of runs and logged models.

    Paths are below the owner's artifact root, in the normal form of `blobs.paths.checked`. What changes files needs the
    owner as `find_place` gave it in the same operation.
    """

    def find_place(self, uri: str) -> Place | None:
        """What a URI names; None if it lies below no artifact root of a run or logged model. The path is not checked."""
        ...

    def put(self, owner: FileOwner, files: Sequence[StoredFile]) -> None:
        """Record files, replacing what was recorded at their paths, each of which comes once.

        The sums of the owner, of its experiment, and of the model versions that consist of its files change with it.

        Raises:
            InvalidInput: together they have more than `limits.MAX_ARTIFACT_BYTES`.
        """
        ...

    def remove(self, owner: FileOwner, paths: Sequence[str]) -> None:
        """Forget the files at these paths and those below folders of these names. Sums change as by `put`."""
        ...

    def files(self, place: Place) -> list[StoredFile]:
        """The file recorded at a place, or those below it, by path."""
        ...

    def size(self, place: Place) -> int:
        """How many bytes the file at a place has, or those below it."""
        ...

    def find_twin(self, place: Place, size: int, sha256: str | None) -> str | None:
        """The URI of a file of this size and digest (any if None) in the same experiment, but not at this place."""
        ...
