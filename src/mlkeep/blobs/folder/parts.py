"""Uploads in parts to a folder: the parts are written to their places in one sparse file."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from typing import Final

import msgspec

from mlkeep.blobs import paths
from mlkeep.blobs.contract import PartUpload, Sink
from mlkeep.blobs.folder.fence import Fence, remove_stale
from mlkeep.blobs.folder.streams import digest_of, open_twin, show_or_link
from mlkeep.blobs.folder.upload import (
    Meta,
    UploadFolder,
    digest_at,
    is_given_up,
    lock,
    may_write,
    no_such_upload,
    unlock,
)
from mlkeep.core.errors import Conflict, Damaged, InvalidInput, NotFound
from mlkeep.core.manifest import StoredFile

_MAX_PARTS: Final = 10_000
STALE_S: Final = 7 * 24 * 3600
"""Seconds after which nobody is taken to go on with an upload."""
_SWEEP_EVERY_S: Final = 3600
_HASHED_WITH_A_PART: Final = 2
"""Parts that are taken into the digest when one has come: more than come, so that the digest keeps up."""


class FolderParts:
    """See `contract.PartUploads`. Uploads lie in `.mlkeep-uploads` at the root of the fence; any process goes on with them.

    A part has a digest in what its sink's `finish` gives only if one was announced: the whole is digested anyway.
    Uploads that nothing came of for a week are removed.
    """

    def __init__(self, fence: Fence, at: str) -> None:
        """Uploads below the folder `at` of the fence."""
        self._fence, self._at = fence, at

    def begin(self, path: str, size: int, fingerprint: str, part_bytes: int) -> PartUpload:
        """See the contract. Raises StorageFull right away if what is missing has no room."""
        name = paths.checked_file(path)
        if size < 0 or part_bytes < 1:
            raise InvalidInput(
                f"Invalid upload of '{path}': size ({size}) must be 0 or more and part_bytes ({part_bytes}) 1 or more."
            )
        meta = Meta(paths.joined(self._at, name), size, max(part_bytes, -(-size // _MAX_PARTS)))
        self._fence.refuse_folder(meta.path, path)
        self._fence.refuse_below_file(meta.path, path)
        named_by = msgspec.json.encode([meta.path, size, part_bytes, fingerprint])
        folder = UploadFolder(self._fence, hashlib.sha256(named_by).hexdigest()[:32])
        self._fence.look(f"{paths.STAGING}/{folder.upload_id}")  # refuses links on the way
        try:
            self._sweep()
            if not folder.is_there():
                self._fence.refuse_without_room(size, path)
                folder.remove()  # what a process left that was killed when the upload was complete
                folder.make(meta)
            folder.take_up()
            here = os.stat(folder.data).st_blocks * 512  # noqa: PTH116
        except OSError as err:
            raise self._fence.in_our_words(err, path, size) from err
        self._fence.refuse_without_room(size - here, path)
        return meta.upload(folder.upload_id, name, folder.have())

    def find(self, upload_id: str) -> PartUpload:
        folder, meta = self._open(upload_id)
        return meta.upload(upload_id, self._path(meta.path), folder.have())

    def sink(self, upload_id: str, number: int, sha256: str | None = None) -> Sink:
        folder, meta = self._open(upload_id)
        if not 1 <= number <= meta.count:
            raise InvalidInput(
                f"Invalid part {number} of the upload of '{meta.path}': its parts are numbered from 1 to {meta.count}."
            )
        return PartSink(self._fence, folder, meta, number, sha256)

    def complete(self, upload_id: str, sha256: str | None, twin: str | None = None) -> StoredFile:
        """See the contract. Asked again, it gives the same as long as the file is as it was then."""
        folder = UploadFolder(self._fence, upload_id)
        try:
            opened = os.open(folder.data, os.O_RDWR)
        except FileNotFoundError:
            return self._completed_before(upload_id, sha256)
        try:
            lock(opened)
            if not os.fstat(opened).st_nlink or not _is_at(opened, folder.data):
                return self._completed_before(upload_id, sha256)
            return self._complete(folder, opened, sha256, twin)
        finally:
            os.close(opened)

    def _complete(self, folder: UploadFolder, opened: int, sha256: str | None, twin: str | None) -> StoredFile:
        """Complete an upload of which `opened` are the bytes; the lock on them is ours."""
        _, meta = self._open(folder.upload_id)
        path = self._path(meta.path)
        self._fence.refuse_folder(meta.path, path)
        twin_name = None if twin is None else paths.joined(self._at, paths.checked_file(twin))
        digest = digest_at(folder.place)
        try:
            folder.reopen()  # if who was at this before was killed
            _tokens(folder, meta, path)
            digest.grow(folder, meta, meta.count)
            folder.close()
            try:
                found = digest.of_all(folder, meta, _tokens(folder, meta, path))
                if sha256 is None or sha256 == found:
                    self._show(folder, opened, StoredFile(meta.path, meta.size, found), path, twin_name)
            except BaseException:
                folder.reopen()
                raise
        except OSError as err:
            raise self._fence.in_our_words(err, path, meta.size) from err
        folder.remove()
        if sha256 is not None and sha256 != found:
            raise Damaged(
                f"The artifact '{path}' did not arrive as it was sent: its SHA-256 is {found}, announced was {sha256}. "
                "Send it again."
            )
        return StoredFile(path, meta.size, found)

    def _show(self, folder: UploadFolder, opened: int, file: StoredFile, path: str, twin: str | None) -> None:
        if self._fence.durable:
            os.fsync(opened)
        self._fence.make_folder(self._fence.place(file.path.rpartition("/")[0]), path)
        record = f"{folder.place}.done"
        with open(f"{record}-{os.urandom(8).hex()}", "xb") as new:  # noqa: PTH123
            new.write(msgspec.json.encode(file))
        os.replace(new.name, record)  # noqa: PTH105
        show_or_link(self._fence, folder.data, opened, file.path, path, twin)

    def _completed_before(self, upload_id: str, sha256: str | None) -> StoredFile:
        """The file of an upload that was completed, if it is still as it was then."""
        try:
            with open(self._fence.place(f"{paths.STAGING}/{upload_id}.done"), "rb") as record:  # noqa: PTH123
                file = msgspec.json.decode(record.read(), type=StoredFile)
        except FileNotFoundError:
            raise no_such_upload(upload_id) from None
        path = self._path(file.path, upload_id)
        found = open_twin(self._fence, file.path, file.size) if sha256 in (None, file.sha256) else None
        if found is None:
            raise no_such_upload(upload_id)
        try:
            if digest_of(found[0]) != file.sha256:
                raise no_such_upload(upload_id)
        finally:
            os.close(found[0])
        return StoredFile(path, file.size, file.sha256)

    def abort(self, upload_id: str) -> None:
        with suppress(NotFound):
            folder = UploadFolder(self._fence, upload_id)
            self._path(folder.meta().path, upload_id)
            folder.remove()

    def remove_stale(self, now_s: float) -> None:
        """Remove uploads that nothing came of for a week before `now_s` (seconds since 1970)."""
        with suppress(FileNotFoundError), os.scandir(self._fence.place(paths.STAGING)) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    age_s = 0 if is_given_up(entry.name) else STALE_S
                    remove_stale(entry.path, entry.stat(follow_symlinks=False), age_s=age_s, now_s=now_s)

    def _sweep(self) -> None:
        """Remove what is stale, if no process did within the hour."""
        staging = self._fence.place(paths.STAGING)
        os.makedirs(staging, exist_ok=True)  # noqa: PTH103
        mark, now_s = f"{staging}/swept", time.time()
        try:
            last_s = os.stat(mark).st_mtime  # noqa: PTH116
        except FileNotFoundError:
            last_s = 0.0
        if now_s - last_s < _SWEEP_EVERY_S:
            return
        with open(mark, "wb"):  # noqa: PTH123
            os.utime(mark)
        self.remove_stale(now_s)

    def _open(self, upload_id: str) -> tuple[UploadFolder, Meta]:
        folder = UploadFolder(self._fence, upload_id)
        if not folder.is_there():
            raise no_such_upload(upload_id)
        meta = folder.meta()
        self._path(meta.path, upload_id)
        return folder, meta

    def _path(self, name: str, upload_id: str = "") -> str:
        """A name inside the fence, as it is called from here. Raises NotFound: it is none of those below here."""
        if self._at and not name.startswith(f"{self._at}/"):
            raise no_such_upload(upload_id)
        return name[len(self._at) + 1 :] if self._at else name


def _tokens(folder: UploadFolder, meta: Meta, path: str) -> list[str]:
    """The tokens of all parts. Raises InvalidInput: one has not come."""
    tokens = []
    for number in range(1, meta.count + 1):
        if (token := folder.token(number)) is None:
            raise InvalidInput(f"The upload of '{path}' is not complete: part {number} of {meta.count} is missing.")
        tokens.append(token)
    return tokens


def _is_at(opened: int, place: str) -> bool:
    try:
        return os.path.samestat(os.fstat(opened), os.lstat(place))
    except FileNotFoundError:
        return False


class PartSink:
    """See `contract.Sink`: one part. Bytes beyond its end are counted, not kept, and refused by `finish`.

    A `write` raises Conflict when another sink has brought the same part, or the upload was completed or given up.
    """

    def __init__(self, fence: Fence, folder: UploadFolder, meta: Meta, number: int, sha256: str | None) -> None:
        self._fence, self._folder, self._meta, self._number, self._sha256 = fence, folder, meta, number, sha256
        self._start, self._end = meta.range_of(number)
        self._size = 0
        self._digest = hashlib.sha256() if sha256 is not None else None
        try:
            self._data = os.open(folder.data, os.O_WRONLY)
        except FileNotFoundError:
            raise no_such_upload(folder.upload_id) from None
        try:
            self._lease, self._name = folder.lease(number)
        except BaseException as err:
            os.close(self._data)
            if isinstance(err, OSError):
                raise fence.in_our_words(err, meta.path) from err
            raise
        self._is_open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._digest is not None:
            self._digest.update(data)
        place = self._start + self._size
        self._size += len(data)
        rest = memoryview(data)[: max(0, self._end - place)]
        try:
            lock(self._lease)
            try:
                if not may_write(self._lease):
                    raise self._overtaken()
                if place == self._start:
                    self._folder.forget(self._number)
                while rest:
                    written = os.pwrite(self._data, rest, place)
                    place, rest = place + written, rest[written:]
            finally:
                unlock(self._lease)
        except OSError as err:
            raise self._fence.in_our_words(err, self._meta.path, self._end - self._start) from err

    def _overtaken(self) -> Conflict:
        return Conflict(
            f"Part {self._number} of the upload of '{self._meta.path}' was brought by another request meanwhile, or the "
            "upload was completed or given up. Ask for its state."
        )

    def finish(self) -> StoredFile:
        expected = self._end - self._start
        if self._size != expected:
            raise InvalidInput(
                f"Part {self._number} of the upload of '{self._meta.path}' has {self._size} bytes, not {expected}."
            )
        found = "" if self._digest is None else self._digest.hexdigest()
        if self._sha256 is not None and found != self._sha256:
            raise Damaged(
                f"Part {self._number} of the upload of '{self._meta.path}' did not arrive as it was sent: its SHA-256 is "
                f"{found}, announced was {self._sha256}. Send it again."
            )
        if self._fence.durable:
            try:
                os.fsync(self._data)
            except OSError as err:
                raise self._fence.in_our_words(err, self._meta.path, expected) from err
        return StoredFile(self._meta.path, self._size, found)

    def commit(self, twin: str | None = None) -> None:  # noqa: ARG002 - a part has none
        try:
            self._folder.keep(self._number, self._name)
        except FileNotFoundError:
            raise self._overtaken() from None
        except OSError as err:
            raise self._fence.in_our_words(err, self._meta.path) from err
        self._close()
        digest_at(self._folder.place).grow(self._folder, self._meta, _HASHED_WITH_A_PART)

    def discard(self) -> None:
        if self._is_open:
            self._close()
            with suppress(OSError):
                os.unlink(self._name)  # noqa: PTH108

    def _close(self) -> None:
        self._is_open = False
        os.close(self._data)
        os.close(self._lease)
