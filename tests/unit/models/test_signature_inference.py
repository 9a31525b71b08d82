"""Which schema data has: the table of section 8.2."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression

import mlkeep.sklearn
from mlkeep.core.errors import InvalidInput
from mlkeep.models.signature import infer_signature


def inputs(data: Any) -> list[dict[str, Any]]:
    schema = infer_signature(data).inputs
    assert schema is not None
    found: list[dict[str, Any]] = json.loads(schema.to_json())
    return found


def column(values: Any) -> tuple[Any, bool]:
    """The type and `required` of a frame's column."""
    [found] = inputs(pd.DataFrame({"a": values}))
    required = found.pop("required")
    found.pop("name")
    return (found["type"] if set(found) == {"type"} else found), required


ANY = [{"type": "any", "required": True}]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    {
        "bool": "boolean",
        "int8": "integer",
        "int16": "integer",
        "int32": "integer",
        "uint8": "integer",
        "uint16": "integer",
        "int64": "long",
        "uint32": "long",
        "float16": "float",
        "float32": "float",
        "float64": "double",
        "datetime64[ns]": "datetime",
        "datetime64[s]": "datetime",
        "Int64": "long",
        "Int8": "integer",
        "Float32": "float",
        "boolean": "boolean",
    }.items(),
)
def test_a_column_of_numbers_or_times_has_the_type_of_its_values(dtype: str, expected: str) -> None:
    values: Any = pd.Series([0, 1])
    assert column(values.astype(dtype)) == (expected, True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["x", "y"], ("string", True)),
        (pd.Series(["x", "y"], dtype=object), ("string", True)),
        (pd.Series(["x", "y"], dtype="category"), ("string", True)),
        (pd.Series([1, 2], dtype=object), ("long", True)),
        (pd.Series([1.5, 2.5], dtype=object), ("double", True)),
        (pd.Series([1, 1.5], dtype=object), ("double", True)),
        (pd.Series([1, 2], dtype="category"), ("long", True)),
        ([dt.date(2026, 1, 1), None], ("datetime", False)),
        (["x", None], ("string", False)),
        ([b"x", None], ("binary", False)),
        (pd.array([True, None], dtype="boolean"), ("boolean", False)),
        (pd.array([1.5, None], dtype="Float64"), ("double", False)),
        (pd.array(["x", None], dtype="string"), ("string", False)),
        (pd.array([1, None], dtype="int64[pyarrow]"), ("long", False)),
        (pd.array([1.5], dtype="float[pyarrow]"), ("float", True)),
        (pd.array([dt.date(2026, 1, 1)], dtype="date32[pyarrow]"), ("datetime", True)),
        (
            pd.Series([[1, 2]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
            ({"type": "array", "items": {"type": "long"}}, True),
        ),
        (pd.arrays.SparseArray([0, 1]), ("long", True)),
        ([{}], ("any", True)),
        ([[{}]], ({"type": "array", "items": {"type": "any"}}, True)),
        ([b"x", bytearray(b"y")], ("binary", True)),
        ([dt.date(2026, 1, 1)] * 2, ("datetime", True)),
        (pd.to_datetime(["2026-01-01"]).tz_localize("UTC"), ("datetime", True)),
        ([1.5, None], ("double", False)),
        (pd.Series([1, None], dtype=object), ("double", False)),
        (pd.Series([True, None], dtype=object), ("boolean", False)),
        (pd.array([1, None], dtype="Int64"), ("long", False)),
        ([dt.datetime(2026, 1, 1), None], ("datetime", False)),  # noqa: DTZ001 - times of models have no zone
        ([None, None], ("any", False)),
        ([[1, 2], [3]], ({"type": "array", "items": {"type": "long"}}, True)),
        ([np.array([1.5]), None], ({"type": "array", "items": {"type": "double"}}, False)),
        ([[[1]], [[2], [3]]], ({"type": "array", "items": {"type": "array", "items": {"type": "long"}}}, True)),
        ([[1, None]], ({"type": "array", "items": {"type": "long"}}, True)),
        ([[], []], ("any", True)),
        (
            [{"x": 1}, {"x": 2, "y": "s"}],
            (
                {
                    "type": "object",
                    "properties": {
                        "x": {"type": "long", "required": True},
                        "y": {"type": "string", "required": False},
                    },
                },
                True,
            ),
        ),
    ],
)
def test_a_column_of_objects_has_the_type_they_share(values: Any, expected: Any) -> None:
    assert column(values) == expected


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": pd.Series([1, "x"], dtype=object)}),
        pd.DataFrame({"a": [1], "b": [1j]}),
        pd.DataFrame({"a": np.array([1], dtype="uint64")}),
        pd.DataFrame({"a": pd.to_timedelta(["1s"])}),
        pd.DataFrame({"a": [Decimal("1.5")]}),
        pd.DataFrame({"a": [{1}]}),
        pd.DataFrame(np.zeros((1, 2)), columns=["a", "a"]),
        pd.DataFrame(),
        np.array(3),
        [1, "x"],
        [None],
        (1, 2),
        {},
        {1: 2},
    ],
)
def test_data_no_schema_can_describe_is_anything(data: Any) -> None:
    assert inputs(data) == ANY


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (np.array([1], dtype="uint64"), "column 'b' of type uint64 .* convert it to int64"),
        (pd.to_timedelta(["1s"]), "column 'b' of type timedelta64.* convert it to seconds, as float64"),
        ([1j], "column 'b' of type complex128 .* two columns of float64"),
        ([Decimal("1.5")], "column 'b' of type object .* values of type Decimal.* float64, or to text"),
        (pd.Series([1, "x"], dtype=object), "column 'b' of type object .* long beside .* string.* one type"),
    ],
)
def test_a_column_no_schema_can_describe_is_an_error_that_names_it(
    values: Any, advice: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"b": values})
    assert inputs(frame) == ANY
    [told] = caplog.records
    assert told.levelname == "ERROR"
    assert re.search(f"for the inputs: {advice}", told.getMessage())
    monkeypatch.setenv("MLKEEP_REQUIRE_SIGNATURE", "1")
    with pytest.raises(InvalidInput, match=advice):
        infer_signature(frame)


