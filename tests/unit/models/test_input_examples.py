"""Input examples: what is written beside a model, and what comes back."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.models.enforcement import enforce_schema
from mlkeep.models.example import InputExample, read_example, read_example_params
from mlkeep.models.signature import infer_signature


class Point:
    """As a model of pydantic, which need not be installed."""

    def __init__(self, x: int) -> None:
        self.x = x

    def model_dump(self) -> dict[str, int]:
        return {"x": self.x}


FILES = {"artifact_path": "input_example.json", "serving_input_path": "serving_input_example.json"}


@pytest.mark.parametrize(
    ("example", "info", "stored", "serving"),
    [
        (
            pd.DataFrame({"a": [1.5, None], "b": ["x", None]}, index=[7, 8]),
            {"type": "dataframe", "pandas_orient": "split"},
            '{"columns": ["a", "b"], "data": [[1.5, "x"], [NaN, null]]}',
            '{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, "x"], [NaN, null]]}}',
        ),
        (
            pd.DataFrame([[1, 2]]),
            {"type": "dataframe", "pandas_orient": "values"},
            '{"data": [[1, 2]]}',
            '{"dataframe_split": {"data": [[1, 2]]}}',
        ),
        (np.array([[1.5]], "float32"), {"type": "ndarray"}, "[[1.5]]", '{"inputs": [[1.5]]}'),
        (np.array([1.5, np.nan]), {"type": "ndarray"}, "[1.5, null]", '{"inputs": [1.5, null]}'),
        (
            pd.DataFrame(
                {"a": [pd.Timestamp("2026-01-01 02:00"), None], "b": [b"x", None], "c": pd.array([1, None], "Int64")}
            ),
            {"type": "dataframe", "pandas_orient": "split"},
            '{"columns": ["a", "b", "c"], "data": [["2026-01-01T02:00:00", "eA==\\n", 1], [null, null, null]]}',
            """{"dataframe_split": {"columns": ["a", "b", "c"],
                "data": [["2026-01-01T02:00:00", "eA==\\n", 1], [null, null, null]]}}""",
        ),
        (
            dt.date(2026, 1, 1),
            {"type": "json_object"},
            '"2026-01-01"',
            '{"inputs": "2026-01-01"}',
        ),
        ([np.float32(1.5), np.int64(2)], {"type": "json_object"}, "[1.5, 2]", '{"inputs": [1.5, 2]}'),
        (True, {"type": "json_object"}, "true", '{"inputs": true}'),
        (Point(x=1), {"type": "json_object"}, '{"x": 1}', '{"inputs": {"x": 1}}'),
        (
            pd.DataFrame({"a": pd.Series([1, None], dtype=object)}),
            {"type": "dataframe", "pandas_orient": "split"},
            '{"columns": ["a"], "data": [[1], [null]]}',
            '{"dataframe_split": {"columns": ["a"], "data": [[1], [null]]}}',
        ),
        (
            (pd.DataFrame({"a": [1]}), {"t": [1, 2]}),
            {"type": "dataframe", "pandas_orient": "split", "params": "true"},
            '{"inputs": {"columns": ["a"], "data": [[1]]}, "params": {"t": [1, 2]}}',
            '{"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"t": [1, 2]}}',
        ),
        (
            sparse.csc_matrix([[0.5, 2]]),
            {"type": "sparse_matrix_csc"},
            '{"data": [0.5, 2.0], "indices": [0, 0], "indptr": [0, 1, 2], "shape": [1, 2]}',
            '{"inputs": [[0.5, 2.0]]}',
        ),
        ({"x": np.array([1])}, {"type": "ndarray"}, '{"x": [1]}', '{"inputs": {"x": [1]}}'),
        ({"x": 1}, {"type": "json_object"}, '{"x": 1}', '{"inputs": {"x": 1}}'),
        ({"messages": []}, {"type": "json_object"}, '{"messages": []}', '{"messages": []}'),
        ("text", {"type": "json_object"}, '"text"', '{"inputs": "text"}'),
        (b"bytes", {"type": "json_object"}, '"Ynl0ZXM=\\n"', '{"inputs": "Ynl0ZXM=\\n"}'),
        (
            ([1], {"t": 0.5}),
            {"type": "json_object", "params": "true"},
            '{"inputs": [1], "params": {"t": 0.5}}',
            '{"inputs": [1], "params": {"t": 0.5}}',
        ),
        (
            sparse.csr_matrix([[0, 2]]),
            {"type": "sparse_matrix_csr"},
            '{"data": [2], "indices": [1], "indptr": [0, 1], "shape": [1, 2]}',
            '{"inputs": [[0, 2]]}',
        ),
    ],
)
def test_an_example_is_written_as_mlflow_writes_it(example: Any, info: Any, stored: str, serving: str) -> None:
    written = InputExample(example)
    assert written.info == {**FILES, **info}
    assert written.to_json() == stored
    assert written.to_serving_json() == json.dumps(json.loads(serving), indent=2)


@pytest.mark.parametrize("example", [{"x": np.array([1]), "y": 2}, [np.array([1])], object()])
def test_what_json_cannot_hold_is_refused(example: Any) -> None:
    with pytest.raises(InvalidInput, match="input_example"):
        InputExample(example)


def test_a_frame_comes_back_with_the_types_of_its_schema(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "small": np.array([1, 2], dtype="int32"),
            "real": [1.5, 2.5],
            "text": ["x", "y"],
            "raw": [b"x", b"y"],
            "when": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        }
    )
    schema = infer_signature(frame).inputs
    assert schema is not None
    example = InputExample(frame)
    example.write(tmp_path)
    found = read_example(tmp_path, example.info, schema)
    assert found.astype(object).to_dict("list") == frame.astype(object).to_dict("list")
    # What a model was saved with, it must accept.
    enforce_schema(found, schema)


def test_arrays_and_params_come_back(tmp_path: Path) -> None:
    array = np.array([[1.5, 2.5]], dtype="float32")
    schema = infer_signature(array).inputs
    example = InputExample((array, {"t": 0.5}))
    example.write(tmp_path)
    found = read_example(tmp_path, example.info, schema)
    np.testing.assert_array_equal(found, array, strict=True)
    assert read_example_params(tmp_path, example.info) == {"t": 0.5}


@pytest.mark.parametrize("with_schema", [False, True])
def test_nan_and_sparse_matrices_come_back(tmp_path: Path, with_schema: bool) -> None:
    for number, given in enumerate(
        (np.array([[1.5, np.nan]]), sparse.csr_matrix([[0, 2.5]]), {"a": np.array([np.nan, 1])})
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        example = InputExample(given)
        example.write(folder)
        found = read_example(folder, example.info, infer_signature(given).inputs if with_schema else None)
        assert type(found) is type(given)
        assert repr(found) == repr(given)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"input_example\.json"):
        read_example(tmp_path, {**FILES, "type": "ndarray"})
