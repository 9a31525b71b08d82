"""What a model with a signature of columns accepts, and what it gets: sections 9.1 to 9.3."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.models import frames
from mlkeep.models.enforcement import Enforcement, enforce_schema
from mlkeep.models.schema import Array, ColSpec, DataType, Schema
from tests.unit.models.enforcement_cases import (
    CATEGORIES,
    COLUMNS,
    CONTAINERS,
    NAMED,
    NESTED,
    OPTIONAL,
    WITH_A_ZONE,
    Case,
    Column,
    Refused,
    plain,
)

MIXED = pd.DataFrame(
    {
        "i": np.array([1, 2], "i4"),
        "l": [3, 4],
        "d": [1.5, 2.5],
        "s": ["x", "y"],
        "o": pd.Series([[1], []], dtype=object),
    }
)


def of(dtype: Any, *, required: bool = True) -> Schema:
    return Schema([ColSpec(dtype, "a", required=required)])


def told(column: pd.Series[Any]) -> tuple[Any, list[Any]]:
    """A column's type and values, with None for every null."""
    return column.dtype, [None if value is None or value is pd.NA else value for value in column.tolist()]


def same(found: list[Any], expected: list[Any]) -> bool:
    """Whether the values are the same, NaN and None among them."""
    return pd.Series(found, dtype=object).equals(pd.Series(expected, dtype=object))


@pytest.mark.parametrize("case", [*CONTAINERS, *NESTED], ids=lambda case: case.name)
def test_data_comes_in_the_form_the_schema_declares(case: Case) -> None:
    if isinstance(case.expected, Refused):
        with pytest.raises(InvalidInput, match=case.expected.message):
            enforce_schema(case.data, case.schema)
    else:
        assert plain(enforce_schema(case.data, case.schema)) == case.expected


@pytest.mark.parametrize("wanted", [dtype.name for dtype in DataType])
@pytest.mark.parametrize("given", COLUMNS)
def test_a_column_is_cast_only_where_no_digit_can_be_lost(given: str, wanted: str) -> None:
    _check(COLUMNS[given], wanted)


@pytest.mark.parametrize("wanted", [dtype.name for dtype in DataType])
def test_times_in_a_zone_keep_it(wanted: str) -> None:
    _check(WITH_A_ZONE, wanted)


@pytest.mark.parametrize("given", CATEGORIES)
def test_categories_stay_categories_if_their_values_fit(given: str) -> None:
    column = CATEGORIES[given]
    for wanted in column.as_given.split():
        _check(column, wanted)
    with pytest.raises(InvalidInput, match="column a"):
        enforce_schema(pd.DataFrame({"a": column.values}), of("datetime"))


def test_categories_widen_as_columns_do() -> None:
    frame = pd.DataFrame({"a": pd.Categorical(np.array([5, 7, 5], "i4"))})
    found = enforce_schema(frame, of("double"))["a"]
    assert (found.cat.categories.tolist(), found.cat.codes.tolist()) == ([5.0, 7.0], [0, 1, 0])


def _check(column: Column, wanted: str) -> None:
    frame = pd.DataFrame({"a": column.values})
    accepted = column.accepted()
    if wanted not in accepted:
        with pytest.raises(InvalidInput, match=r"column a\. Can not safely convert"):
            enforce_schema(frame, of(wanted))
        return
    dtype, values = accepted[wanted]
    found = enforce_schema(frame, of(wanted))["a"]
    assert found.dtype == dtype
    assert same(found.tolist(), values)


@pytest.mark.parametrize("wanted", [dtype.name for dtype in DataType])
@pytest.mark.parametrize("given", OPTIONAL)
def test_a_column_that_may_have_nulls_keeps_whole_numbers_whole(given: str, wanted: str) -> None:
    values, accepted = OPTIONAL[given]
    frame = pd.DataFrame({"a": values})
    if wanted not in accepted:
        with pytest.raises(InvalidInput, match=r"column a\. Can not safely convert"):
            enforce_schema(frame, of(wanted, required=False))
        return
    dtype, expected = accepted[wanted]
    found = enforce_schema(frame, of(wanted, required=False))["a"]
    assert str(found.dtype) == dtype
    assert [None if pd.isna(value) else value for value in found.tolist()] == expected


@pytest.mark.parametrize("text", ['[{"a": 5, "b": 1.5}, {"a": null, "b": null}]', '[{"a": null, "b": null}]'])
def test_rows_of_json_with_a_missing_whole_number_fit(text: str) -> None:
    schema = Schema([ColSpec("long", "a", required=False), ColSpec("double", "b", required=False)])
    found = enforce_schema(json.loads(text), schema)
    assert [str(dtype) for dtype in found.dtypes] == ["Int64", "float64"]
    assert found["a"].tolist()[-1] is pd.NA


def test_the_error_names_the_column_and_both_types() -> None:
    with pytest.raises(InvalidInput, match=r"column a\. Can not safely convert int64 to float64\."):
        enforce_schema(pd.DataFrame({"a": [5]}), of("double"))


def test_an_error_that_missing_values_caused_says_so() -> None:
    with pytest.raises(InvalidInput, match="Missing values made this a column of floats"):
        enforce_schema(pd.DataFrame({"a": [5, None]}), of("long"))


