"""What a server refused of a journal: kept in a file beside it, which is a journal too."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.records import Opened, Placed, Record, Refused, Unknown
from mlkeep.sdk.journal.writing import write_all

SUFFIX = ".refused"
"""How such a file ends. One that is given the ending of journals is tried again."""


class Refusal(msgspec.Struct, frozen=True):
    """A record, and why the server does not take it."""

    record: Record | Unknown
    reason: str


def keep_refused(path: Path, head: Opened, record: Record | Unknown, reason: str) -> None:
    """Add a record to the file, which begins with `head`. Raises OSError."""
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        at = os.fstat(fd).st_size
        first = b"" if at else records.encoded(head)
        write_all(fd, first + records.encoded(record) + records.encoded(Refused(at + len(first), reason)))
    finally:
        os.close(fd)


def refusals(path: Path) -> list[Refusal]:
    """What the file holds, each once: who was interrupted may have added it again. Nothing if there is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        found = [one for one in records.scan_file(fd) if isinstance(one, Placed)]
    finally:
        os.close(fd)
    by_place = {one.at: one.record for one in found}
    told: dict[bytes, Refusal] = {}
    for one in found:
        if isinstance(one.record, Refused) and (record := by_place.get(one.record.at)) is not None:
            told[records.encoded(record)] = Refusal(record, one.record.reason)
    return list(told.values())
