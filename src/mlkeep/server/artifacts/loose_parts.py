"""Parts of files whose sizes nobody tells ahead, as MLflow's clients send them, kept in a folder until all are there.

Each part is a file of its own, `<number>-<SHA-256>`, so that parts may come in any order, several at a time, to any of
several server processes, and again. An upload that is not completed within a week is removed when another begins.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from mlkeep.blobs.contract import PIECE
from mlkeep.blobs.folder.fence import remove_stale
from mlkeep.blobs.folder.parts import STALE_S
from mlkeep.blobs.paths import STAGING, UPLOAD_PREFIX
from mlkeep.core.errors import InvalidInput, NotFound, StorageFull, Unavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ID = re.compile(r"[0-9a-f]{32}")
_TOLD = "upload.json"
_PREFIX = "mpu-"


class LooseUpload(msgspec.Struct, frozen=True):
    """An upload that was begun: the path of the file, and how many parts it has."""

    path: str
    num_parts: int


class LooseParts:
    """Uploads below an artifact folder. May be used by several threads and processes. Waits for the file system.

    An id cannot be guessed: who knows it may send parts.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / STAGING

    def begin(self, upload: LooseUpload) -> str:
        """The id of a new upload."""
        self._remove_old()
        upload_id = secrets.token_hex(16)
        folder = self._folder / f"{_PREFIX}{upload_id}"
        try:
            folder.mkdir(parents=True)
            (folder / _TOLD).write_bytes(msgspec.json.encode(upload))
        except OSError as err:
            raise _in_our_words(err, upload.path) from err
        return upload_id

    def find(self, upload_id: str) -> LooseUpload:
        """Raises NotFound: there is no such upload, or it is complete."""
        try:
            return msgspec.json.decode((self._place(upload_id) / _TOLD).read_bytes(), type=LooseUpload)
        except OSError:
            raise _unknown(upload_id) from None

    def sink(self, upload_id: str, number: int) -> LooseSink:
        """Where the bytes of a part go. Raises NotFound, and InvalidInput: the upload has no such part."""
        upload = self.find(upload_id)
        if not 1 <= number <= upload.num_parts:
            raise InvalidInput(f"Part {number} cannot be: the upload has the parts 1 to {upload.num_parts}.")
        return LooseSink(self._place(upload_id), number, upload.path)

    def read(self, upload_id: str, etags: Mapping[int, str]) -> Iterator[bytes | memoryview]:
        """The bytes of all parts, in order; each was answered with its `etag`.

        Raises:
            NotFound: there is no such upload.
            InvalidInput: a part is missing, or is another one than the etag tells of; before the first piece.
        """
        upload = self.find(upload_id)
        have = self._have(upload_id)
        for number in range(1, upload.num_parts + 1):
            if number not in have:
                raise InvalidInput(f"Part {number} of {upload.num_parts} of '{upload.path}' has not arrived: send it.")
            if (etag := etags.get(number, "").strip('"')) != have[number]:
                raise InvalidInput(
                    f'Part {number} of \'{upload.path}\' has the ETag "{have[number]}", not "{etag}": send it again.'
                )
        if further := sorted(set(etags) - set(have)):
            raise InvalidInput(f"Part {further[0]} cannot be: the upload has the parts 1 to {upload.num_parts}.")
        return self._pieces(upload_id, have)

    def remove(self, upload_id: str) -> None:
        """Give the upload up; no such upload is no error."""
        if _ID.fullmatch(upload_id):
            shutil.rmtree(self._folder / f"{_PREFIX}{upload_id}", ignore_errors=True)

    def _place(self, upload_id: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise _unknown(upload_id)
        return self._folder / f"{_PREFIX}{upload_id}"

    def _have(self, upload_id: str) -> dict[int, str]:
        """The digest of each part that arrived; of a part that was sent twice, of the later one."""
        found = [part for part in self._place(upload_id).iterdir() if part.name[0].isdigit()]
        found.sort(key=lambda part: part.stat().st_mtime_ns)
        return {int(part.name.partition("-")[0]): part.name.partition("-")[2] for part in found}

    def _pieces(self, upload_id: str, have: Mapping[int, str]) -> Iterator[bytes | memoryview]:
        buffer = memoryview(bytearray(PIECE))
        for number in sorted(have):
            with (self._place(upload_id) / f"{number}-{have[number]}").open("rb", buffering=0) as part:
                while count := part.readinto(buffer):
                    yield buffer[:count]

    def _remove_old(self) -> None:
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(_PREFIX):
                    remove_stale(entry.path, entry.stat(follow_symlinks=False), age_s=STALE_S)


class LooseSink:
    """See `blobs.contract.Sink`, but that `finish` shows the part and gives its ETag. One thread at a time."""

    def __init__(self, folder: Path, number: int, path: str) -> None:
        self._folder, self._number, self._path = folder, number, path
        self._temporary = folder / f"{UPLOAD_PREFIX}{secrets.token_hex(8)}"
        self._digest = hashlib.sha256()
        try:
            self._file = self._temporary.open("xb", buffering=0)
        except OSError as err:
            raise _in_our_words(err, path) from err

    def write(self, data: bytes | memoryview) -> None:
        """Take some bytes."""
        self._digest.update(data)
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as err:
            raise _in_our_words(err, self._path) from err

    def finish(self) -> str:
        """The ETag of the part, which counts from now on."""
        self._file.close()
        etag = self._digest.hexdigest()
        try:
            self._temporary.replace(self._folder / f"{self._number}-{etag}")
        except OSError as err:
            raise _in_our_words(err, self._path) from err
        return f'"{etag}"'

    def discard(self) -> None:
        """Leave no trace of a part that is not finished."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def _unknown(upload_id: str) -> NotFound:
    return NotFound(f"There is no upload '{upload_id[:100]}', or it is complete: begin it again.")


def _in_our_words(err: OSError, path: str) -> Exception:
    if isinstance(err, FileNotFoundError):
        return NotFound(f"The upload of '{path}' was given up meanwhile: begin it again.")
    if err.errno in _FULL:
        return StorageFull(f"There is no room for the artifact '{path}' where the artifacts are kept.")
    return Unavailable(f"The artifact '{path}' cannot be written: {err.strerror}. Try again later.")