def test_a_signature_can_be_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLKEEP_REQUIRE_SIGNATURE", "1")
    frame = pd.DataFrame({"a": [0.0, 1.0]})
    model = LinearRegression().fit(frame, [0, 1])
    for example, message in ((None, "neither a signature nor an input example"), (["text"], "predicting on the input")):
        with pytest.raises(InvalidInput, match=message):
            mlkeep.sklearn.save_model(model, tmp_path / "m", input_example=example)
    assert list(tmp_path.iterdir()) == []
    mlkeep.sklearn.save_model(model, tmp_path / "m", input_example=frame)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (np.zeros((3, 2)), [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]),
        (np.array(["ab"]), [{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}}]),
        (np.array([b"ab"]), [{"type": "tensor", "tensor-spec": {"dtype": "bytes", "shape": [-1]}}]),
        (
            np.array(["ab", 1], dtype=object),
            [{"type": "tensor", "tensor-spec": {"dtype": "object", "shape": [-1]}}],
        ),
        (
            sparse.csr_matrix(np.zeros((3, 2), dtype="float32")),
            [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}],
        ),
        (
            {"x": np.zeros((3, 2)), "y": np.zeros(3, dtype="int8")},
            [
                {"name": "x", "type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}},
                {"name": "y", "type": "tensor", "tensor-spec": {"dtype": "int8", "shape": [-1]}},
            ],
        ),
    ],
)
def test_arrays_are_tensors_whose_first_length_varies(data: Any, expected: Any) -> None:
    assert inputs(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("s", [{"type": "string", "required": True}]),
        (3, [{"type": "long", "required": True}]),
        (2.5, [{"type": "double", "required": True}]),
        (True, [{"type": "boolean", "required": True}]),
        (b"x", [{"type": "binary", "required": True}]),
        (np.float32(1), [{"type": "float", "required": True}]),
        ([], [{"type": "string", "required": True}]),
        (["a", None], [{"type": "string", "required": True}]),
        ([[1, 2], [3]], [{"type": "array", "items": {"type": "long"}, "required": True}]),
        (
            [{"a": 1}, {"a": 2, "b": "s"}],
            [{"type": "long", "name": "a", "required": True}, {"type": "string", "name": "b", "required": False}],
        ),
        (
            {"a": 1, "b": [1.5], "c": {"k": "v"}, "d": None},
            [
                {"type": "long", "name": "a", "required": True},
                {"type": "array", "items": {"type": "double"}, "name": "b", "required": True},
                {
                    "type": "object",
                    "properties": {"k": {"type": "string", "required": True}},
                    "name": "c",
                    "required": True,
                },
                {"type": "any", "name": "d", "required": False},
            ],
        ),
        (pd.Series([1, 2]), [{"type": "long", "required": True}]),
        (pd.Series([1, 2], name="n"), [{"type": "long", "name": "n", "required": True}]),
        (pd.DataFrame(np.zeros((1, 1))), [{"type": "double", "name": 0, "required": True}]),
        (pd.DataFrame({np.int64(7): [1]}), [{"type": "long", "name": 7, "required": True}]),
    ],
)
def test_scalars_lists_and_dicts_are_columns(data: Any, expected: Any) -> None:
    assert inputs(data) == expected


def test_outputs_follow_the_same_rules() -> None:
    signature = infer_signature(pd.DataFrame({"a": [1.0]}), np.array([1, 2]))
    assert signature.to_dict() == {
        "inputs": '[{"type": "double", "name": "a", "required": true}]',
        "outputs": '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]',
        "params": None,
    }


def test_params_become_defaults() -> None:
    schema = infer_signature(params={"n": 1, "rate": np.float32(0.5), "stop": ["a"], 2: True, "empty": []}).params
    assert schema is not None
    assert json.loads(schema.to_json()) == [
        {"name": "n", "default": 1, "shape": None, "type": "long"},
        {"name": "rate", "default": 0.5, "shape": None, "type": "float"},
        {"name": "stop", "default": ["a"], "shape": [-1], "type": "string"},
        {"name": "2", "default": True, "shape": None, "type": "boolean"},
        {"name": "empty", "default": [], "shape": [-1], "type": "datetime"},
    ]


@pytest.mark.parametrize("value", [None, (1,), [[1]], [1, "b"], 1j, b"x"])
def test_a_param_of_no_known_type_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Failed to infer schema for parameters.*'size'"):
        infer_signature(params={"size": value})


def test_nothing_has_no_signature() -> None:
    with pytest.raises(ValueError, match="needs inputs, outputs or params"):
        infer_signature()
