"""What is wrong with a journal, and a sound copy of what is not."""

from __future__ import annotations

import itertools
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlkeep.core.errors import BadRequest, Conflict
from mlkeep.sdk.journal import locks, records, writing
from mlkeep.sdk.journal.delivery import request_in
from mlkeep.sdk.journal.file import CUT_SUFFIX
from mlkeep.sdk.journal.folder import Contents, contents, is_sendable
from mlkeep.sdk.journal.locks import Lock
from mlkeep.sdk.journal.records import Asked, Damage, Known, Placed, Points, Record, Refused, Unknown

DAMAGED_SUFFIX = ".damaged"
"""How a damaged journal ends that is kept beside its sound copy, or when all that can be read of it is sent."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a file, from `at` up to `end`, that say nothing to this version; `lost` is what they said, as far as can be told."""

    path: Path
    at: int
    end: int
    lost: str


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """A journal that is sound now: it has `kept` records that are not sent. What it was before is at `damaged_path`."""

    path: Path
    damaged_path: Path
    kept: int
    dropped: list[Fault]


def faults(path: Path) -> list[Fault]:
    """What is wrong with a journal, in order. The end of one that is being written may be on its way, and is no fault.

    Raises OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        lock = locks.take(fd, is_shared=True)
        found = contents(fd, path)
        is_live = lock is Lock.REFUSED or (lock is Lock.UNKNOWN and locks.seems_alive(found.head, fd))
        return list(_faults(fd, path, found, is_live=is_live))
    finally:
        locks.let_go(fd)


def repair(path: Path, tracking_uri: str = "") -> Repaired | None:
    """Have a sound copy of what is not sent take the place of a damaged journal, which is kept; None if nothing is wrong.

    `tracking_uri` is told in the copy if the journal does not tell it any more.

    Raises:
        Conflict: the process that writes it lives, or another one sends it.
        OSError: it cannot be read, or there is no room for the copy.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        lock = locks.take(fd)
        found = contents(fd, path)
        if lock is Lock.REFUSED or (lock is Lock.UNKNOWN and locks.seems_alive(found.head, fd)):
            raise Conflict(
                f"The journal {path} is being written or sent by a process that lives: repair it afterwards."
            )
        dropped = list(_faults(fd, path, found, is_live=False))
        if not found.damage or not locks.is_still(fd, path):
            return None
        kept, new = _copy(fd, path, found, tracking_uri)
        damaged = kept_beside(path)
        new.rename(path)
        return Repaired(path=path, damaged_path=damaged, kept=kept, dropped=dropped)
    finally:
        os.close(fd)


def described(record: Record | Unknown) -> str:
    """What a record says, in a few words."""
    match record:
        case Points(step=step, values=values):
            keys = list(values)
            return f"{', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''} at step {step}"
        case Asked():
            return _described_request(record)
        case Unknown(kind=kind):
            return f"a record of kind {kind}"
        case _:
            return f"a note ({type(record).__name__})"


def _described_request(record: Asked) -> str:
    try:
        request = request_in(record)
    except BadRequest:
        return record.name
    key = getattr(request, "key", None)
    return record.name if key is None else f"{record.name} of '{key}'"


def _faults(fd: int, path: Path, found: Contents, *, is_live: bool) -> Iterator[Fault]:
    if found.size == 0 and not is_live:
        yield Fault(path=path, at=0, end=0, lost="it is empty: its process ended before it wrote anything")
    before = ""
    for one, following in _with_following(records.scan_file(fd)):
        if isinstance(one, Placed):
            if isinstance(one.record, Unknown):
                lost = f"a newer version of mlkeep wrote a record of kind {one.record.kind}, which is kept"
                yield Fault(path=path, at=one.at, end=one.end, lost=lost)
            elif not isinstance(one.record, Refused) and is_sendable(one):
                before = described(one.record)
            continue
        if one.is_tail:
            if not is_live:
                lost = "a record was cut off there, whose writing was not finished"
                yield Fault(path=path, at=one.at, end=one.end, lost=lost)
            continue
        yield Fault(path=path, at=one.at, end=one.end, lost=_lost(one, before, following, found.sent))


def _lost(damage: Damage, before: str, following: str, sent: int) -> str:
    if damage.at == 0:
        return "the first record, which names the run and the server, and maybe others"
    where = f"between {before or 'the beginning'} and {following or 'the end'}"
    return f"one record or more {where}" + (", of what was sent already" if damage.end <= sent else "")


def _with_following(found: Iterator[Placed | Damage]) -> Iterator[tuple[Placed | Damage, str]]:
    """Each with what comes next and is for the server, if that is known from the next few."""
    window: list[Placed | Damage] = list(itertools.islice(found, 5))
    while window:
        one = window.pop(0)
        window += itertools.islice(found, 1)
        following = ""
        if isinstance(one, Damage):
            sendable = (each.record for each in window if isinstance(each, Placed) and is_sendable(each))
            following = next(map(described, sendable), "")
        yield one, following


def _copy(fd: int, path: Path, found: Contents, tracking_uri: str) -> tuple[int, Path]:
    """A new file with what is not sent, and how many records that is."""
    head = found.head
    if not head.tracking_uri:
        head = msgspec.structs.replace(head, format=records.FORMAT, tracking_uri=tracking_uri)
    new, copy = writing.create(lambda: path.with_suffix(f".{uuid.uuid4().hex[:8]}{CUT_SUFFIX}"))
    kept = 0
    try:
        writing.write_all(copy, records.encoded(head))
        if found.known is not None:
            writing.write_all(copy, records.encoded(Known(found.known)))
        for one in records.scan_file(fd, found.sent):
            if isinstance(one, Placed) and is_sendable(one):
                writing.write_all(copy, records.encoded(one.record))
                kept += 1
        os.fsync(copy)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(copy)
    return kept, new


def kept_beside(path: Path) -> Path:
    """Another name of the journal, so that it stays when a new file takes its place."""
    damaged = path.with_suffix(DAMAGED_SUFFIX)
    for number in itertools.count(2):
        try:
            damaged.hardlink_to(path)
        except FileExistsError:
            damaged = path.with_suffix(f".{number}{DAMAGED_SUFFIX}")
        except OSError:  # a file system without such names
            shutil.copy2(path, damaged)
            break
        else:
            break
    return damaged
