"""What lies in the folder of one upload in parts, and the digest that grows as the parts come.

    <id>/meta        what is uploaded, as JSON
    <id>/data        the bytes, each at its place in the file; holes where nothing came yet
    <id>/writing/    a lease of each writer, named by part and token
    <id>/parts/      the lease of the writer who brought the part whole, named by part
    <id>/closed/     `writing`, while the upload is completed

Everything is told by what lies there, so that any process may go on where another was killed. A writer may write as long
as its lease has a name: who brings a part, or completes the upload, takes the names of all others away, having waited for
the write that is under way. Nothing changes in a file after that.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from mlkeep.blobs import paths
from mlkeep.blobs.contract import PartUpload
from mlkeep.blobs.folder.fence import Fence, remove_file
from mlkeep.blobs.folder.streams import pieces_at
from mlkeep.core.errors import NotFound, Unavailable

_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_TOKEN_BYTES = 8
_GONE = ".gone-"
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


class Meta(msgspec.Struct, frozen=True):
    """What is uploaded. `path` is below the fence."""

    path: str
    size: int
    part_bytes: int

    def range_of(self, number: int) -> tuple[int, int]:
        """Where a part begins and ends."""
        return self.upload("").range_of(number)

    def upload(self, upload_id: str, path: str = "", have: frozenset[int] = frozenset()) -> PartUpload:
        """The upload, as callers see it."""
        return PartUpload(upload_id, path, self.size, self.part_bytes, have)

    @property
    def count(self) -> int:
        """How many parts there are."""
        return self.upload("").count


class UploadFolder:
    """The folder of an upload. Methods raise OSError, and NotFound if there is no such upload."""

    def __init__(self, fence: Fence, upload_id: str) -> None:
        if not _UPLOAD_ID.fullmatch(upload_id):
            raise no_such_upload(upload_id)
        self.upload_id = upload_id
        self.place = fence.place(f"{paths.STAGING}/{upload_id}")
        self.data = f"{self.place}/data"

    def make(self, meta: Meta) -> None:
        """Begin. If somebody else does at the same time, one of them has."""
        made = f"{self.place}.new-{os.urandom(8).hex()}"
        try:
            for folder in (made, f"{made}/writing", f"{made}/parts"):
                os.makedirs(folder)  # noqa: PTH103
            _write(f"{made}/meta", msgspec.json.encode(meta))
            with open(f"{made}/data", "xb") as data:  # noqa: PTH123
                data.truncate(meta.size)
            os.rename(made, self.place)  # noqa: PTH104
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            if not self.is_there():
                raise

    def is_there(self) -> bool:
        """Whether the upload was begun, and is not complete."""
        return os.path.lexists(self.data)

    def take_up(self) -> None:
        """Go on with what is there: it is not left behind, and can be written to after whoever completed it was killed."""
        os.utime(self.place)
        opened = os.open(self.data, os.O_RDONLY)
        try:
            lock(opened, wait=False)
            self.reopen()
        except BlockingIOError:
            pass  # somebody is completing it
        finally:
            os.close(opened)

    def meta(self) -> Meta:
        """What is uploaded."""
        try:
            return msgspec.json.decode(_read(f"{self.place}/meta"), type=Meta)
        except FileNotFoundError:
            raise no_such_upload(self.upload_id) from None

    def have(self) -> frozenset[int]:
        """The parts that came whole."""
        try:
            return frozenset(int(name) for name in os.listdir(f"{self.place}/parts"))  # noqa: PTH208
        except FileNotFoundError:
            raise no_such_upload(self.upload_id) from None

    def token(self, number: int) -> str | None:
        """What tells this coming of a part from others; None if it has not come."""
        try:
            return _read(f"{self.place}/parts/{number}").decode()
        except FileNotFoundError:
            return None

    def lease(self, number: int) -> tuple[int, str]:
        """Permission to write a part: the lease, opened, and its name."""
        token = os.urandom(_TOKEN_BYTES).hex()
        name = f"{self.place}/writing/{number}.{token}"
        try:
            opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:
            raise no_such_upload(self.upload_id) from None
        os.write(opened, token.encode())
        return opened, name

    def forget(self, number: int) -> None:
        """The part is about to be written anew."""
        remove_file(f"{self.place}/parts/{number}")

    def keep(self, number: int, lease: str) -> None:
        """The part came whole, brought by the holder of a lease; nobody else writes it any more."""
        for name in os.listdir(f"{self.place}/writing"):  # noqa: PTH208
            if name.startswith(f"{number}.") and not lease.endswith(name):
                _revoke(f"{self.place}/writing/{name}")
        os.replace(lease, f"{self.place}/parts/{number}")  # noqa: PTH105
        os.utime(self.place)

    def close(self) -> None:
        """From now on nobody writes. Only for who has the lock on the data."""
        os.rename(f"{self.place}/writing", f"{self.place}/closed")  # noqa: PTH104
        for name in os.listdir(f"{self.place}/closed"):  # noqa: PTH208
            _revoke(f"{self.place}/closed/{name}")

    def reopen(self) -> None:
        """Allow writers again, if there is something to be written. Only for who has the lock on the data."""
        with suppress(FileNotFoundError):
            os.rename(f"{self.place}/closed", f"{self.place}/writing")  # noqa: PTH104

    def remove(self) -> None:
        """Free its place. It vanishes at once; nothing there is no error."""
        gone = f"{self.place}{_GONE}{os.urandom(8).hex()}"
        with suppress(FileNotFoundError):
            os.rename(self.place, gone)  # noqa: PTH104
            shutil.rmtree(gone, ignore_errors=True)


class GrowingDigest:
    """The SHA-256 of an upload, of its parts from the first as far as they came without a gap."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start_over()

    def _start_over(self) -> None:
        self._digest, self._tokens = hashlib.sha256(), list[str]()

    def grow(self, folder: UploadFolder, meta: Meta, at_most: int) -> None:
        """Take in up to so many parts that came. Does nothing while another thread is at it."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            for number in range(len(self._tokens) + 1, min(len(self._tokens) + at_most, meta.count) + 1):
                if (token := folder.token(number)) is None:
                    return
                self._take_in(folder, meta, number, token)
        except FileNotFoundError:
            return  # completed by somebody else
        finally:
            self._lock.release()

    def of_all(self, folder: UploadFolder, meta: Meta, tokens: Sequence[str]) -> str:
        """The digest of the whole, of which these are the tokens of the parts. Nobody may write now."""
        with self._lock:
            if self._tokens != tokens[: len(self._tokens)]:
                self._start_over()
            for number in range(len(self._tokens) + 1, meta.count + 1):
                self._take_in(folder, meta, number, tokens[number - 1])
            return self._digest.hexdigest()

    def _take_in(self, folder: UploadFolder, meta: Meta, number: int, token: str) -> None:
        place, end = meta.range_of(number)
        digest = self._digest.copy()
        opened = os.open(folder.data, os.O_RDONLY)
        try:
            for piece in pieces_at(opened, place, end):
                digest.update(piece)
                place += len(piece)
        finally:
            os.close(opened)
        if place != end:
            raise Unavailable(f"The upload of '{meta.path}' was cut off by somebody else. Begin it again.")
        self._digest = digest
        self._tokens.append(token)


@functools.lru_cache(maxsize=256)
def digest_at(place: str) -> GrowingDigest:  # noqa: ARG001 - kept by it
    """The digest that this process keeps for the upload of which the folder lies there."""
    return GrowingDigest()


def no_such_upload(upload_id: str) -> NotFound:
    """What to raise if there is none."""
    return NotFound(
        f"No such upload: '{upload_id[:64]}'. It is complete, was given up, or was left alone for a week. Begin it again."
    )


def is_given_up(name: str) -> bool:
    """Whether a name among the uploads is of one that was complete or given up when somebody was killed."""
    return _GONE in name


def lock(opened: int, *, wait: bool = True) -> None:
    """Keep others from what they do under this lock until the file is closed. Raises BlockingIOError: it is taken.

    Where the file system has no locks this does nothing: two processes that write one upload are then not kept apart.
    """
    try:
        fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        if err.errno not in _NO_LOCKS:
            raise


def unlock(opened: int) -> None:
    """Let others go on before the file is closed."""
    with suppress(OSError):
        fcntl.flock(opened, fcntl.LOCK_UN)


def may_write(lease: int) -> bool:
    """Whether an opened lease is valid. Only for who has locked it."""
    return os.fstat(lease).st_nlink > 0


def _revoke(name: str) -> None:
    try:
        opened = os.open(name, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        lock(opened)
        remove_file(name)
    finally:
        os.close(opened)


def _read(place: str) -> bytes:
    with open(place, "rb") as file:  # noqa: PTH123
        return file.read()


def _write(place: str, data: bytes) -> None:
    with open(place, "xb") as file:  # noqa: PTH123
        file.write(data)
