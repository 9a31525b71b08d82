"""Input examples: how they are written beside a model, and read back."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.models.datatypes import DataType
from mlkeep.models.inference import is_sparse
from mlkeep.models.inside import inside
from mlkeep.models.schema import ColSpec, Schema, TensorSpec

EXAMPLE_FILE = "input_example.json"
SERVING_FILE = "serving_input_example.json"
UNWRAPPED_KEYS = {"messages", "prompt", "input"}
"""Keys that mark a dict as the body of a request to a language model, which is sent as it is."""


class InputExample:
    """Data a model can predict on, perhaps with parameters: `data`, or the tuple `(data, params)`.

    `info` is what MLmodel says of it.

    Raises:
        InvalidInput: JSON cannot hold it.
    """

    def __init__(self, example: Any) -> None:
        self.data, self.params = split_params(example)
        kind, self._stored = _to_json(self.data)
        self.info: dict[str, Any] = {
            "artifact_path": EXAMPLE_FILE,
            "serving_input_path": SERVING_FILE,
            "type": kind,
        }
        if kind == "dataframe":
            self.info["pandas_orient"] = "split" if "columns" in self._stored else "values"
        if self.params is not None:
            self.info["params"] = "true"

    def to_json(self) -> str:
        """The text of `input_example.json`."""
        if self.params is None:
            return json.dumps(self._stored)
        return json.dumps({"inputs": self._stored, "params": _plain(self.params)})

    def to_serving_json(self) -> str:
        """The text of `serving_input_example.json`: the body of a request to a scoring server."""
        body: dict[str, Any]
        if self.info["type"] == "dataframe":
            body = {"dataframe_split": self._stored}
        elif isinstance(self._stored, dict) and self._stored.keys() & UNWRAPPED_KEYS:
            body = dict(self._stored)
        elif is_sparse(self.data):
            body = {"inputs": self.data.toarray().tolist()}
        else:
            body = {"inputs": self._stored}
        if self.params is not None:
            body["params"] = _plain(self.params)
        return json.dumps(body, indent=2)

    def write(self, folder: Path) -> None:
        """Write both files into `folder`."""
        (folder / EXAMPLE_FILE).write_text(self.to_json(), encoding="utf-8")
        (folder / SERVING_FILE).write_text(self.to_serving_json(), encoding="utf-8")


def convert_input_example_to_serving_input(input_example: Any) -> str | None:
    """The body of a scoring request with an input example, as JSON; None for no example.

    Raises:
        InvalidInput: JSON cannot hold it.
    """
    return None if input_example is None else InputExample(input_example).to_serving_json()


def read_example(folder: Path, info: Mapping[str, Any], schema: Schema | None = None) -> Any:
    """The data of the example that `info` (from MLmodel) describes, with the types `schema` names.

    Raises:
        NotFound: the file is not there.
    """
    stored, _ = _stored(folder, info)
    kind = info.get("type")
    if kind == "dataframe":
        return _frame(stored, schema)
    if kind == "ndarray":
        return _arrays(stored, schema)
    if kind in {"sparse_matrix_csr", "sparse_matrix_csc"}:
        # Only here, so that scipy is not needed for other examples.
        from scipy import sparse

        parts = (np.array(stored["data"]), np.array(stored["indices"]), np.array(stored["indptr"]))
        make = sparse.csr_matrix if kind.endswith("csr") else sparse.csc_matrix
        return make(parts, shape=tuple(stored["shape"]))
    return stored


def read_example_params(folder: Path, info: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters of the example that `info` describes, if it has any.

    Raises:
        NotFound: the file is not there.
    """
    return _stored(folder, info)[1]


