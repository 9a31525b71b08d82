"""Whether stored files are those that were kept."""

from __future__ import annotations

import enum
import functools

import msgspec

from mlkeep.blobs.moving.downloads import digested
from mlkeep.blobs.moving.plan import Plan, Progress
from mlkeep.blobs.moving.threads import shared_out
from mlkeep.core.errors import NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.sdk import manifests
from mlkeep.sdk.progress import progress
from mlkeep.sdk.stores import ArtifactRoot, plan_for


class FileState(enum.StrEnum):
    """What a stored file is, beside what was recorded of it."""

    OK = "ok"
    DAMAGED = "damaged"
    MISSING = "missing"
    NOT_RECORDED = "not recorded"


class FileCheck(msgspec.Struct, frozen=True):
    """What was found of a file. `size` is None if it is missing; `recorded_size` if nothing was recorded."""

    path: str
    state: FileState
    size: int | None = None
    recorded_size: int | None = None
    sha256: str | None = None
    recorded_sha256: str | None = None


class Verification(msgspec.Struct, frozen=True):
    """All files that are there or were recorded, sorted by path."""

    files: list[FileCheck]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged or missing."""
        return all(file.state in (FileState.OK, FileState.NOT_RECORDED) for file in self.files)

    def in_state(self, state: FileState) -> list[FileCheck]:
        """The files in a state."""
        return [file for file in self.files if file.state is state]


def verification(root: ArtifactRoot, path: str, *, record: bool = False) -> Verification:
    """Read what is at a file or folder of a root, and compare it with what was recorded. See `verify_artifacts`."""
    recorded = root.recorded(path)
    there = {info.path: info.file_size or 0 for info in root.store.tree(path)}
    if not there and path and (size := root.size(path)) is not None:
        there = {path: size}
    plan = plan_for(root.store)
    with progress("Verifying artifacts") as shown:
        shown.begin(len(there), sum(there.values()))
        checks = [functools.partial(_found, root, name, plan, shown) for name in sorted(there)]
        found = {file.path: file for file in shared_out(checks, plan.threads) if file is not None}
    if record:
        _take_as_it_is(root, recorded, found)
    return Verification([_check(name, found.get(name), recorded.get(name)) for name in sorted({*found, *recorded})])


def _found(root: ArtifactRoot, path: str, plan: Plan, shown: Progress) -> StoredFile | None:
    try:
        file = digested(root.store, path, progress=shown, plan=plan)
    except NotFound:  # deleted meanwhile
        return None
    shown.done()
    return file


def _check(path: str, found: StoredFile | None, recorded: StoredFile | None) -> FileCheck:
    if found is None:
        state = FileState.MISSING
    elif recorded is None:
        state = FileState.NOT_RECORDED
    else:
        state = FileState.OK if found == recorded else FileState.DAMAGED
    return FileCheck(
        path,
        state,
        found.size if found else None,
        recorded.size if recorded else None,
        found.sha256 if found else None,
        recorded.sha256 if recorded else None,
    )


def _take_as_it_is(root: ArtifactRoot, recorded: dict[str, StoredFile], found: dict[str, StoredFile]) -> None:
    manifests.record(root.tracking_uri, root.uri, [file for name, file in found.items() if recorded.get(name) != file])
    manifests.forget(root.tracking_uri, root.uri, [name for name in recorded if name not in found])
