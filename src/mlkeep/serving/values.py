"""Values of JSON as columns and arrays of a declared type, exactly or not at all.

What MLflow converts is converted (`"1"` is an integer, `1` is a double). What it would change without a word (`1.5`
for an integer, 2^40 for 32 bits, `"false"` for a boolean) is refused, naming the place and the value.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlkeep.core.errors import BadRequest

Array: TypeAlias = NDArray[Any]
Column: TypeAlias = "Array | pd.Series[Any] | pd.DatetimeIndex | pd.api.extensions.ExtensionArray"

_EXACT_IN_FLOAT64 = 2**53
_BOOLEAN_WORDS = {"true": True, "false": False, "1": True, "0": False}
_SHOWN = 80  # characters of an offending value that an error shows


def integers(values: Sequence[object], dtype: np.dtype[Any], where: str, *, required: bool) -> Column:
    """`values` as whole numbers of `dtype`; nulls, where the column is optional, make it a nullable column.

    Raises:
        BadRequest: a value has a fraction, does not fit, is no number, or is null although required.
    """
    natural = _natural(values)
    if natural is not None and natural.dtype.kind in "biu" and _fits(natural, dtype):
        return natural.astype(dtype)
    bounds = np.iinfo(dtype)
    read = _each(
        values,
        lambda value: _whole(value, int(bounds.min), int(bounds.max)),
        where,
        f"a whole number between {bounds.min} and {bounds.max}",
        required=required,
    )
    if None in read:
        return pd.array(read, dtype=pd.Int32Dtype() if dtype.itemsize == 4 else pd.Int64Dtype())
    return np.array(read, dtype=dtype)


def floats(values: Sequence[object], dtype: np.dtype[Any], where: str) -> Array:
    """`values` as floating-point numbers of `dtype`; null is NaN.

    Raises:
        BadRequest: a value is no number, or too large for `dtype`.
    """
    try:
        with np.errstate(over="raise"):
            read = np.array(values, dtype=np.float64).astype(dtype, copy=False)
    except (ValueError, TypeError, OverflowError, FloatingPointError):
        read = None
    if read is not None and read.ndim == 1:
        return read
    largest = float(np.finfo(dtype).max)
    each = _each(values, lambda value: _real(value, largest), where, f"a number that fits {dtype}", required=False)
    return np.array([math.nan if value is None else value for value in each], dtype=dtype)


def booleans(values: Sequence[object], where: str, *, required: bool) -> Array:
    """`values` as booleans: JSON's own, and true, false, 1 and 0 as numbers or text.

    Raises:
        BadRequest: a value is none of these, or null although required.
    """
    natural = _natural(values)
    if natural is not None and natural.dtype.kind == "b":
        return natural
    read = _each(values, _truth, where, "a boolean (true, false, 1, 0)", required=required)
    return np.array(read, dtype=object if None in read else bool)


def strings(values: Sequence[object], *, stringify: bool) -> pd.Series[Any]:
    """`values` as pandas holds text; null stays null. Other values stay as they are, unless `stringify`."""
    if stringify:
        values = [_text(value) for value in values]
    if all(isinstance(value, str) or _is_null(value) for value in values) and not all(map(_is_null, values)):
        return pd.Series(values)
    return pd.Series(values, dtype=object)


def binaries(values: Sequence[object], where: str, *, encoded: bool, required: bool) -> pd.Series[Any]:
    """`values` as bytes: decoded from base64 when `encoded` (white space is skipped), else the UTF-8 of the text.

    Raises:
        BadRequest: a value is no text, no base64, or null although required.
    """
    expected = "base64 text" if encoded else "text"
    read = _each(values, _decoded if encoded else _utf8, where, expected, required=required)
    return pd.Series(read, dtype=object)


def datetimes(values: Sequence[object], where: str, *, to_utc: bool) -> pd.DatetimeIndex:
    """`values` as times: ISO text, or integers of nanoseconds since 1970; null is NaT.

    Times with a zone keep it, or become naive times of UTC when `to_utc`.

    Raises:
        BadRequest: a value is no time, or times with and without a zone are mixed.
    """
    times = _times(values)
    if times is None:
        _each(values, _time, where, "a date or time such as '2024-05-01T12:30:00'", required=False)
        raise BadRequest(f"Invalid input. {where}: times with and without a time zone are mixed; send one kind.")
    return times.tz_convert(None) if to_utc and times.tz is not None else times


def tensor(values: object, dtype: np.dtype[Any], where: str) -> Array:
    """`values` (nested lists, or one value) as an array of `dtype`.

    Raises:
        BadRequest: the lists are ragged, or a value cannot be of `dtype`.
    """
    try:
        natural = np.array(values)
        if dtype.kind in "iu" and natural.dtype.kind in "biuf":
            return _whole_tensor(natural, dtype, where)
        if dtype.kind == "b" and natural.dtype.kind in "biuf":
            _refuse_where((natural != 0) & (natural != 1), natural, where, "true or false")
        with np.errstate(over="raise"):
            return np.array(values, dtype=dtype)
    except (ValueError, TypeError, OverflowError, FloatingPointError) as error:
        raise BadRequest(
            f"Invalid input. Data is not compatible with model signature. Failed to convert {where} to type "
            f"'{dtype}': {error}."
        ) from error


def shown(value: object) -> str:
    """`value` as an error shows it: its repr, cut short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _natural(values: Sequence[object]) -> Array | None:
    """`values` as numpy would type them, or None if they are not a plain row of values."""
    try:
        natural = np.array(values)
    except (ValueError, OverflowError):
        return None
    return natural if natural.ndim == 1 else None


