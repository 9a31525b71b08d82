"""Whatever is sent, it is read or refused: no body makes the server itself fail."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkeep.core.errors import BadRequest
from mlkeep.models.datatypes import Array, DataType, Map, Object, Property
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.serving.readers import reader_for
from mlkeep.serving.tables import table_of_records, table_of_split

SCHEMAS = {
    "none": None,
    "doubles": Schema([ColSpec("double", "a"), ColSpec("double", "b")]),
    "floats": Schema([ColSpec("float"), ColSpec("float")]),
    "one text": Schema([ColSpec("string")]),
    "required": Schema([ColSpec(kind.name, name) for kind, name in zip(DataType, "abcdefgh", strict=True)]),
    "optional": Schema(
        [ColSpec(kind.name, name, required=False) for kind, name in zip(DataType, "abcdefgh", strict=True)]
    ),
    "nested": Schema(
        [
            ColSpec(Array(DataType.double), "a"),
            ColSpec(Map(DataType.float), "b"),
            ColSpec(Object([Property("a", "double")]), "c"),
        ]
    ),
    "tensor": Schema([TensorSpec(np.dtype("float32"), (-1, 2))]),
    "whole tensor": Schema([TensorSpec(np.dtype("int8"), (-1,))]),
    "named tensors": Schema(
        [
            TensorSpec(np.dtype(name), (-1,), key)
            for name, key in zip(("uint8", "bool", "str", "object"), "abcd", strict=True)
        ]
    ),
}
names = st.sampled_from("abcdefgz")
cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just("2020-01-01")
values = st.recursive(
    cells, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
records = st.lists(st.dictionaries(names, values, max_size=4), max_size=3)
tables = st.integers(0, 3).flatmap(
    lambda width: st.fixed_dictionaries(
        {"data": st.lists(st.lists(values, min_size=width, max_size=width), max_size=3)},
        optional={
            "columns": st.lists(names, min_size=width, max_size=width, unique=True),
            "index": st.lists(values, max_size=3),
        },
    )
)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of numpy and pandas, about guesses of formats
@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@given(value=values | records, table=values | tables)
def test_every_body_is_read_or_refused(schema: Schema | None, value: Any, table: Any) -> None:
    reader = reader_for(schema)
    with suppress(BadRequest):
        reader.inputs(value)
    with suppress(BadRequest):
        reader.instances(value)
    with suppress(BadRequest):
        reader.table(table_of_records(value))
    with suppress(BadRequest):
        reader.table(table_of_split(table))
