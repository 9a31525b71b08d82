"""Many points at once: the body of `log-batch` as `application/msgpack`, with points in columns. This is mlkeep's own.

Unlike JSON it is taken to the letter: names and types are as they stand here, and nothing else is sent.
"""

from __future__ import annotations

from typing import ClassVar

from mlkeep.wire.message import Int64, KeyValueInput, Request, RunRequest

MSGPACK = "application/msgpack"
"""The content type of such a body."""


class Column(Request, frozen=True, kw_only=True):
    """Points of one series. The three columns have one entry for each point.

    They are arrays of numbers, or binary: 64-bit little-endian integers (`steps`, and `timestamps` in milliseconds) and
    64-bit little-endian floating point numbers (`values`).
    """

    key: str = ""
    steps: list[Int64] | bytes = []
    timestamps: list[Int64] | bytes = []
    values: list[float] | bytes = []
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""
    required: ClassVar[tuple[str, ...]] = ("key",)


class LogColumns(RunRequest, frozen=True, kw_only=True):
    """What `LogBatch` says, with points in columns and as many of them as fit into the largest body."""

    columns: list[Column] = []
    params: list[KeyValueInput] = []
    tags: list[KeyValueInput] = []
