"""Section by section, what each declared type makes of each value (the scoring protocol's conversion tables)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from mlkeep.core.errors import BadRequest
from mlkeep.models.datatypes import Array, DataType, Object, Property
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.serving.readers import Reader, reader_for
from mlkeep.serving.tables import Table, table_of_records, table_of_split


def one_column(type_name: str, *, required: bool = True) -> Reader:
    return reader_for(Schema([ColSpec(type_name, "c", required=required)]))


def sent_as_split(reader: Reader, *values: Any) -> Any:
    return reader.table(table_of_split({"columns": ["c"], "data": [[value] for value in values]}))


@pytest.mark.parametrize(
    ("type_name", "sent", "received", "dtype"),
    [
        ("boolean", True, True, "bool"),
        ("boolean", 1, True, "bool"),
        ("boolean", "true", True, "bool"),
        ("boolean", "False", False, "bool"),
        ("integer", 1, 1, "int32"),
        ("integer", 1.0, 1, "int32"),
        ("integer", "1", 1, "int32"),
        ("integer", True, 1, "int32"),
        ("long", 2**53 + 1, 2**53 + 1, "int64"),
        ("float", 2, 2.0, "float32"),
        ("double", 2, 2.0, "float64"),
        ("double", "2.5", 2.5, "float64"),
        ("double", True, 1.0, "float64"),
        ("string", "a", "a", "str"),
        ("string", 5, 5, "object"),
        ("binary", "YWJj", b"abc", "object"),
        ("binary", "YW\nJj\n", b"abc", "object"),
        ("datetime", "2020-01-01T01:02:03", pd.Timestamp(2020, 1, 1, 1, 2, 3), "datetime64[us]"),
        ("datetime", 1_577_836_800_000_000_000, pd.Timestamp(2020, 1, 1), "datetime64[ns]"),
    ],
)
def test_a_value_becomes_what_its_column_declares(type_name: str, sent: Any, received: Any, dtype: str) -> None:
    frame = sent_as_split(one_column(type_name), sent)

    assert frame["c"].tolist() == [received]
    assert str(frame["c"].dtype) == dtype


@pytest.mark.parametrize(
    ("type_name", "sent", "complaint"),
    [
        ("boolean", "yes", "'c': row 1 has 'yes', which is not a boolean"),
        ("boolean", 0.5, "'c': row 1 has 0.5, which is not a boolean"),
        ("boolean", None, "'c': row 1 has null"),
        ("integer", 1.5, "'c': row 1 has 1.5, which is not a whole number"),
        ("integer", 2**40, "'c': row 1 has 1099511627776, which is not a whole number between -2147483648 and"),
        ("integer", "x", "'c': row 1 has 'x', which is not a whole number"),
        ("integer", None, "'c': row 1 has null"),
        ("integer", [1], r"'c': row 1 has \[1\], which is not a whole number"),
        ("long", 1.5, "'c': row 1 has 1.5, which is not a whole number"),
        ("long", 2**70, "'c': row 1 has 1180591620717411303424, which is not a whole number"),
        ("long", float("inf"), "'c': row 1 has inf, which is not a whole number"),
        ("float", 1e300, r"'c': row 1 has 1e\+300, which is not a number that fits float32"),
        ("double", "x", "'c': row 1 has 'x', which is not a number"),
        ("double", [1], r"'c': row 1 has \[1\], which is not a number"),
        ("binary", "***", r"'c': row 1 has '\*\*\*', which is not base64"),
        ("binary", 5, "'c': row 1 has 5, which is not base64"),
        ("datetime", "x", "'c': row 1 has 'x', which is not a date or time"),
        ("datetime", 1.5, "'c': row 1 has 1.5, which is not a date or time"),
    ],
)
def test_a_value_that_would_change_is_refused_with_its_column_row_and_value(
    type_name: str, sent: Any, complaint: str
) -> None:
    good = {"binary": "YWJj", "datetime": "2020-01-01"}.get(type_name, 1)

    with pytest.raises(BadRequest, match=complaint):
        sent_as_split(one_column(type_name), good, sent)


def test_null_in_a_floating_point_column_is_nan_and_in_a_time_column_nat() -> None:
    assert math.isnan(sent_as_split(one_column("double"), 1, None)["c"][1])
    assert sent_as_split(one_column("datetime"), "2020-01-01", None)["c"][1] is pd.NaT


def test_null_in_an_optional_column_is_a_missing_value() -> None:
    longs = sent_as_split(one_column("long", required=False), 2**53 + 1, None)["c"]
    booleans = sent_as_split(one_column("boolean", required=False), True, None)["c"]
    binaries = sent_as_split(one_column("binary", required=False), "YWJj", None)["c"]

    assert (str(longs.dtype), longs.tolist()) == ("Int64", [2**53 + 1, pd.NA])
    assert booleans.tolist() == [True, None]
    assert binaries.tolist() == [b"abc", None]


def test_times_with_a_zone_are_left_to_the_check_and_mixed_ones_are_refused() -> None:
    times = one_column("datetime")

    assert str(sent_as_split(times, "2020-01-01T00:00:00Z")["c"].dtype) == "datetime64[us, UTC]"
    with pytest.raises(BadRequest, match="with and without a time zone"):
        sent_as_split(times, "2020-01-01T00:00:00Z", "2020-01-01")


def test_inputs_read_text_columns_as_numpy_does() -> None:
    assert one_column("string").inputs({"c": [1, True, "a"]})["c"].tolist() == ["1", "True", "a"]  # type: ignore[index]
    assert one_column("binary").inputs({"c": ["YWJj"]})["c"].tolist() == [b"YWJj"]  # type: ignore[index]
    times = one_column("datetime").inputs({"c": ["2020-01-01T02:00:00+02:00"]})
    assert times["c"].tolist() == [pd.Timestamp(2020, 1, 1)]  # type: ignore[index]


AB = Schema([ColSpec("double", "a"), ColSpec("double", "b")])
MIXED = Schema([ColSpec(kind.name, kind.name, required=False) for kind in DataType])
ONE_ROW = pd.DataFrame({"a": [1.0], "b": [2.0]})


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(lambda r: r.inputs({"a": [1], "b": [2]}), id="inputs by name"),
        pytest.param(lambda r: r.inputs({"a": 1, "b": 2}), id="inputs of one row"),
        pytest.param(lambda r: r.inputs([{"a": 1, "b": 2}]), id="inputs as rows"),
        pytest.param(lambda r: r.instances([{"a": 1, "b": 2}]), id="instances"),
        pytest.param(lambda r: r.table(table_of_records([{"a": 1, "b": 2}])), id="records"),
        pytest.param(lambda r: r.table(table_of_split({"columns": ["a", "b"], "data": [[1, 2]]})), id="split"),
        pytest.param(lambda r: r.csv("a,b\n1,2\n"), id="csv"),
    ],
)
def test_named_columns_may_come_in_any_format(received: Any) -> None:
    assert_frame_equal(received(reader_for(AB)), ONE_ROW)


def test_columns_keep_the_order_the_index_and_the_strangers_they_were_sent_with() -> None:
    sent = {"columns": ["b", "a", "z"], "index": [7], "data": [[2, 1, 3]]}

    received = reader_for(AB).table(table_of_split(sent))

    assert_frame_equal(received, pd.DataFrame({"b": [2.0], "a": [1.0], "z": [3]}, index=[7]))  # type: ignore[arg-type]


def test_an_index_moves_no_value() -> None:
    sent = {"columns": ["string", "long"], "index": [7, 3], "data": [["x", 1], ["y", None]]}

    received: Any = reader_for(MIXED).table(table_of_split(sent))

    assert received.index.tolist() == [7, 3]
    assert received.to_dict("list") == {"string": ["x", "y"], "long": [1, None]}


def test_rows_without_names_reach_the_check_under_their_positions() -> None:
    assert reader_for(AB).inputs([[1, 2]]).columns.tolist() == [0, 1]  # type: ignore[attr-defined]
    assert reader_for(AB).table(table_of_split({"data": [[1, 2]]})).columns.tolist() == [0, 1]  # type: ignore[attr-defined]


def test_a_single_named_column_takes_a_plain_list() -> None:
    reader = reader_for(Schema([ColSpec("double", "a")]))

    assert_frame_equal(reader.inputs([1, 2]), pd.DataFrame({"a": [1.0, 2.0]}))  # type: ignore[arg-type]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(BadRequest, match=r"same number of values. Got {'a': 2, 'b': 1}"):
        reader_for(AB).inputs({"a": [1, 2], "b": [3]})
    with pytest.raises(BadRequest, match="are not the same: row 1 has no value for 'b'"):
        reader_for(AB).instances([{"a": 1, "b": 2}, {"a": 3}])


def test_unnamed_columns_are_taken_by_position() -> None:
    reader = reader_for(Schema([ColSpec("double"), ColSpec("long")]))
    expected = pd.DataFrame({0: [1.0], 1: [2]})

    assert_frame_equal(reader.inputs([[1, 2]]), expected)  # type: ignore[arg-type]
    assert_frame_equal(reader.instances([[1, 2]]), expected)  # type: ignore[arg-type]
    assert_frame_equal(reader.table(table_of_split({"data": [[1, 2]]})), expected)  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="an un-named model signature"):
        reader.inputs({"a": [1]})
    with pytest.raises(BadRequest, match="Row 1 has 1 values, the rows before have 2"):
        reader.inputs([[1, 2], [3]])


@pytest.mark.parametrize("sent", [["a"], "a", [["a"]]])
def test_an_unnamed_text_takes_one_value_a_list_or_a_column(sent: Any) -> None:
    received = reader_for(Schema([ColSpec("string")])).inputs(sent)

    assert_frame_equal(received, pd.DataFrame({0: ["a"]}))  # type: ignore[arg-type]


def test_integers_inside_nested_doubles_are_made_doubles() -> None:
    schema = Schema([ColSpec(Array(DataType.double), "a"), ColSpec(Object([Property("k", "double")]), "o")])
    received: Any = reader_for(schema).table(table_of_records([{"a": [1, 2.5], "o": {"k": 3}}]))

    assert received.to_dict("list") == {"a": [[1.0, 2.5]], "o": [{"k": 3.0}]}
    assert isinstance(received["a"][0][0], float)


def test_nested_numbers_too_large_for_their_type_are_refused() -> None:
    reader = reader_for(Schema([ColSpec(Array(DataType.float), "a")]))

    with pytest.raises(BadRequest, match=r"1e\+300 does not fit float32"):
        reader.table(table_of_records([{"a": [1e300]}]))


TENSOR = Schema([TensorSpec(np.dtype("float32"), (-1, 2))])


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(lambda r: r.inputs([[1, 2]]), id="inputs"),
        pytest.param(lambda r: r.instances([[1, 2]]), id="instances"),
        pytest.param(lambda r: r.table(table_of_split({"columns": ["q", "z"], "data": [[1, 2]]})), id="split"),
        pytest.param(lambda r: r.table(table_of_split({"columns": ["q"], "data": [[[1, 2]]]})), id="split of lists"),
        pytest.param(lambda r: r.table(table_of_records([{"q": 1, "z": 2}])), id="records"),
        pytest.param(lambda r: r.csv("q,z\n1,2\n"), id="csv"),
    ],
)
def test_a_tensor_may_come_in_any_format(received: Any) -> None:
    array = received(reader_for(TENSOR))

    assert (array.dtype, array.tolist()) == (np.dtype("float32"), [[1.0, 2.0]])


@pytest.mark.parametrize(
    ("dtype", "sent", "complaint"),
    [
        ("float32", [["a", "b"]], "could not convert string to float: 'a'"),
        ("float32", [[1, 2], [3]], "inhomogeneous"),
        ("float32", {"a": [1]}, "an un-named model signature"),
        ("int64", [[1, 2.5]], r"2.5 at position \[0, 1\] is not a whole number"),
        ("uint8", [[1, 300]], r"300 at position \[0, 1\] is not between 0 and 255"),
        ("bool", [[1, 2]], r"2 at position \[0, 1\] is not true or false"),
    ],
)
def test_a_tensor_of_other_values_is_refused(dtype: str, sent: Any, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        reader_for(Schema([TensorSpec(np.dtype(dtype), (-1, 2))])).inputs(sent)


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(lambda r: r.inputs({"x": [[1, 2]], "y": [3], "z": 9}), id="inputs"),
        pytest.param(lambda r: r.instances([{"x": [1, 2], "y": 3}]), id="instances"),
        pytest.param(lambda r: r.table(table_of_records([{"x": [1, 2], "y": 3}])), id="records"),
        pytest.param(lambda r: r.table(table_of_split({"columns": ["x", "y"], "data": [[[1, 2], 3]]})), id="split"),
    ],
)
def test_named_tensors_may_come_in_any_format_and_lose_strangers(received: Any) -> None:
    schema = Schema([TensorSpec(np.dtype("float32"), (-1, 2), "x"), TensorSpec(np.dtype("int64"), (-1,), "y")])

    arrays = received(reader_for(schema))

    assert {name: (str(array.dtype), array.tolist()) for name, array in arrays.items()} == {
        "x": ("float32", [[1.0, 2.0]]),
        "y": ("int64", [3]),
    }


def test_without_a_signature_numpy_and_pandas_decide() -> None:
    plain: Any = reader_for(None)

    assert plain.inputs([[1, 2.5]]).tolist() == [[1.0, 2.5]]
    assert {name: array.tolist() for name, array in plain.inputs({"a": [1], "b": [1, 2]}).items()} == {
        "a": [1],
        "b": [1, 2],
    }
    assert plain.instances([{"a": 1}, {"a": 2}])["a"].tolist() == [1, 2]
    assert plain.inputs([{"a": 1}]) == [{"a": np.array(1)}]
    assert_frame_equal(plain.csv("a,b\n1,x\n"), pd.DataFrame({"a": [1], "b": ["x"]}))
    assert_frame_equal(plain.table(Table(["a"], [[1], [None]])), pd.DataFrame({"a": [1.0, math.nan]}))


def test_csv_cells_are_read_by_their_declared_type() -> None:
    schema = Schema([ColSpec("long", "n"), ColSpec("string", "s"), ColSpec("datetime", "t"), ColSpec("boolean", "b")])
    received: Any = reader_for(schema).csv("b,t,s,n\nTrue,2020-01-01,07,9007199254740993\n")

    assert received.to_dict("records") == [
        {"b": True, "t": pd.Timestamp(2020, 1, 1), "s": "07", "n": 9_007_199_254_740_993}
    ]


def test_a_csv_cell_that_is_no_number_is_named() -> None:
    with pytest.raises(BadRequest, match="'b': row 1 has 'x', which is not a number"):
        reader_for(AB).csv("a,b\n1,2\n1,x\n")
