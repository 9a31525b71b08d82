"""What a model with tensors or parameters in its signature accepts, and what it gets: sections 9.4 and 9.5."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mlkeep.core.errors import InvalidInput
from mlkeep.models.enforcement import enforce_params, enforce_schema
from mlkeep.models.schema import ParamSchema, ParamSpec, Schema, TensorSpec

ONE = Schema([TensorSpec(np.dtype("float32"), (-1, 3))])
TWO = Schema([TensorSpec(np.dtype("float32"), (-1, 2), "x"), TensorSpec(np.dtype("int64"), (-1,), "y")])
ZEROS = np.zeros((2, 3), dtype="float32")


def test_an_array_that_fits_is_handed_on_as_it_is() -> None:
    assert enforce_schema(ZEROS, ONE) is ZEROS


def test_a_sparse_matrix_is_checked_like_an_array() -> None:
    matrix = sparse.csr_matrix(ZEROS)
    assert enforce_schema(matrix, ONE) is matrix


def test_a_frame_becomes_an_array() -> None:
    np.testing.assert_array_equal(enforce_schema(pd.DataFrame(ZEROS), ONE), ZEROS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ZEROS.astype("float64"), "dtype of input float64 does not match expected dtype float32"),
        (ZEROS.astype("int32"), "dtype of input int32 does not match expected dtype float32"),
        (pd.DataFrame(ZEROS.astype("float64")), "dtype of input float64"),
        (np.zeros((2, 4), "float32"), r"Shape of input \(2, 4\) does not match expected shape \(-1, 3\)\."),
        (np.zeros(3, "float32"), r"Shape of input \(3,\) does not match expected shape \(-1, 3\)\."),
        (ZEROS.tolist(), "takes a numpy array of float32 .* found list"),
        ({"a": ZEROS}, "found dict"),
        (None, "found NoneType"),
    ],
)
def test_an_array_of_another_type_or_shape_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        enforce_schema(data, ONE)


def test_named_tensors_come_as_a_dict_without_extras() -> None:
    x, y = np.zeros((2, 2), "float32"), np.array([1, 2])
    enforced = enforce_schema({"x": x, "y": y, "z": y}, TWO)
    assert list(enforced) == ["x", "y"]
    assert enforced["x"] is x
    assert enforced["y"] is y


def test_columns_of_lists_are_stacked_and_cast() -> None:
    frame = pd.DataFrame({"x": [[0.0, 1.0], [1.0, 2.0]], "y": [1.5, 2.0]})
    enforced = enforce_schema(frame, TWO)
    assert {name: (array.dtype.name, array.tolist()) for name, array in enforced.items()} == {
        "x": ("float32", [[0.0, 1.0], [1.0, 2.0]]),
        "y": ("int64", [1, 2]),
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": np.zeros((2, 2), "float32")}, r"Model is missing inputs \['y'\]\."),
        (ZEROS, r"Model is missing inputs \['x', 'y'\]\."),
        ({"x": [[0.0, 1.0]], "y": [1]}, "tensor 'x', so it takes a numpy array"),
        (pd.DataFrame({"x": [1], "y": [1]}), "Column 'x' cannot be stacked"),
    ],
)
def test_named_tensors_that_are_missing_or_no_arrays_are_refused(data: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        enforce_schema(data, TWO)


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        ("str", np.array(["abc"]), True),
        ("str", np.array(["abc"], dtype=object), False),
        ("object", np.array(["abc"]), True),
        ("bytes", np.array([b"abc"]), True),
        ("datetime64[ns]", np.array(["2026-01-01"], "datetime64[D]"), False),
    ],
)
def test_the_length_of_text_is_not_part_of_its_type(wanted: str, given: Any, fits: bool) -> None:
    schema = Schema([TensorSpec(np.dtype(wanted), (-1,))])
    if fits:
        assert enforce_schema(given, schema) is given
    else:
        with pytest.raises(InvalidInput, match="dtype of input"):
            enforce_schema(given, schema)


PARAMS = ParamSchema(
    [
        ParamSpec("long", "long", 1),
        ParamSpec("double", "double", 1.5),
        ParamSpec("text", "string", "a"),
        ParamSpec("flag", "boolean", True),
        ParamSpec("when", "datetime", dt.date(2026, 1, 1)),
        ParamSpec("list", "double", [1.0], (-1,)),
    ]
)
DEFAULTS = {"long": 1, "double": 1.5, "text": "a", "flag": True, "when": dt.date(2026, 1, 1), "list": [1.0]}


def test_defaults_stand_in_for_what_is_not_given() -> None:
    assert enforce_params(None, PARAMS) == DEFAULTS
    assert enforce_params({"long": 7}, PARAMS) == {**DEFAULTS, "long": 7}


def test_what_the_schema_does_not_name_is_dropped() -> None:
    assert enforce_params({"zz": 1}, PARAMS) == DEFAULTS
    assert enforce_params({"zz": 1}, None) == {}


@pytest.mark.parametrize(
    ("name", "given", "cast"),
    [
        ("long", np.int32(3), 3),
        ("double", 3, 3.0),
        ("double", np.float32(0.5), 0.5),
        ("when", "2026-02-03", dt.date(2026, 2, 3)),
        ("when", np.datetime64("2026-02-03"), dt.date(2026, 2, 3)),
        ("list", np.array([1, 2]), [1.0, 2.0]),
        ("flag", None, None),
    ],
)
def test_params_are_cast_without_loss(name: str, given: Any, cast: Any) -> None:
    found = enforce_params({name: given}, PARAMS)[name]
    assert (found, type(found)) == (cast, type(cast))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("long", 5.0),
        ("long", "5"),
        ("long", True),
        ("double", "1"),
        ("text", 1),
        ("flag", 1),
        ("flag", "true"),
        ("when", "soon"),
        ("list", (1.0,)),
        ("list", 1.0),
        ("list", ["a"]),
    ],
)
def test_a_param_of_another_type_is_refused_by_name(name: str, given: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"Invalid parameters found: \{{\('{name}'"):
        enforce_params({name: given}, PARAMS)


def test_params_are_a_dict() -> None:
    with pytest.raises(InvalidInput, match=r"Parameters must be a dictionary\. Got type 'str'\."):
        enforce_params("x", PARAMS)  # type: ignore[arg-type]  # what a script may do
