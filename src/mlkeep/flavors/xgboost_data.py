"""What goes into XGBoost's models: matrices of its own, and frames with the columns it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from mlkeep.core.errors import InvalidInput
from mlkeep.models.example import split_params

_SHOWN = 20  # names of columns that an error shows


def plain_example(example: Any) -> Any:
    """An input example, of which a `DMatrix` becomes a frame if its columns have names, else an array.

    A `DMatrix` holds 32 bits of each number, but what people predict on has 64, and so has the example.

    Raises:
        InvalidInput: the matrix holds categories, whose names it does not know.
    """
    data, params = split_params(example)
    if not isinstance(data, xgboost.DMatrix):
        return example
    plain = _plain(data)
    return plain if params is None else (plain, params)


def _plain(matrix: xgboost.DMatrix) -> Any:
    if "c" in (matrix.feature_types or []):
        raise InvalidInput("input_example: a DMatrix does not know its categories; give the frame it was made of.")
    stored = matrix.get_data().tocoo()
    values = np.full((matrix.num_row(), matrix.num_col()), np.nan)  # what is not stored is missing
    values[stored.row, stored.col] = stored.data
    if matrix.feature_names is None:
        return values
    frame = pd.DataFrame(values, columns=list(matrix.feature_names))
    for name, kind in zip(matrix.feature_names, matrix.feature_types or [], strict=False):
        if kind in {"int", "i"} and not frame[name].isna().any():
            frame[name] = frame[name].astype("int64" if kind == "int" else "bool")
    return frame


def as_matrix(data: Any) -> xgboost.DMatrix:
    """What a `Booster` predicts on; columns of categories stay what they are."""
    if isinstance(data, xgboost.DMatrix):
        return data
    has_categories = isinstance(data, pd.DataFrame) and any(
        isinstance(dtype, pd.CategoricalDtype) for dtype in data.dtypes
    )
    return xgboost.DMatrix(data, enable_categorical=has_categories)


def check_columns(expected: Sequence[str] | None, data: Any) -> None:
    """See that a frame has the columns of the data a model was trained on, in their order.

    Raises:
        InvalidInput: it has not; the message says which differ.
    """
    if not expected or not isinstance(data, pd.DataFrame) or data.columns.nlevels > 1:
        return
    found = [str(name) for name in data.columns]
    if found == list(expected):
        return
    faults = {
        "are missing": [name for name in expected if name not in found],
        "are not the model's": [name for name in found if name not in expected],
    }
    told = "; ".join(f"{_shown(names)} {fault}" for fault, names in faults.items() if names)
    raise InvalidInput(
        f"The columns of the data are not those the model was trained on: {told or 'they are in another order'}. "
        f"It expects {_shown(expected)}, in this order; a model with a signature puts columns in order by itself."
    )


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{list(names[:_SHOWN])}{more}"
