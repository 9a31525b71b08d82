"""What a program leaves that has not been sent."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.records import Placed, Points, Sent

MOST_READ_BYTES = 16 * 1024 * 1024
"""Of a larger journal that many are read: the rest is taken to be like them."""


class Left(msgspec.Struct, frozen=True):
    """A journal, or a folder in which artifacts wait, and the server that they are for; "" if none is asked."""

    path: Path
    server: str


def told_of(left: Sequence[Left]) -> str:
    """What is said of it: how much it is, where it lies, and what sends it."""
    points = sum(unsent_points(each.path) for each in left if each.path.is_file())
    folders = sorted({str(each.path.parent) for each in left})
    runs = len({each.path.name.partition(".")[0] for each in left})
    servers = ", ".join(sorted({each.server for each in left if each.server}))
    why = f"have not reached {servers}" if servers else "wait to be sent"
    files = " and artifacts" if any(each.path.is_dir() for each in left) else ""
    what = f"{points:,} point{'' if points == 1 else 's'}{files} of {runs} run{'' if runs == 1 else 's'}"
    commands = " && ".join(f"mlkeep sync {shlex.quote(folder)}" for folder in folders)
    return f"mlkeep: {what} {why}: they are in {', '.join(folders)}. Send them with: {commands}"


def unsent_points(path: Path) -> int:
    """How many points a journal holds that the server does not have, about as many if it is large."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            data = file.read(MOST_READ_BYTES)
    except OSError:
        return 0
    sent = 0
    counts: list[tuple[int, int]] = []
    for one in records.scan(data, is_whole=size == len(data)):
        if not isinstance(one, Placed):
            continue
        if isinstance(one.record, Points):
            counts.append((one.at, len(one.record.values)))
        elif isinstance(one.record, Sent):
            sent = max(sent, one.record.place(one.at))
    found = sum(count for at, count in counts if at >= sent)
    return found if size == len(data) else round(found * (size - sent) / max(1, len(data) - sent))
