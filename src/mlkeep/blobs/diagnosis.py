"""Whether a place for artifacts works, and if not, why, and what to do: one check after another."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum

import msgspec
import urllib3

from mlkeep.blobs.buckets.faults import CredentialsRefused
from mlkeep.blobs.contract import PIECE, ArtifactStore
from mlkeep.core.errors import (
    Damaged,
    Forbidden,
    InvalidInput,
    MlkeepException,
    NotFound,
    NotOffered,
    StorageFull,
    Unauthenticated,
    Unavailable,
)

PART_BYTES = 5 * 1024 * 1024
"""The size of the part that is tried: the smallest that S3 takes."""

_TEXT = b"Written by `mlkeep doctor`; it may be deleted.\n"
_SIGNED_S = 60


class Verdict(Enum):
    """How a check ended."""

    OK = "OK"
    FAIL = "FAIL"
    SKIPPED = "SKIPPED"


class Check(msgspec.Struct, frozen=True):
    """What a check found: one sentence, and for a failure another on what to do (it may be in the first already)."""

    name: str
    verdict: Verdict
    sentence: str
    advice: str = ""


def diagnose(store: ArtifactStore, first: str) -> Iterator[Check]:
    """Try everything that is asked of a store, with small files that are deleted again.

    The checks come in this order: `first` ("bucket", "folder" or "server": whether it answers at all), list, write,
    read back, range, delete, multipart, signing. What cannot work because of an earlier failure is skipped.
    """
    examination = _Examination(store)
    steps: tuple[tuple[str, str | None, Callable[[], str]], ...] = (
        (first, None, examination.reach),
        ("list", first, examination.list),
        ("write", first, examination.write),
        ("read back", "write", examination.read_back),
        ("range", "write", examination.range),
        ("delete", "write", examination.delete),
        ("multipart", "write", examination.multipart),
        ("signing", "write", examination.signing),
    )
    works: dict[str, bool] = {}
    for name, needed, step in steps:
        if needed is not None and not works[needed]:
            check = Check(name, Verdict.SKIPPED, f"it needs '{needed}', which did not work")
        else:
            check = _tried(name, step)
        works[name] = check.verdict is Verdict.OK
        yield check


class _NotThere(Exception):  # noqa: N818 - it ends a step, and is no error
    """The store has no such thing."""


def _tried(name: str, step: Callable[[], str]) -> Check:
    try:
        return Check(name, Verdict.OK, step())
    except _NotThere as reason:
        return Check(name, Verdict.SKIPPED, str(reason))
    except MlkeepException as err:
        return Check(name, Verdict.FAIL, err.message, _advice(err))


class _Examination:
    """The steps. Each says what it saw, or raises."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._name = f"mlkeep-doctor-{uuid.uuid4().hex}.txt"
        self._found: int | Forbidden = 0

    def reach(self) -> str:
        try:
            self._found = len(self._store.list())
        except CredentialsRefused:
            raise
        except Forbidden as err:  # it knows us, and does not want to be listed: the next step tells of it
            self._found = err
        return "it answers"

    def list(self) -> str:
        if isinstance(self._found, Forbidden):
            raise self._found
        return f"{self._found} files and folders at the top"

    def write(self) -> str:
        self._store.put_bytes(self._name, _TEXT)
        return f"wrote {self._name} ({len(_TEXT)} bytes)"

    def read_back(self) -> str:
        self._compare(b"".join(self._store.read(self._name)), _TEXT)
        return "read the same bytes"

    def range(self) -> str:
        self._compare(b"".join(self._store.read(self._name, 3, 10)), _TEXT[3:10])
        return "read bytes 3 to 10"

    def delete(self) -> str:
        self._store.delete(self._name)
        if self._store.size(self._name) is not None:
            raise Damaged(f"{self._name} is still there after it was deleted: delete it by hand.")
        return "it is gone"

    def multipart(self) -> str:
        parts = self._store.parts
        if parts is None:
            raise _NotThere("large files go up in one piece here, and begin anew after a break")
        data = bytes(PART_BYTES) + _TEXT
        upload = parts.begin(self._name, len(data), uuid.uuid4().hex, PART_BYTES)
        try:
            for number in range(1, upload.count + 1):
                start, end = upload.range_of(number)
                sink = parts.sink(upload.upload_id, number, hashlib.sha256(data[start:end]).hexdigest())
                try:
                    for at in range(start, end, PIECE):
                        sink.write(data[at : min(at + PIECE, end)])
                    sink.finish()
                    sink.commit()
                finally:
                    sink.discard()
            parts.complete(upload.upload_id, hashlib.sha256(data).hexdigest())
            if self._store.size(self._name) != len(data):
                raise Damaged(f"{self._name} has another size than the sum of its parts.")
        finally:
            with suppress(MlkeepException):
                parts.abort(upload.upload_id)
            with suppress(MlkeepException):
                self._store.delete(self._name)
        return f"made a file of {upload.count} parts ({len(data):,} bytes)"

    def signing(self) -> str:
        put = self._store.sign("PUT", self._name, _SIGNED_S)
        get = self._store.sign("GET", self._name, _SIGNED_S)
        if put is None or get is None:
            raise _NotThere("this store signs no URLs, so the bytes go through the server")
        try:
            _asked("PUT", put.url, put.headers, _TEXT)
            self._compare(_asked("GET", get.url, get.headers, None), _TEXT)
        finally:
            with suppress(MlkeepException):
                self._store.delete(self._name)
        return "wrote and read by signed URLs"

    def _compare(self, received: bytes, sent: bytes) -> None:
        if received != sent:
            raise Damaged(f"{self._name} was read back with other bytes than were written.")


def _asked(method: str, url: str, headers: dict[str, str], body: bytes | None) -> bytes:
    with urllib3.PoolManager() as pool:
        try:
            answer = pool.request(method, url, headers=headers, body=body, retries=False, timeout=10)
        except urllib3.exceptions.HTTPError as err:
            raise Unavailable("The host of the signed URL does not answer.") from err
    if answer.status >= 300:
        raise Forbidden(f"The store refuses the URL that was signed for {method} (status {answer.status}).")
    return answer.data


def _advice(error: MlkeepException) -> str:
    match error:
        case Unauthenticated():
            return "Give a name and password, or a token, that the server knows."
        case CredentialsRefused():
            return "Correct that first; nothing else can work before."
        case Forbidden():
            return (
                "Let somebody who may change the permissions of the place give you this one, or use other credentials."
            )
        case NotFound():
            return "Make the bucket, or correct the URI."
        case StorageFull():
            return "Make room there, or choose another place."
        case Unavailable():
            return "Look whether the place is reachable from this machine: address, network, proxy, disk, permissions."
        case InvalidInput() | NotOffered():
            return "Correct the URI or the variable that the message names."
        case Damaged():
            return "Look into the log of the store: it does not keep what it is given."
        case _:
            return "Look into the log of the server, which says more."
