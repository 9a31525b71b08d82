"""The format of journals: records one after another, each complete in itself.

A record is the mark `A7 4A`, the length of its body and the CRC-32 of its body (both 32 bits, the least significant byte
first), and the body: a MessagePack array whose first item is the kind of record.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from zlib import crc32

import msgspec

FORMAT = 1
"""The number in `Opened.format`. A reader knows all formats up to its own."""

MARK = b"\xa7J"
_HEAD = struct.Struct("<2sII")
HEAD_BYTES = _HEAD.size
MAX_BODY_BYTES = 64 * 1024 * 1024
"""No record is larger. What says so is damaged."""


class Opened(msgspec.Struct, frozen=True, array_like=True, tag=0, kw_only=True):
    """The first record: whose journal this is. `tracking_uri` has no password."""

    format: int
    run_id: str
    tracking_uri: str
    writer: str
    host: str
    pid: int
    at_ms: int


class Points(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """Points of one step and time, by key."""

    at_ms: int
    step: int
    values: dict[str, float]
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class Asked(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A request of the endpoint table: the name of its class, and its fields as MessagePack."""

    name: str
    fields: msgspec.Raw


class Sent(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The server has everything that stands before `upto`, which is `behind` bytes before this record.

    The first is wrong once the beginning of a file was cut off, the second if bytes came between: the lesser counts.
    """

    upto: int
    behind: int

    def place(self, at: int) -> int:
        """Up to where the server has everything, in a file in which this record stands at `at`."""
        return min(self.upto, at - self.behind)


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The server will never take the record at this place of the file."""

    at: int
    reason: str


class Known(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The server has the run, under an id of its own if it does not take ours."""

    run_id: str


Record = Opened | Points | Asked | Sent | Refused | Known


class Unknown(msgspec.Struct, frozen=True):
    """A sound record of a kind, or with fields, that a newer version writes; as it is."""

    kind: int
    body: bytes


class Placed(msgspec.Struct, frozen=True):
    """A record and where it stands: from `at` up to `end`, in bytes from the beginning of the file."""

    at: int
    end: int
    record: Record | Unknown


class Damage(msgspec.Struct, frozen=True):
    """Bytes that are no record. `is_tail`: nothing comes after them, as where writing was cut off."""

    at: int
    end: int
    is_tail: bool


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encoded(record: Record | Unknown) -> bytes:
    """The bytes of a record."""
    return framed(record.body if isinstance(record, Unknown) else _encoder.encode(record))


def points(at_ms: int, step: int, values: dict[str, float]) -> bytes:
    """The bytes of `Points` that belong to no model or dataset; the quick way of `encoded`."""
    body = _encoder.encode((1, at_ms, step, values))
    return _HEAD.pack(MARK, len(body), crc32(body)) + body


def framed(body: bytes) -> bytes:
    """A body with its mark, length and CRC."""
    return _HEAD.pack(MARK, len(body), crc32(body)) + body


def scan(data: bytes, start: int = 0, *, is_whole: bool = True) -> Iterator[Placed | Damage]:
    """The records in bytes that stand at `start` of a file, and what is damaged between them.

    With `is_whole` the file ends where the bytes do; otherwise what may be the beginning of a record at their end is left.
    """
    at = 0
    while at < len(data):
        if (found := _record_at(data, at)) is not None:
            record, end = found
            yield Placed(start + at, start + end, record)
            at = end
            continue
        if not is_whole and _may_go_on(data, at):
            return
        following = _next_record(data, at + 1)
        if following is None and not is_whole:
            following = _next_beginning(data, at + 1)
            yield Damage(start + at, start + following, is_tail=False)
            return
        yield Damage(start + at, start + (following or len(data)), is_tail=following is None)
        at = following or len(data)


def scan_file(fd: int, start: int = 0, piece_bytes: int = 2 * 1024 * 1024) -> Iterator[Placed | Damage]:
    """As `scan`, of an open file from `start` up to where it ends now; damage without a record between it is one.

    Takes memory for a piece, or for the largest record. Raises OSError: the file cannot be read.
    """
    at, size, end = start, piece_bytes, os.fstat(fd).st_size
    damage: Damage | None = None
    while at < end and (data := os.pread(fd, min(size, end - at), at)):
        before = at
        for one in scan(data, at, is_whole=at + len(data) >= end):
            at = one.end
            if isinstance(one, Damage):
                damage = Damage(damage.at if damage else one.at, one.end, one.is_tail)
                continue
            if damage is not None:
                yield damage
                damage = None
            yield one
        size = piece_bytes if at > before else size * 2
    if damage is not None:
        yield Damage(damage.at, damage.end, is_tail=True)


def _record_at(data: bytes, at: int) -> tuple[Record | Unknown, int] | None:
    """The sound record at a place, and where it ends."""
    if len(data) - at < HEAD_BYTES:
        return None
    mark, length, crc = _HEAD.unpack_from(data, at)
    end: int = at + HEAD_BYTES + length
    if mark != MARK or length > MAX_BODY_BYTES or end > len(data):
        return None
    body = data[at + HEAD_BYTES : end]
    if crc32(body) != crc:
        return None
    try:
        return _decoder.decode(body), end
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None if (unknown := _unknown(body)) is None else (unknown, end)


def _unknown(body: bytes) -> Unknown | None:
    """A body that is an array with a kind, whatever else is in it."""
    try:
        items = msgspec.msgpack.decode(body, type=list[msgspec.Raw])
        return Unknown(msgspec.msgpack.decode(items[0], type=int), body)
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        return None


def _may_go_on(data: bytes, at: int) -> bool:
    """Whether what stands at a place may be the beginning of a record whose rest is not there yet."""
    if len(data) - at < HEAD_BYTES:
        return data.startswith(MARK[: len(data) - at], at)
    mark, length, _ = _HEAD.unpack_from(data, at)
    return bool(mark == MARK and length <= MAX_BODY_BYTES and at + HEAD_BYTES + length > len(data))


def _next_record(data: bytes, at: int) -> int | None:
    """Where the next sound record begins."""
    while (at := data.find(MARK, at)) >= 0:
        if _record_at(data, at) is not None:
            return at
        at += 1
    return None


def _next_beginning(data: bytes, at: int) -> int:
    """Where something stands that may be the beginning of a record; the end if there is nothing of the kind."""
    while (found := data.find(MARK, at)) >= 0:
        if _may_go_on(data, found):
            return found
        at = found + 1
    return len(data) - 1 if data.endswith(MARK[:1]) else len(data)
