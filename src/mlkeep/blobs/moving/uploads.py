"""Uploading files and folders: small files in bundles, large ones in parts, all of them digested."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from mlkeep.blobs.contract import PIECE, ArtifactStore, AskingParts, Bundles, PartUpload, PartUploads
from mlkeep.blobs.moving.plan import MAX_PARTS, MIN_PART_BYTES, SILENT, Plan, Progress, bundled, patiently
from mlkeep.blobs.moving.sources import SourceFile, source_files
from mlkeep.blobs.moving.threads import shared_out
from mlkeep.core.errors import Conflict, Damaged, NotFound, NotOffered
from mlkeep.core.manifest import StoredFile


def upload(
    store: ArtifactStore, source: Path, target: str, *, progress: Progress = SILENT, plan: Plan | None = None
) -> list[StoredFile]:
    """Upload a file to the path `target`, or what is in a folder below it. What is stored now, sorted by path.

    A large file whose upload broke off goes on where it was, if the store can.

    Raises:
        FileNotFoundError: there is no `source`.
        InvalidInput: some of it cannot be uploaded; nothing was sent.
        Conflict: a file changed while it was being sent; it was not kept.
        MlkeepException: what the store raises.
    """
    return upload_files(store, source_files(source, target), progress=progress, plan=plan)


def upload_files(
    store: ArtifactStore, files: Sequence[SourceFile], *, progress: Progress = SILENT, plan: Plan | None = None
) -> list[StoredFile]:
    """Upload files that were looked at. Raises as `upload`."""
    plan = plan or Plan()
    progress.begin(len(files), sum(file.size for file in files))
    parts = store.parts if plan.parts_from is not None else None
    large = [] if parts is None else [file for file in files if file.size >= (plan.parts_from or 0)]
    alone = {file.path for file in large}
    rest = [file for file in files if file.path not in alone]
    bundles = store.bundles
    together = [file for file in rest if bundles is not None and file.size <= plan.small_bytes]
    one_by_one = rest if bundles is None else [file for file in rest if file.size > plan.small_bytes]
    stored: list[StoredFile] = []
    for group in shared_out(_bundle_tasks(store, bundles, together, plan, progress), plan.bundles_at_once):
        stored += group
    tasks = [
        functools.partial(_small if file.size <= plan.small_bytes else _whole, store, file, plan, progress)
        for file in one_by_one
    ]
    for group in shared_out(tasks, plan.threads):
        stored += group
    for file in large:
        stored += _large(store, file, plan, progress)
    return sorted(stored, key=lambda file: file.path)


def _bundle_tasks(
    store: ArtifactStore, bundles: Bundles | None, files: Sequence[SourceFile], plan: Plan, progress: Progress
) -> Iterator[Callable[[], list[StoredFile]]]:
    for group in bundled(files, plan):
        if bundles is None or len(group) == 1:
            yield functools.partial(_small, store, group[0], plan, progress)
        else:
            yield functools.partial(_bundle, store, bundles, group, plan, progress)


def _small(store: ArtifactStore, file: SourceFile, plan: Plan, progress: Progress) -> list[StoredFile]:
    data = file.local.read_bytes()
    file.check_unchanged()
    stored = patiently(plan.retries, lambda: store.put_bytes(file.path, data), damaged=True)
    progress.moved(file.size)
    progress.done()
    return [stored]


def _whole(store: ArtifactStore, file: SourceFile, plan: Plan, progress: Progress) -> list[StoredFile]:
    stored = patiently(plan.retries, lambda: store.put(file.path, file.local), damaged=True)
    _check_stored(store, [file])
    progress.moved(file.size)
    progress.done()
    return [stored]


def _bundle(
    store: ArtifactStore, bundles: Bundles, group: Sequence[SourceFile], plan: Plan, progress: Progress
) -> list[StoredFile]:
    stored = patiently(plan.retries, lambda: bundles.put_many({file.path: file.local for file in group}), damaged=True)
    _check_stored(store, group)
    progress.moved(sum(file.size for file in group))
    progress.done(len(group))
    return list(stored)


def _check_stored(store: ArtifactStore, files: Sequence[SourceFile]) -> None:
    """Take back what changed while the store read it: it may be half of one and half of the other."""
    for file in files:
        try:
            file.check_unchanged()
        except Conflict:
            store.delete(file.path)
            raise


def _large(store: ArtifactStore, file: SourceFile, plan: Plan, progress: Progress) -> list[StoredFile]:
    parts = store.parts
    try:
        stored = None if parts is None else _in_parts(parts, file, plan, progress)
    except NotOffered:  # a server may have parts, and what it stands on have none
        stored = None
    if stored is None:
        return _whole(store, file, plan, progress)
    progress.done()
    return [stored]


def _in_parts(parts: PartUploads, file: SourceFile, plan: Plan, progress: Progress) -> StoredFile:
    sending = _Sending(parts, file, plan, progress)
    try:
        return sending.sent()
    except (Damaged, NotFound):  # or the store knows nothing of the upload any more
        sending.take_back()
        return sending.sent()


class _Sending:
    """One file on its way, in parts."""

    def __init__(self, parts: PartUploads, file: SourceFile, plan: Plan, progress: Progress) -> None:
        self._parts = parts
        self._file = file
        self._plan = plan
        self._progress = progress
        self._moved = 0
        self._sha256: str | None = None
        self._spare: list[bytearray] = []  # buffers of parts that were sent: memory that is new takes longer to fill

    def sent(self) -> StoredFile:
        begun = self._begun()
        if isinstance(begun, StoredFile):
            self._count(self._file.size)
            return begun
        digest = hashlib.sha256()
        shared_out(self._tasks(begun, digest), self._plan.at_once)
        self._sha256 = digest.hexdigest()
        try:
            self._file.check_unchanged()
        except Conflict:
            self._parts.abort(begun.upload_id)
            raise
        sha256 = self._sha256
        return patiently(self._plan.retries, lambda: self._parts.complete(begun.upload_id, sha256))

    def take_back(self) -> None:
        """What was counted does not count."""
        self._count(-self._moved)

    def _begun(self) -> PartUpload | StoredFile:
        file, retries = self._file, self._plan.retries
        part_bytes = max(self._plan.part_bytes, MIN_PART_BYTES, -(-file.size // MAX_PARTS))
        if self._sha256 is None:
            begun = patiently(retries, lambda: self._parts.begin(file.path, file.size, file.fingerprint, part_bytes))
            if not begun.ask_again:
                return begun
            self._sha256 = _digest_of(file)
        parts, sha256 = self._parts, self._sha256
        if not isinstance(parts, AskingParts):
            return patiently(retries, lambda: parts.begin(file.path, file.size, file.fingerprint, part_bytes))
        return patiently(retries, lambda: parts.begin_known(file.path, file.size, file.fingerprint, part_bytes, sha256))

    def _tasks(self, begun: PartUpload, digest: Any) -> Iterator[Callable[[], None]]:
        """The file is read once, in order: each part is digested as part of the whole, and sent by whoever took it."""
        with self._file.local.open("rb", buffering=0) as opened:
            for number in range(1, begun.count + 1):
                start, end = begun.range_of(number)
                buffer = self._spare.pop() if self._spare else bytearray(end - start)
                if len(buffer) < end - start:  # the upload was begun anew with larger parts
                    buffer = bytearray(end - start)
                data = memoryview(buffer)[: end - start]
                _fill(data, opened, self._file)
                digest.update(data)
                if number in begun.have:
                    self._count(len(data))
                    self._spare.append(buffer)
                else:
                    yield functools.partial(self._send, begun, number, buffer, data)

    def _send(self, begun: PartUpload, number: int, buffer: bytearray, data: memoryview) -> None:
        sha256 = hashlib.sha256(data).hexdigest() if begun.digests else None

        def send() -> None:
            sink = self._parts.sink(begun.upload_id, number, sha256)
            try:
                sink.write(data)
                sink.finish()
                sink.commit()
            except Conflict:  # an earlier request for this part, given up for lost, came through after all
                if number not in self._parts.find(begun.upload_id).have:
                    raise
            finally:
                sink.discard()

        patiently(self._plan.retries, send, damaged=True)
        self._spare.append(buffer)
        self._count(len(data))

    def _count(self, size: int) -> None:
        self._moved += size
        self._progress.moved(size)


def _fill(data: memoryview, opened: IO[bytes], file: SourceFile) -> None:
    filled = 0
    while filled < len(data):
        count = opened.readinto(data[filled:])  # type: ignore[attr-defined]  # raw files have it
        if not count:
            file.check_unchanged()
            raise Conflict(f"The file '{file.local}' became shorter while it was being uploaded: upload it again.")
        filled += count


def _digest_of(file: SourceFile) -> str:
    digest = hashlib.sha256()
    with file.local.open("rb", buffering=0) as opened:
        while piece := opened.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
