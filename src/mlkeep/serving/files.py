"""Frames that come as files in a request's body: CSV and Parquet."""

from __future__ import annotations

import importlib.util
import io
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import BadRequest
from mlkeep.serving.body import UnsupportedContentType
from mlkeep.serving.tables import Table


def csv_frame(text: str) -> pd.DataFrame:
    """The frame in CSV with a header, with the types pandas infers.

    Raises:
        BadRequest: it is no CSV.
    """
    try:
        return pd.read_csv(io.StringIO(text))
    except ValueError as error:
        raise _unreadable("CSV with a header line", error) from error


def csv_table(text: str, uniform: np.dtype[Any] | None) -> Table:
    """The table in CSV with a header, its cells as text (missing ones as NaN) for the signature to convert.

    Where all columns are to be `uniform`, a floating-point type, and can be, the cells are read as that at once.

    Raises:
        BadRequest: it is no CSV.
    """
    if uniform is not None:
        try:
            frame = pd.read_csv(io.StringIO(text), dtype=uniform)
            return Table(frame.columns.tolist(), frame.to_numpy())
        except ValueError:
            pass  # a cell is no number, or this is no CSV: reading text finds out which
    try:
        frame = pd.read_csv(io.StringIO(text), dtype=object)
    except ValueError as error:
        raise _unreadable("CSV with a header line", error) from error
    return Table(frame.columns.tolist(), frame.to_numpy(dtype=object).tolist())


def parquet_frame(body: bytes) -> pd.DataFrame:
    """The frame in a Parquet file.

    Raises:
        UnsupportedContentType: pyarrow, which reads Parquet, is not installed here.
        BadRequest: it is no Parquet file.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise UnsupportedContentType(
            "This server cannot read application/vnd.apache.parquet, because pyarrow is not installed beside it: "
            "install pyarrow there, or send application/json or text/csv."
        )
    try:
        return pd.read_parquet(io.BytesIO(body), engine="pyarrow")
    except (ValueError, OSError) as error:  # what pyarrow raises for bytes it cannot read is one of these
        raise _unreadable("a Parquet file", error) from error


def _unreadable(expected: str, error: Exception) -> BadRequest:
    return BadRequest(
        f"Failed to parse input as a Pandas DataFrame. Ensure that the input is {expected}. Error: '{error}'"
    )
