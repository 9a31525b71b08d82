"""Downloading files and folders: small files in bundles, large ones in ranges, all of them checked before they appear."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mlkeep.blobs.contract import ArtifactStore, Bundles
from mlkeep.blobs.moving.cache import Cache
from mlkeep.blobs.moving.landing import Landing, appearing, write_new
from mlkeep.blobs.moving.plan import SILENT, Plan, Progress, bundled, patiently
from mlkeep.blobs.moving.ranges import Received, receive, resumed
from mlkeep.blobs.moving.threads import shared_out
from mlkeep.core.errors import Damaged, InvalidInput, NotFound, Unavailable
from mlkeep.core.manifest import StoredFile

NOTHING: Mapping[str, StoredFile] = {}


class Wanted(msgspec.Struct, frozen=True):
    """A file of a store, and the name under which it lands."""

    path: str
    name: str
    size: int


def wanted_files(
    store: ArtifactStore, path: str, expected: Mapping[str, StoredFile] = NOTHING, *, verify: bool = True
) -> list[Wanted]:
    """The file `path`, or all files below the folder `path`, landing below its own name.

    Raises:
        NotFound: there is neither.
        Damaged: with `verify`, files of the folder that are expected are not there.
    """
    own_name = path.rpartition("/")[2]
    if path in expected:
        return [Wanted(path, own_name, expected[path].size)]
    below = f"{path}/" if path else ""
    if found := store.tree(path):
        above = below[: -len(own_name) - 1] if path else ""
        if strange := next((info.path for info in found if not info.path.startswith(below)), None):
            raise InvalidInput(f"Invalid path: the server lists {strange!a} as lying below '{path}'.")
        if verify:
            _refuse_lost(path, {info.path for info in found}, expected)
        return [Wanted(info.path, info.path.removeprefix(above), info.file_size or 0) for info in found]
    size = store.size(path) if path else None
    if size is None:
        raise NotFound(f"There is no artifact '{path}'.")
    return [Wanted(path, own_name, size)]


def _refuse_lost(path: str, there: set[str], expected: Mapping[str, StoredFile]) -> None:
    """What was kept and is gone makes a folder another one than it was: half a model loads, or seems to."""
    below = f"{path}/" if path else ""
    if lost := [name for name in expected if name.startswith(below) and name not in there]:
        raise Damaged(
            f"The artifacts at '{path}' are not complete: '{lost[0]}' was kept there{_and_more(len(lost))}, and is gone "
            "without mlkeep having deleted it. Nothing was downloaded. `mlkeep artifacts verify` tells what is missing; log "
            "it again, or take what is there by `mlkeep artifacts verify --record`. With MLKEEP_VERIFY_ARTIFACTS=false "
            "files are not checked."
        )


def _and_more(count: int) -> str:
    return f" (with {count - 1} more)" if count > 1 else ""


def download_files(
    store: ArtifactStore,
    wanted: Sequence[Wanted],
    target: Path,
    *,
    expected: Mapping[str, StoredFile] = NOTHING,
    progress: Progress = SILENT,
    cache: Cache | None = None,
    shared: bool = False,
    plan: Plan | None = None,
) -> None:
    """Download files into the folder `target`, under their names.

    `expected` are files by their path in the store: what comes must be those. Others are taken as they come.
    Files that are in the `cache` are taken from there; with `shared`, what is downloaded is kept there too, and lands as
    read-only names of the cache's files.

    Raises:
        NotFound: a file is not there.
        Damaged: a file is not what was expected, and does not appear.
        InvalidInput: a name would leave `target`.
        MlkeepException: what the store raises.
    """
    job = _Job(store, Landing(target), expected, progress, cache, shared, plan or Plan())
    placed = [
        (one, job.landing.place(one.name)) for one in wanted
    ]  # an unsafe name is found before anything is written
    progress.begin(len(wanted), sum(one.size for one in wanted))
    left = [one for one in placed if not job.from_cache(*one)] if cache is not None else placed
    job.fetch(left)


class _Placed(msgspec.Struct, frozen=True):
    wanted: Wanted
    place: Path

    @property
    def size(self) -> int:
        return self.wanted.size


class _Job(msgspec.Struct, frozen=True):
    store: ArtifactStore
    landing: Landing
    expected: Mapping[str, StoredFile]
    progress: Progress
    cache: Cache | None
    shared: bool
    plan: Plan

    def from_cache(self, wanted: Wanted, place: Path) -> bool:
        """Whether the file could be taken from the cache."""
        known = self.expected.get(wanted.path)
        if self.cache is None or known is None or not self.cache.take(known, place, link=self.shared):
            return False
        self.progress.moved(wanted.size)
        self.progress.done()
        return True

    def fetch(self, files: Sequence[tuple[Wanted, Path]]) -> None:
        """Get files from the store."""
        placed = [_Placed(*file) for file in files]
        in_ranges = [one for one in placed if self.plan.ranges_from is not None and one.size >= self.plan.ranges_from]
        large = {one.wanted.path for one in in_ranges}
        rest = [one for one in placed if one.wanted.path not in large]
        bundles = self.store.bundles
        if bundles is not None:
            together = [one for one in rest if one.size <= self.plan.small_bytes]
            rest = [one for one in rest if one.size > self.plan.small_bytes]
            groups = [functools.partial(self._bundle, bundles, group) for group in bundled(together, self.plan)]
            shared_out(groups, self.plan.bundles_at_once)
        shared_out([functools.partial(self._one, one, threads=1) for one in rest], self.plan.threads)
        for one in in_ranges:
            self._one(one, threads=self.plan.at_once)

    def _one(self, one: _Placed, *, threads: int) -> None:
        with appearing(one.place) as temporary:
            moving = functools.partial(receive, self.store, one.wanted.path, one.size, temporary, self.plan, threads)
            self._check(one.wanted.path, moving(self.progress))
            self._keep(one.wanted.path, temporary)
        self.progress.done()

    def _bundle(self, bundles: Bundles, group: Sequence[_Placed]) -> None:
        left = list(group)
        while left:
            try:
                patiently(self.plan.retries, functools.partial(self._read_bundle, bundles, left))
            except Damaged:  # on its way, or where it lies: that shows when it comes alone
                self._one(left.pop(0), threads=1)

    def _read_bundle(self, bundles: Bundles, left: list[_Placed]) -> None:
        """Each file that is complete is taken off `left`."""
        for path, data in bundles.read_many([one.wanted.path for one in left]):
            one = left[0]
            if path != one.wanted.path:
                raise Damaged(f"The server sent '{path}' where '{one.wanted.path}' was asked for.")
            self._check(path, Received(len(data), hashlib.sha256(data).hexdigest()))
            with appearing(one.place) as temporary:
                write_new(temporary, data)
                self._keep(path, temporary)
            del left[0]
            self.progress.moved(one.size)
            self.progress.done()
        if left:
            raise Unavailable(f"The server's answer is not whole: '{left[0].wanted.path}' is missing in it.")

    def _check(self, path: str, received: Received) -> None:
        known = self.expected.get(path)
        if not self.plan.verify or known is None:
            return
        if (received.size, received.sha256) != (known.size, known.sha256):
            raise Damaged(
                f"The artifact '{path}' is damaged, or was replaced by something other than mlkeep: when it was kept, it had "
                f"{known.size} bytes with the SHA-256 {known.sha256}; now it has {received.size} bytes with "
                f"{received.sha256}. It was not downloaded. `mlkeep artifacts verify` tells which files are damaged; log the "
                "file again, or take it as it is by `mlkeep artifacts verify --record`. With MLKEEP_VERIFY_ARTIFACTS=false "
                "files are not checked."
            )

    def _keep(self, path: str, temporary: Path) -> None:
        known = self.expected.get(path)
        if self.shared and self.cache is not None and known is not None and self.plan.verify:
            self.cache.keep(known, temporary)


def digested(store: ArtifactStore, path: str, *, progress: Progress = SILENT, plan: Plan | None = None) -> StoredFile:
    """A stored file's size and SHA-256, from its bytes, which are not kept. Raises NotFound."""
    digest, size = hashlib.sha256(), 0
    for piece in resumed(store, path, 0, None, (plan or Plan()).retries):
        digest.update(piece)
        size += len(piece)
        progress.moved(len(piece))
    return StoredFile(path, size, digest.hexdigest())
