"""What a model with a signature of columns accepts, and what it gets: sections 9.1 to 9.3."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.models.enforcement import enforce_schema
from mlkeep.models.schema import AnyType, Array, ColSpec, DataType, Map, Object, Property, Schema

NAMED = Schema([ColSpec("long", "a"), ColSpec("string", "b", required=False)])


def rows(data: Any, schema: Schema) -> list[dict[Any, Any]]:
    frame = enforce_schema(data, schema)
    assert isinstance(frame, pd.DataFrame)
    return frame.to_dict("records")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pd.DataFrame({"b": ["x"], "a": [1]}), [{"a": 1, "b": "x"}]),
        (pd.DataFrame({"a": [1], "z": [2]}), [{"a": 1}]),
        ({"a": 1, "b": "x"}, [{"a": 1, "b": "x"}]),
        ({"a": [1, 2], "b": ["x", "y"]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ({"a": [1, 2], "b": "x"}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
        ({"a": np.array([1, 2])}, [{"a": 1}, {"a": 2}]),
        ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        (pd.Series([1], name="a"), [{"a": 1}]),
    ],
)
def test_named_columns_come_in_the_order_of_the_schema(data: Any, expected: Any) -> None:
    assert rows(data, NAMED) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pd.DataFrame({"b": ["x"]}), r"Model is missing inputs \['a'\]\.$"),
        (np.zeros((1, 1)), r"Model is missing inputs \['a'\]\. Note that there were extra inputs: \[0\]\."),
        ([1], r"Note that there were extra inputs: \[0\]"),
        ("s", r"Note that there were extra inputs: \[0\]"),
        (None, "Expected input to be DataFrame. Found: NoneType"),
    ],
)
def test_a_missing_named_column_is_named(data: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        enforce_schema(data, NAMED)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pd.DataFrame({"x": [1], "y": [1.5], "z": [0]}), [{"x": 1, "y": 1.5}]),
        ([[1, 2.5]], [{0: 1, 1: 2.5}]),
        (np.array([[0, 1]]), [{0: 0, 1: 1.0}]),
    ],
)
def test_unnamed_columns_go_by_position(data: Any, expected: Any) -> None:
    assert rows(data, Schema([ColSpec("long"), ColSpec("double")])) == expected


def test_too_few_unnamed_columns_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 unnamed columns, the data 1"):
        enforce_schema([1, 2.5], Schema([ColSpec("long"), ColSpec("double")]))


@pytest.mark.parametrize("data", ["s", ["s"], {"k": "s"}, pd.Series(["s"]), pd.DataFrame({"q": ["s"]})])
def test_one_unnamed_string_column_takes_text_in_any_container(data: Any) -> None:
    assert enforce_schema(data, Schema([ColSpec("string")])).to_numpy().tolist() == [["s"]]


CASTS: dict[str, tuple[Any, set[str]]] = {
    "bool": (np.array([True]), {"boolean"}),
    "int8": (np.array([5], "i1"), {"integer", "long", "double"}),
    "uint8": (np.array([5], "u1"), {"integer", "long", "double"}),
    "int32": (np.array([5], "i4"), {"integer", "long", "double"}),
    "uint32": (np.array([5], "u4"), {"long", "double"}),
    "int64": (np.array([5]), {"long"}),
    "int64 of flags": (np.array([1]), {"long", "float", "double"}),
    "uint64": (np.array([5], "u8"), set()),
    "float32": (np.array([5], "f4"), {"float", "double"}),
    "float64": (np.array([5.0]), {"double"}),
    "float64 with NaN": (np.array([np.nan]), {"double"}),
    "Int64": (pd.array([5], dtype="Int64"), {"long"}),
    "str": (["a"], {"string", "binary"}),
    "bytes": ([b"a"], {"boolean", "string", "binary"}),
    "whole numbers as objects": (pd.Series([5], dtype=object), {"long", "string", "binary"}),
    "nothing but None": ([None], {"boolean", "double", "string", "binary", "datetime"}),
    "datetime64": (pd.to_datetime(["2026-01-01"]), {"datetime"}),
    "datetime64 with a zone": (pd.to_datetime(["2026-01-01"]).tz_localize("UTC"), set()),
    "dates": ([dt.date(2026, 1, 1)], {"boolean", "string", "binary", "datetime"}),
    "Decimal": ([Decimal("1.5")], {"boolean", "double", "string", "binary"}),
    "category": (pd.Categorical(["a"]), set()),
}


@pytest.mark.parametrize("name", CASTS)
def test_a_column_is_cast_only_where_no_digit_can_be_lost(name: str) -> None:
    values, accepting = CASTS[name]
    frame = pd.DataFrame({"a": values})
    accepted = set()
    for dtype in DataType:
        try:
            cast = enforce_schema(frame, Schema([ColSpec(dtype, "a")]))
        except InvalidInput:
            continue
        accepted.add(dtype.name)
        if dtype not in {DataType.boolean, DataType.string, DataType.binary}:
            assert cast["a"].dtype == dtype.to_numpy()
    assert accepted == accepting


def test_the_error_names_the_column_and_both_types() -> None:
    with pytest.raises(InvalidInput, match=r"column a\. Can not safely convert int64 to float64\."):
        enforce_schema(pd.DataFrame({"a": [5]}), Schema([ColSpec("double", "a")]))


def test_an_error_that_missing_values_caused_says_so() -> None:
    with pytest.raises(InvalidInput, match="Missing values made this a column of floats"):
        enforce_schema(pd.DataFrame({"a": [5, None]}), Schema([ColSpec("long", "a")]))


def test_a_nullable_column_stays_one_where_nulls_are_allowed() -> None:
    frame = pd.DataFrame({"a": pd.array([5, None], dtype="Int64")})
    kept = enforce_schema(frame, Schema([ColSpec("long", "a", required=False)]))
    pd.testing.assert_frame_equal(kept, frame)
    with pytest.raises(InvalidInput, match="Can not safely convert Int64 to int64"):
        enforce_schema(frame, Schema([ColSpec("long", "a")]))


@pytest.mark.parametrize("columns", [["a", "b"], ["b", "a"]])
def test_data_that_fits_is_neither_copied_nor_the_callers_frame(columns: list[str]) -> None:
    frame = pd.DataFrame({"a": [5], "b": [1.5]})
    types = {"a": "long", "b": "double"}
    enforced = enforce_schema(frame, Schema([ColSpec(types[name], name) for name in columns]))
    assert list(enforced) == columns
    assert np.shares_memory(enforced["b"].to_numpy(), frame["b"].to_numpy())
    enforced["c"] = 1
    assert list(frame) == ["a", "b"]


THING = Object([Property("x", "long"), Property("y", "string", required=False)])


@pytest.mark.parametrize(
    ("dtype", "cell", "expected"),
    [
        (Array("double"), [1, 2.5], [1.0, 2.5]),
        (Array("double"), [], []),
        (Array("long"), [np.int32(3)], [3]),
        (Array("string"), ["a", None], ["a", None]),
        (Array(Array("long")), [[1], [2]], [[1], [2]]),
        (THING, {"x": 1}, {"x": 1}),
        (THING, {"x": 1, "y": None}, {"x": 1, "y": None}),
        (Array(THING), [{"x": 1}, {"x": 2, "y": "s"}], [{"x": 1}, {"x": 2, "y": "s"}]),
        (Map("long"), {"k": 1}, {"k": 1}),
        (AnyType(), [1, "x"], [1, "x"]),
    ],
)
def test_nested_cells_are_checked_inside(dtype: Any, cell: Any, expected: Any) -> None:
    frame = pd.DataFrame({"a": pd.Series([cell], dtype=object)})
    assert enforce_schema(frame, Schema([ColSpec(dtype, "a")]))["a"].iloc[0] == expected


@pytest.mark.parametrize(
    ("dtype", "cell", "message"),
    [
        (Array("double"), 3, "Expected data to be list or numpy array, got int"),
        (Array("double"), ["a"], "item 0: Can not safely convert 'a'"),
        (Array("long"), [1.5], "Can not safely convert 1.5"),
        (THING, {"y": "s"}, r"Missing required properties: \{'x'\}"),
        (THING, {"x": 1, "z": 2}, r"Invalid properties not defined in the schema found: \{'z'\}"),
        (THING, {"x": "1"}, "property 'x'"),
        (THING, 3, "Can not safely convert 3"),
        (Map("long"), {1: 1}, "keys of a map are strings"),
        (Map("long"), {"k": 1.5}, "key 'k'"),
    ],
)
def test_an_error_inside_a_cell_says_where(dtype: Any, cell: Any, message: str) -> None:
    frame = pd.DataFrame({"a": pd.Series([cell], dtype=object)})
    with pytest.raises(InvalidInput, match=f"Column 'a', row 0.*{message}"):
        enforce_schema(frame, Schema([ColSpec(dtype, "a")]))


def test_an_optional_nested_column_may_hold_none() -> None:
    frame = pd.DataFrame({"a": pd.Series([None, [1.5]], dtype=object)})
    enforced = enforce_schema(frame, Schema([ColSpec(Array("double"), "a", required=False)]))
    assert enforced["a"].tolist() == [None, [1.5]]


@pytest.mark.parametrize(
    ("data", "cells"),
    [({"a": [1, 2]}, [[1, 2]]), ({"a": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]), ([{"a": [1, 2]}], [[1, 2]])],
)
def test_a_dict_is_one_row_or_many_as_the_depth_of_its_lists_says(data: Any, cells: Any) -> None:
    assert enforce_schema(data, Schema([ColSpec(Array("long"), "a")]))["a"].tolist() == cells


@pytest.mark.parametrize("data", [[[1, 2], [3, 4]], [[1, 2], [3]]])
def test_a_list_of_lists_is_a_column_of_arrays_where_one_is_declared(data: Any) -> None:
    assert enforce_schema(data, Schema([ColSpec(Array("long"))]))[0].tolist() == data
