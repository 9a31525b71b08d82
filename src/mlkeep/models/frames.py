"""What enforcement asks of pandas' frames, in microseconds.

pandas answers the same questions in public ways that take ten to a hundred times as long, most of it for labels nobody
asked for. Its own functions are used where they are as known, the public ones where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def dtypes_of(frame: pd.DataFrame) -> list[Any]:
    """The types of the columns, by position."""
    own: Any = frame
    try:
        found: list[Any] = own._mgr.get_dtypes().tolist()  # noqa: SLF001 - see above
    except AttributeError:
        return frame.dtypes.tolist()
    return found


def column_of(frame: pd.DataFrame, position: int) -> Any:
    """The values of a column, as numpy's or pandas' array; they are the frame's own: not to be changed."""
    own: Any = frame
    try:
        return own._get_column_array(position)  # noqa: SLF001 - see above
    except AttributeError:
        return values_of(frame.iloc[:, position])


def values_of(column: pd.Series[Any]) -> Any:
    """The values of a column, as numpy's or pandas' array."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def frame_of(arrays: Sequence[Any], columns: pd.Index[Any], index: pd.Index[Any] | None = None) -> pd.DataFrame:
    """A frame with these arrays, of one length and not used elsewhere, as its columns."""
    first = arrays[0]
    if index is None:
        index = pd.RangeIndex(len(first))
    if (
        isinstance(first, np.ndarray)
        and first.dtype.kind in "biufM"
        and all(isinstance(each, np.ndarray) and each.dtype == first.dtype for each in arrays)
    ):
        # One block, as models take all columns together.
        return pd.DataFrame(np.array(arrays).T, columns=columns, index=index, copy=False)
    own: Any = pd.DataFrame
    try:
        made: pd.DataFrame = own._from_arrays(list(arrays), columns=columns, index=index, verify_integrity=False)  # noqa: SLF001 - see above
    except (AttributeError, TypeError):
        made = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=False)
        made.columns = columns
    return made
