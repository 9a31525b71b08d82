"""The format of journals: records one after another, each complete in itself.

A record is the mark `A7 4A`, the length of its body and the CRC-32 of its body (both 32 bits, the least significant byte
first), and the body: a MessagePack array whose first item is the kind of record.
"""

from __future__ import annotations

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
    """The server has everything that stands before this many bytes of the file."""

    upto: int


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The server will never take the record at this place of the file."""

    at: int
    reason: str


class Known(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The server has the run, under an id of its own if it does not take ours."""

    run_id: str


Record = Opened | Points | Asked | Sent | Refused | Known


class Placed(msgspec.Struct, frozen=True):
    """A record and where it stands: from `at` up to `end`, in bytes from the beginning of the file."""

    at: int
    end: int
    record: Record


class Damage(msgspec.Struct, frozen=True):
    """Bytes that are no record. `is_tail`: nothing comes after them, as where writing was cut off."""

    at: int
    end: int
    is_tail: bool


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encoded(record: Record) -> bytes:
    """The bytes of a record."""
    return framed(_encoder.encode(record))


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
        yield Damage(start + at, start + (following or len(data)), is_tail=following is None)
        at = following or len(data)


def _record_at(data: bytes, at: int) -> tuple[Record, int] | None:
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