@pytest.mark.parametrize(
    ("values", "wanted", "way_out"),
    [
        ([5], "double", r"convert the column with astype\('float64'\) before predicting"),
        ([1.5], "long", r"convert the column with astype\('int64'\) before predicting"),
        (["1"], "long", r"convert it with pandas\.to_numeric"),
        ([5], "datetime", r"convert it with pandas\.to_datetime"),
        (pd.array([5, None], dtype="Int64"), "long", r"Values are missing: declare it as optional \(required=False\)"),
        ([5], "string", r"int64 to .*\.$"),
        ([1], "boolean", r"int64 to bool\.$"),
    ],
)
def test_the_error_says_what_to_do(values: Any, wanted: str, way_out: str) -> None:
    with pytest.raises(InvalidInput, match=way_out):
        enforce_schema(pd.DataFrame({"a": values}), of(wanted))


def test_an_error_inside_a_cell_says_where() -> None:
    frame = pd.DataFrame({"a": pd.Series([[1.5], ["a"]], dtype=object)})
    with pytest.raises(InvalidInput, match=r"Column 'a', row 1, item 0: Can not safely convert 'a'"):
        enforce_schema(frame, of(Array("double")))


def test_a_column_that_is_there_twice_is_refused() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "z", "a"])
    with pytest.raises(InvalidInput, match="several columns 'a'"):
        enforce_schema(frame, NAMED)
    twice_unnamed = pd.DataFrame([[1, 2, 3]], columns=["a", "z", "z"])
    assert enforce_schema(twice_unnamed, NAMED).to_dict("records") == [{"a": 1}]


def test_data_that_fits_is_neither_copied_nor_the_callers_frame() -> None:
    frame = pd.DataFrame({"a": [5], "b": [1.5]})
    enforced = enforce_schema(frame, Schema([ColSpec("long", "a"), ColSpec("double", "b")]))
    assert np.shares_memory(enforced["b"].to_numpy(), frame["b"].to_numpy())
    enforced["c"] = 1
    assert list(frame) == ["a", "b"]


@pytest.mark.parametrize("types", [["double", "long"], ["double", "double"]])
def test_a_model_that_writes_into_what_it_gets_does_not_write_into_its_callers_frame(types: list[str]) -> None:
    frame = pd.DataFrame({"a": np.array([1, 2], "i4" if types[1] == "double" else "i8"), "b": [1.5, 2.5]})
    before = frame.copy()
    enforced = enforce_schema(frame, Schema([ColSpec(types[0], "b"), ColSpec(types[1], "a")]))
    enforced.iloc[0, :] = 9
    enforced["b"] += 1
    pd.testing.assert_frame_equal(frame, before)


def test_rows_keep_their_labels() -> None:
    frame = pd.DataFrame({"b": [1.5, 2.5], "a": [1, 2]}, index=pd.Index(["p", "q"], name="id"))
    found = enforce_schema(frame, Schema([ColSpec("long", "a"), ColSpec("double", "b")]))
    pd.testing.assert_frame_equal(found, frame[["a", "b"]])


def test_a_schema_none_of_whose_columns_is_there_gives_rows_without_columns() -> None:
    found = enforce_schema(pd.DataFrame({"z": [1, 2]}), of("long", required=False))
    assert found.shape == (2, 0)


def test_one_enforcement_serves_frames_of_all_kinds(caplog: pytest.LogCaptureFixture) -> None:
    """It remembers what the last frame needed, and must not take another one for it."""
    enforce = Enforcement(Schema([ColSpec("long", "a"), ColSpec("double", "b")]))
    good = {"a": [1], "b": [1.5]}
    expected = [{"a": 1, "b": 1.5}]
    kinds: list[Any] = [
        pd.DataFrame(good),
        pd.DataFrame({"b": [1.5], "a": [1]}),
        pd.DataFrame({**good, "z": [0]}),
        pd.DataFrame({"a": np.array([1], "i4"), "b": np.array([1.5], "f4")}),
        pd.DataFrame({"a": pd.array([1], dtype="Int64"), "b": [1.5]}),
        good,
        [{"a": 1, "b": 1.5}],
    ]
    bad: list[Any] = [
        pd.DataFrame({"a": ["1"], "b": [1.5]}),
        pd.DataFrame({"A": [1], "b": [1.5]}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1.5, 1.5]}),
    ]
    with caplog.at_level(logging.WARNING):
        for one in [*kinds, *reversed(kinds)]:
            assert enforce(one).to_dict("records") == expected
            assert enforce(one).to_dict("records") == expected
            for other in bad:
                with pytest.raises(InvalidInput):
                    enforce(other)
    assert "Dropping columns ['z']" in caplog.text


class TestAnotherPandas:
    """What is used of pandas' own functions may be gone one day: the public ways give the same."""

    @pytest.fixture(params=["its own functions", "public functions"])
    def _ways(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if request.param == "public functions":
            monkeypatch.delattr(pd.DataFrame, "_get_column_array")
            monkeypatch.setattr(pd.DataFrame, "_from_arrays", None)
            monkeypatch.setattr(
                frames, "dtypes_of", lambda frame: frame.dtypes.tolist()
            )  # without `_mgr` pandas itself does nothing

    @pytest.mark.usefixtures("_ways")
    def test_frames_are_taken_apart_and_made_anew(self) -> None:
        arrays = [frames.column_of(MIXED, position).copy() for position in (2, 0, 3, 4)]
        made = frames.frame_of(arrays, pd.Index(["d", "i", "s", "o"]), MIXED.index)
        pd.testing.assert_frame_equal(made, MIXED[["d", "i", "s", "o"]])
        assert frames.dtypes_of(made) == made.dtypes.tolist()