def _each(
    values: Sequence[object],
    convert: Callable[[Any], object],
    where: str,
    expected: str,
    *,
    required: bool,
) -> list[Any]:
    """`convert` of each value, None for null; `convert` raises ValueError or TypeError for what it cannot take."""
    read: list[object] = []
    for row, value in enumerate(values):
        if _is_null(value):
            if required:
                raise _refusal(where, row, value, f"{expected}, and the signature requires one")
            read.append(None)
            continue
        try:
            read.append(convert(value))
        except (ValueError, TypeError, OverflowError) as error:
            raise _refusal(where, row, value, expected) from error
    return read


def _refusal(where: str, place: object, value: object, expected: str) -> BadRequest:
    given = "null" if _is_null(value) else shown(value)
    return BadRequest(
        f"Invalid input. Data is not compatible with model signature. Failed to convert {where}: "
        f"row {place} has {given}, which is not {expected}."
    )


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _fits(array: Array, dtype: np.dtype[Any]) -> bool:
    if array.size == 0 or np.can_cast(array.dtype, dtype):
        return True
    bounds = np.iinfo(dtype)
    return bool(int(array.min()) >= bounds.min and int(array.max()) <= bounds.max)


def _whole(value: Any, smallest: int, largest: int) -> int:
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError
    whole = int(value)
    if (isinstance(value, float) and whole != value) or not smallest <= whole <= largest:
        raise ValueError
    return whole


def _real(value: Any, largest: float) -> float:
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError
    real = float(value)
    if math.isfinite(real) and abs(real) > largest:
        raise ValueError
    return real


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        value = _BOOLEAN_WORDS.get(value.lower())
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return bool(value)
    raise ValueError


def _text(value: object) -> object:
    return str(value) if isinstance(value, (bool, int, float)) and not _is_null(value) else value


def _utf8(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return value.encode()


def _decoded(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _time(value: Any) -> pd.Timestamp:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError
    return pd.Timestamp(value)


def _times(values: Sequence[object]) -> pd.DatetimeIndex | None:
    """`values` as times, or None if pandas cannot read them together."""
    try:
        times: list[Any] = [
            None if _is_null(value) else value if isinstance(value, str) else _time(value) for value in values
        ]
    except (ValueError, TypeError, OverflowError):
        return None
    for layout in ("ISO8601", "mixed"):
        try:
            return pd.DatetimeIndex(pd.to_datetime(times, format=layout))
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _whole_tensor(natural: Array, dtype: np.dtype[Any], where: str) -> Array:
    bounds = np.iinfo(dtype)
    if natural.dtype.kind == "f":
        # Beyond 2^53 a JSON integer that shares its list with a fraction may already have lost digits.
        wrong = (natural != np.trunc(natural)) | (np.abs(natural) > _EXACT_IN_FLOAT64) | np.isnan(natural)
        _refuse_where(wrong, natural, where, "a whole number")
    if natural.size and not _fits(natural, dtype):
        outside = (natural < bounds.min) | (natural > bounds.max)
        _refuse_where(outside, natural, where, f"between {bounds.min} and {bounds.max}")
    return natural.astype(dtype)


def _refuse_where(wrong: Array, natural: Array, where: str, expected: str) -> None:
    if wrong.any():
        place = [int(i) for i in np.argwhere(wrong)[0]]
        raise BadRequest(
            f"Invalid input. Data is not compatible with model signature. Failed to convert {where}: "
            f"{shown(natural[tuple(place)].item())} at position {place} is not {expected}."
        )
