"""What a call takes and gives, as JSON: every public field of every entity, with its type."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from tests.interop.tour import official


def as_json(value: Any) -> Any:
    """A value as JSON knows it; what JSON does not know becomes an object that names its type.

    A list of MLflow's that carries a page token shows only whether there is one: tokens are opaque.
    """
    match value:
        case Enum():
            return value.name
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case bytes():
            return {"bytes": value.hex()}
        case PurePath():
            return str(value)
        case official.paged_list.PagedList():
            return {"items": [as_json(item) for item in value], "has a token": bool(value.token)}
        case list() | tuple():
            return [as_json(item) for item in value]
        case Mapping():
            return {str(key): as_json(item) for key, item in value.items()}
        case pd.DataFrame():
            return frame(value)
        case datetime():
            return {"time": round(value.timestamp() * 1000)}
        case np.generic() | np.ndarray():
            return as_json(value.tolist())
        case io.IOBase():
            return {"type": "stream"}
    return entity(value)


def frame(table: pd.DataFrame) -> Any:
    """A data frame; the order of its columns within a group is MLflow's chance."""
    columns = sorted(str(name) for name in table.columns)
    rows = [
        {name: None if missing(row[name]) else as_json(row[name]) for name in columns}
        for row in table.to_dict("records")
    ]
    return {"type": "DataFrame", "columns": columns, "rows": rows}


def missing(cell: Any) -> bool:
    """Whether a cell of a data frame is empty in any of the ways pandas has for it."""
    return not isinstance(cell, (list, tuple, dict, np.ndarray)) and bool(pd.isna(cell))


def entity(value: Any) -> Any:
    """An object of MLflow's: its type and all its public fields and properties."""
    kind = type(value)
    if not kind.__module__.startswith("mlflow") or kind.__name__ == "RunOperations":
        return {"type": kind.__name__}
    names = {name for name in vars(value) if not name.startswith("_")} if hasattr(value, "__dict__") else set()
    if dataclasses.is_dataclass(kind):
        names |= {field.name for field in dataclasses.fields(kind)}
    names |= {
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, property) and not name.startswith("_")
    }
    return {"type": kind.__name__, **{name: as_json(getattr(value, name)) for name in sorted(names)}}
