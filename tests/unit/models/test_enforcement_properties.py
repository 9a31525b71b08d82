"""Whatever a signature was inferred from fits it, and comes through with its values."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlkeep.models import infer_signature
from mlkeep.models.enforcement import Enforcement, enforce_schema
from mlkeep.models.schema import AnyType, Schema
from tests.unit.models.enforcement_cases import plain

WORDS = st.text("abc é\n", max_size=4)
WHOLE = st.integers(-(2**31), 2**31 - 1)
TIMES = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1))  # noqa: DTZ001 - times of models have no zone
CELLS = st.recursive(
    st.one_of(WORDS, WHOLE, st.floats(allow_nan=False)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)


def columns(rows: int) -> st.SearchStrategy[Any]:
    """Columns of all types a schema has, as pandas may hold them."""
    numbers = st.sampled_from(["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "f2", "f4", "f8"])
    of_lists = {
        "Int64": WHOLE | st.none(),
        "Int8": st.integers(-128, 127) | st.none(),
        "Float64": st.floats(allow_nan=False) | st.none(),
        "boolean": st.booleans() | st.none(),
        "string": WORDS | st.none(),
        "category": WORDS | st.none(),
        "object": WORDS | st.none(),
        "str": WORDS,
        "int64[pyarrow]": WHOLE | st.none(),
        "datetime64[us]": TIMES | st.none(),
        "datetime64[ns, UTC]": TIMES.map(lambda time: time.replace(tzinfo=dt.UTC)) | st.none(),
    }
    made = [
        st.lists(values, min_size=rows, max_size=rows).map(lambda cells, kind=kind: pd.Series(cells, dtype=kind))  # type: ignore[misc]  # a lambda with a default
        for kind, values in of_lists.items()
    ]
    objects = [
        WHOLE | st.none(),
        st.booleans() | st.none(),
        TIMES,
        st.binary(max_size=3),
        st.dates(dt.date(1700, 1, 1), dt.date(2250, 1, 1)),
        CELLS,
    ]
    made += [
        st.lists(values, min_size=rows, max_size=rows).map(lambda cells: pd.Series(cells, dtype=object))
        for values in objects
    ]
    return st.one_of(numbers.flatmap(lambda kind: arrays.arrays(np.dtype(kind), rows)).map(pd.Series), *made)


FRAMES = st.integers(1, 4).flatmap(
    lambda rows: st.dictionaries(st.sampled_from(["a", "b", "c", 0]), columns(rows), min_size=1).map(pd.DataFrame)
)


def schema_of(data: Any) -> Schema:
    schema = infer_signature(data).inputs
    assert schema is not None
    return schema


def values_of(frame: pd.DataFrame) -> list[list[Any]]:
    """The values of each column, with None for every null, and times without their unit."""

    def value(cell: Any) -> Any:
        if isinstance(cell, (list, dict, np.ndarray)):
            return repr(plain(cell))
        if pd.isna(cell):
            return None
        return pd.Timestamp(cell) if isinstance(cell, dt.date) else plain(cell)

    return [[value(cell) for cell in frame[name].tolist()] for name in frame]


@given(FRAMES)
@settings(deadline=None, max_examples=150)
def test_a_frame_fits_the_schema_that_was_inferred_from_it(frame: pd.DataFrame) -> None:
    schema = schema_of(frame)
    if isinstance(schema.inputs[0].type, AnyType) and schema.inputs[0].name is None:
        return  # no schema can describe it
    before = values_of(frame)
    assert values_of(enforce_schema(frame, schema)) == before
    assert values_of(frame) == before
    assert Schema.from_json(schema.to_json()) == schema
    backwards = frame[list(reversed(frame.columns.tolist()))]
    assert values_of(enforce_schema(backwards, schema)) == before


@given(arrays.arrays(st.sampled_from(["f4", "i8", "bool", "U3", "S2", "M8[D]"]), arrays.array_shapes(max_dims=3)))
@settings(deadline=None, max_examples=50)
def test_an_array_fits_the_schema_that_was_inferred_from_it(array: Any) -> None:
    assert enforce_schema(array, schema_of(array)) is array
    assert enforce_schema({"x": array}, schema_of({"x": array}))["x"] is array


@given(st.lists(FRAMES, min_size=2, max_size=5), st.randoms())
@settings(deadline=None, max_examples=50)
def test_one_enforcement_does_with_each_frame_what_a_new_one_does(frames: list[pd.DataFrame], dice: Any) -> None:
    schema = schema_of(frames[0])
    enforce = Enforcement(schema)

    def outcome(with_: Any, frame: pd.DataFrame) -> Any:
        try:
            found = with_(frame)
        except Exception as error:  # noqa: BLE001 - compared
            return type(error), str(error)
        return found.dtypes.tolist(), values_of(found)

    for _ in range(6):
        frame = dice.choice(frames)
        assert outcome(enforce, frame) == outcome(Enforcement(schema), frame)


@given(
    st.lists(
        st.fixed_dictionaries({"a": WHOLE, "b": st.floats() | WHOLE, "c": WORDS, "d": st.booleans()}),
        min_size=1,
        max_size=4,
    )
)
@settings(deadline=None, max_examples=50)
def test_rows_become_the_frame_pandas_makes_of_them(rows: list[dict[str, Any]]) -> None:
    """Few rows go another way, which is quicker."""
    expected = pd.DataFrame(rows)
    schema = schema_of(expected)
    pd.testing.assert_frame_equal(enforce_schema(rows, schema), expected)
    pd.testing.assert_frame_equal(enforce_schema(expected.to_dict("list"), schema), expected)
