"""Numbers of 64 bits as they travel in binary columns: the least significant byte first."""

from __future__ import annotations

import sys
from array import array
from typing import Any


def little_endian(column: array[Any]) -> bytes:
    """The bytes of a column, which is of no more use afterwards."""
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def column_of(kind: str, data: bytes) -> array[Any]:
    """The column in bytes; `kind` is "q" for integers, "d" for floating point numbers."""
    column = array(kind, data)
    if sys.byteorder == "big":
        column.byteswap()
    return column