def split_params(example: Any) -> tuple[Any, dict[str, Any] | None]:
    """An example as its data and its parameters: `(data, params)` has both, anything else is data."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):
        return example
    return example, None


def _stored(folder: Path, info: Mapping[str, Any]) -> tuple[Any, dict[str, Any] | None]:
    path = inside(folder, info.get("artifact_path") or EXAMPLE_FILE, "saved_input_example_info")
    if not path.is_file():
        raise NotFound(f"The model names an input example, but there is no file {path}.")
    content = json.loads(path.read_text(encoding="utf-8"))
    if info.get("params"):
        return content["inputs"], content["params"]
    return content, None


def _to_json(data: Any) -> tuple[str, Any]:
    if isinstance(data, pd.DataFrame):
        return "dataframe", _frame_to_json(data)
    if isinstance(data, pd.Series):
        return "dataframe", _frame_to_json(data.to_frame())
    if isinstance(data, np.ndarray):
        return "ndarray", _plain(data)
    if is_sparse(data):
        parts = {name: getattr(data, name).tolist() for name in ("data", "indices", "indptr")}
        return f"sparse_matrix_{type(data).__name__[:3]}", {**parts, "shape": list(data.shape)}
    if isinstance(data, Mapping) and any(isinstance(value, np.ndarray) for value in data.values()):
        if not all(isinstance(value, np.ndarray) for value in data.values()):
            raise InvalidInput("input_example: a dict holds either only numpy arrays, or none; convert the others.")
        return "ndarray", _plain(data)
    if hasattr(data, "model_dump"):
        data = data.model_dump()
    return "json_object", _plain(data)


def _frame_to_json(frame: pd.DataFrame) -> dict[str, Any]:
    columns = [_cells(frame.iloc[:, index]) for index in range(frame.shape[1])]
    rows = [list(row) for row in zip(*columns, strict=True)]
    names: list[Any] = frame.columns.tolist()
    return {"data": rows} if names == list(range(len(names))) else {"columns": _plain(names), "data": rows}


def _cells(column: pd.Series[Any]) -> list[Any]:
    keeps_nan = isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"
    return [None if not keeps_nan and _is_missing(value) else _plain(value) for value in column.astype(object).tolist()]


def _is_missing(value: Any) -> bool:
    return value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: times as ISO text, bytes as base64 in lines."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (str, bool, int, float)) and not isinstance(value, np.generic):
        return value
    if isinstance(value, np.datetime64):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "M":
            return np.datetime_as_string(value).tolist()
        if value.dtype.kind == "f" and np.isnan(value).any():
            missing = np.isnan(value)
            value = value.astype(object)
            value[missing] = None  # other readers know no NaN
        return [_plain(item) for item in value.tolist()] if value.ndim else _plain(value.item())
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(bytes(value)).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, np.ndarray) for item in value):
            raise InvalidInput("input_example: a list cannot hold numpy arrays; stack them into one array.")
        return [_plain(item) for item in value]
    raise InvalidInput(
        f"input_example: {type(value).__name__} cannot be written as JSON; give a DataFrame, a numpy array, a dict of "
        "arrays, or data made of dicts, lists, numbers, text, bytes and times."
    )


def _frame(stored: Any, schema: Schema | None) -> pd.DataFrame:
    frame = pd.DataFrame(stored["data"], columns=stored.get("columns"))
    specs = schema.inputs if schema is not None else []
    for index, spec in enumerate(specs[: frame.shape[1]]):
        name = frame.columns[index] if spec.name is None else spec.name
        if isinstance(spec, ColSpec) and isinstance(spec.type, DataType) and name in frame.columns:
            frame[name] = _typed(frame[name], spec.type)
    return frame


def _typed(column: pd.Series[Any], dtype: DataType) -> pd.Series[Any]:
    """A column as JSON gave it back, with the type its schema names; as it is where nulls forbid that."""
    if dtype is DataType.datetime:
        return pd.to_datetime(column)
    if dtype is DataType.binary:
        return column.map(lambda text: base64.decodebytes(text.encode("ascii")), na_action="ignore").astype(object)
    if dtype is DataType.string or column.isna().any():
        return column
    return column.astype(dtype.to_numpy())


def _arrays(stored: Any, schema: Schema | None) -> Any:
    types = {spec.name: spec.type for spec in schema.inputs if isinstance(spec, TensorSpec)} if schema else {}
    if isinstance(stored, dict):
        return {name: _array(value, types.get(name)) for name, value in stored.items()}
    return _array(stored, types.get(None))


def _array(stored: Any, dtype: np.dtype[Any] | None) -> Any:
    made = np.array(stored, dtype=dtype)
    if dtype is None and made.dtype == object:
        with suppress(TypeError, ValueError):  # numbers, and null for NaN
            return made.astype(np.float64)
    return made
