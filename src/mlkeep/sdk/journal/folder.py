"""The journals of a folder, as others than their writers see them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlkeep.sdk.journal import locks, records
from mlkeep.sdk.journal.file import CUT_SUFFIX, SUFFIX, Journal, Left
from mlkeep.sdk.journal.locks import Lock
from mlkeep.sdk.journal.records import Asked, Damage, Known, Opened, Placed, Points, Sent, Unknown
from mlkeep.sdk.journal.refused import SUFFIX as REFUSED_SUFFIX
from mlkeep.sdk.journal.refused import Refusal, refusals
from mlkeep.wire.runs import CreateRun

_NO_BOUND = 2**62
_HEAD_BYTES = 65_536


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal says. `head` is made from its name if its first record is damaged; then it names no server.

    `sent` is up to where the server has everything, `unsent` are the records after it, and `makes_run` says that one
    of them makes the run. `damage` is in order.
    """

    head: Opened
    size: int
    sent: int
    known: str | None
    unsent: int
    makes_run: bool
    damage: list[Damage]
    unknown: list[Placed]


class Taken(msgspec.Struct, frozen=True):
    """A journal that this process has now, and what it said then."""

    journal: Journal
    contents: Contents


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A journal in a folder. `is_live`: the process that writes it lives, or another one sends it just now."""

    path: Path
    contents: Contents
    refused: list[Refusal]
    is_live: bool


def journals_in(folder: Path) -> list[Path]:
    """The journals of a folder by name; none if there is no such folder."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def states(folder: Path) -> list[State]:
    """All journals of a folder, and what was refused of such that are no more."""
    paths = {path.with_suffix("") for suffix in (SUFFIX, REFUSED_SUFFIX) for path in folder.glob(f"*{suffix}")}
    found = []
    for stem in sorted(paths):
        for suffix in (SUFFIX, REFUSED_SUFFIX):
            with contextlib.suppress(FileNotFoundError):  # sent and deleted meanwhile
                found.append(state(stem.with_name(stem.name + suffix)))
                break
    return found


def state(path: Path) -> State:
    """A journal as it is now, or a file of what was refused. Raises OSError: it cannot be read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        lock = locks.take(fd, is_shared=True)
        found = contents(fd, path)
        is_live = lock is Lock.REFUSED or (lock is Lock.UNKNOWN and locks.seems_alive(found.head, fd))
    finally:
        locks.let_go(fd)
    if path.suffix == REFUSED_SUFFIX:
        found = msgspec.structs.replace(found, sent=found.size, unsent=0)
    elif is_live and found.damage and found.damage[-1].is_tail:
        found = msgspec.structs.replace(found, damage=found.damage[:-1])  # it is being written
    return State(path=path, contents=found, refused=refusals(path.with_suffix(REFUSED_SUFFIX)), is_live=is_live)


def head_of(path: Path) -> Opened | None:
    """The first record of a journal; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            first = next(records.scan(file.read(_HEAD_BYTES), is_whole=False), None)
    except OSError:
        return None
    return first.record if isinstance(first, Placed) and isinstance(first.record, Opened) else None


def contents(fd: int, path: Path) -> Contents:
    """What the open journal of this name says. Raises OSError."""
    head: Opened | None = None
    known: str | None = None
    sent = 0
    damage: list[Damage] = []
    unknown: list[Placed] = []
    for one in records.scan_file(fd):
        if isinstance(one, Damage):
            damage.append(one)
            continue
        match one.record:
            case Opened() if head is None:
                head = one.record
                sent = max(sent, one.end if one.at == 0 else 0)
            case Known(run_id=run_id):
                known = run_id
            case Sent():
                sent = max(sent, one.record.place(one.at))
            case Unknown():
                unknown.append(one)
            case _:
                pass
    unsent = creations = 0
    for one in records.scan_file(fd, sent):
        if isinstance(one, Placed) and is_sendable(one):
            unsent += 1
            creations += isinstance(one.record, Asked) and one.record.name == CreateRun.__name__
    return Contents(
        head=head or _head_from(path),
        size=os.fstat(fd).st_size,
        sent=sent,
        known=known,
        unsent=unsent,
        makes_run=creations > 0,
        damage=damage,
        unknown=unknown,
    )


def is_sendable(placed: Placed) -> bool:
    """Whether a record is something for the server, not a note of the journal for itself."""
    return isinstance(placed.record, (Points, Asked, Unknown))


def taken(path: Path) -> Taken | None:
    """A journal that nobody has: from now on this process has it. None if somebody has it, or it is gone.

    Raises OSError: it cannot be read and written.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        lock = locks.take(fd)
        if lock is not Lock.REFUSED and locks.is_still(fd, path):
            found = contents(fd, path)
            if found.size == 0:  # its writer did not come further
                path.unlink(missing_ok=True)
            elif lock is Lock.TAKEN or not locks.seems_alive(found.head, fd):
                left = Left(fd=fd, path=path, head=found.head, sent=found.sent, known=found.known)
                fd = -1
                return Taken(
                    Journal(path.parent, left.head.run_id, left.head.tracking_uri, _NO_BOUND, left=left), found
                )
        return None
    finally:
        if fd >= 0:
            os.close(fd)


def leftovers(folder: Path) -> Iterator[Path]:
    """Files that were to take the place of journals whose writers were killed before; they hold nothing of their own."""
    for path in sorted(folder.glob(f"*{CUT_SUFFIX}")):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if locks.take(fd) is Lock.TAKEN and locks.is_still(fd, path):
                yield path
        finally:
            os.close(fd)


def _head_from(path: Path) -> Opened:
    """What a name says of its journal: the run and the writer."""
    run_id, _, writer = path.stem.rpartition(".")
    return Opened(format=0, run_id=run_id, tracking_uri="", writer=writer, host="", pid=0, at_ms=0)
