"""Predictions as the JSON of the scoring protocol."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from mlkeep.core.errors import InternalError


def encode(predictions: object, *, wrapped: bool) -> bytes:
    """JSON of `predictions`, under the key `predictions` if `wrapped`.

    Arrays are nested lists, frames and series lists of records, times ISO text, bytes base64. NaN and infinities are
    the bare tokens `NaN`, `Infinity` and `-Infinity`, which clients of MLflow read; missing text or integers are null.

    Raises:
        InternalError: there is no JSON for what the model answered.
    """
    plain = _Plain()
    value = plain.of(predictions)
    answer = {"predictions": value} if wrapped else value
    if plain.is_finite:
        return msgspec.json.encode(answer)
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


class _Plain:
    """Makes values of JSON's own types; `is_finite` falls when one is NaN or infinite."""

    def __init__(self) -> None:
        self.is_finite = True

    def of(self, value: Any) -> object:
        match value:
            case None | bool() | str():
                return value
            case np.ndarray():
                return self._array(value)
            case pd.DataFrame():
                names = [_name(name) for name in value.columns]
                columns = [self._series(value.iloc[:, position]) for position in range(len(names))]
                return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            case pd.Series():
                name = "0" if value.name is None else _name(value.name)
                return [{name: each} for each in self._series(value)]
            case dict():
                return {_name(key): self.of(each) for key, each in value.items()}
            case list() | tuple():
                return [self.of(each) for each in value]
            case float():
                return self._float(float(value))
            case int():
                return int(value)
        return self._scalar(value)

    def _scalar(self, value: Any) -> object:
        if isinstance(value, np.datetime64):
            return self._array(np.array(value))
        if isinstance(value, np.floating):
            return self._float(float(value))
        if isinstance(value, np.generic):
            return self.of(value.tolist())
        if value is pd.NA:
            return None
        if value is pd.NaT:
            return "NaT"
        if isinstance(value, (dt.datetime, dt.date, dt.time)):
            return value.isoformat()
        if isinstance(value, (bytes, bytearray)):
            return base64.encodebytes(value).decode("ascii")
        raise InternalError(
            f"The model answered with a {type(value).__module__}.{type(value).__qualname__}, which has no JSON; "
            "let its predict return arrays, frames, lists, dicts, text or numbers."
        )

    def _float(self, value: float) -> float:
        if not math.isfinite(value):
            self.is_finite = False
        return value

    def _array(self, array: np.ndarray[Any, Any]) -> object:
        kind = array.dtype.kind
        if kind in "biuU":
            return array.tolist()
        if kind == "f":
            if not np.isfinite(array).all():
                self.is_finite = False
            return array.tolist()
        if kind == "M":
            # Days and coarser have no time of day; finer units are written as pandas writes them.
            if np.datetime_data(array.dtype)[0] in ("Y", "M", "W", "D"):
                return np.datetime_as_string(array).tolist()
            times = [time.isoformat() for time in pd.DatetimeIndex(array.ravel())]
            return np.array(times, dtype=object).reshape(array.shape).tolist()
        return self.of(array.tolist())

    def _series(self, series: pd.Series[Any]) -> list[Any]:
        kind = series.dtype
        if isinstance(kind, np.dtype) and kind.kind in "biuf":
            plain: Any = self._array(series.to_numpy())
            return list(plain)
        values = series.tolist()
        if not isinstance(kind, np.dtype) and kind.kind != "M":
            # Text, categories and nullable numbers: pandas marks what is missing, each in its own way.
            values = [None if missing else value for value, missing in zip(values, series.isna(), strict=True)]
        return [self.of(value) for value in values]


def _name(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, np.generic):
        key = key.item()
    return json.dumps(key) if key is None or isinstance(key, (bool, int, float)) else str(key)
