"""Schemas from dataclasses, and to and from the small pieces scripts know."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass, field, make_dataclass
from typing import Any, Optional, Union

import numpy as np
import pytest

from mlkeep.core.errors import InvalidInput, NotInstalled
from mlkeep.types import ParamSpec, Schema, TensorSpec
from mlkeep.types.schema import (
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    Property,
    SparkMLVector,
    TensorInfo,
    convert_dataclass_to_schema,
)


@dataclass
class Point:
    x: int
    label: Optional[str] = None  # noqa: UP045 - as scripts have it


@dataclass
class Everything:
    flag: bool
    count: int
    share: float
    name: str
    raw: bytes
    point: Point
    numbers: list[int] = field(default_factory=list)
    points: list[Point] | None = None
    maybe: int | None = None


POINT = Object([Property("x", "long"), Property("label", "string", required=False)])


def test_a_dataclass_is_a_schema() -> None:
    expected = Schema(
        [
            ColSpec("boolean", "flag"),
            ColSpec("long", "count"),
            ColSpec("double", "share"),
            ColSpec("string", "name"),
            ColSpec("binary", "raw"),
            ColSpec(POINT, "point"),
            ColSpec(Array("long"), "numbers"),
            ColSpec(Array(POINT), "points", required=False),
            ColSpec("long", "maybe", required=False),
        ]
    )
    assert convert_dataclass_to_schema(Everything) == expected
    assert convert_dataclass_to_schema(Point(1)) == convert_dataclass_to_schema(Point)


@pytest.mark.parametrize(
    "hint",
    [Any, list, list[list[int]], list[Optional[int]], dict[str, int], Union[int, str], int | str | None, dt.datetime],  # noqa: UP007, UP045 - as above
)
def test_a_field_of_a_type_that_no_schema_has_is_named(hint: Any) -> None:
    with pytest.raises(InvalidInput, match="'f' of the dataclass Bad"):
        convert_dataclass_to_schema(make_dataclass("Bad", [("f", hint)]))


def test_what_is_no_dataclass_is_refused() -> None:
    with pytest.raises(TypeError, match="int is not a dataclass"):
        convert_dataclass_to_schema(int)
    with pytest.raises(InvalidInput, match="at least one column"):
        convert_dataclass_to_schema(make_dataclass("Empty", []))


@pytest.mark.parametrize("given", [Array("long"), POINT, Map(Array("double")), SparkMLVector()], ids=repr)
def test_types_are_read_from_their_json(given: Any) -> None:
    assert type(given).from_json_dict(**given.to_dict()) == given


def test_json_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidInput, match="which is no Map"):
        Map.from_json_dict(type="array", items={"type": "long"})
    with pytest.raises(InvalidInput, match="unknown type"):
        Array.from_json_dict(type="array")


def test_properties_are_read_from_their_json() -> None:
    assert Property.from_json_dict(x={"type": "long", "required": False}) == Property("x", "long", required=False)
    for bad in ({"x": {"type": "long"}, "y": {"type": "long"}}, {"x": 1}, {}):
        with pytest.raises(InvalidInput, match="described by its name"):
            Property.from_json_dict(**bad)
    with pytest.raises(InvalidInput, match="described by its name"):
        Object.from_json_dict(type="object", properties={"x": 1})


def test_a_tensor_has_a_type_and_a_shape() -> None:
    info = TensorInfo(np.dtype("float32"), (-1, 3))
    assert info.to_dict() == {"dtype": "float32", "shape": (-1, 3)}
    assert repr(TensorInfo.from_json_dict(dtype="float32", shape=[-1, 3])) == repr(info)


def test_params_are_checked_one_by_one() -> None:
    spec = ParamSpec("p", "long", 1)
    assert ParamSpec.validate_param_spec(np.int32(5), spec) == 5
    assert ParamSpec.validate_type_and_shape("p", [1], DataType.double, (-1,)) == [1.0]
    with pytest.raises(InvalidInput, match="parameter 'p'"):
        ParamSpec.validate_param_spec("a", spec)
    with pytest.raises(InvalidInput, match="parameter 'p'"):
        ParamSpec.validate_type_and_shape("p", "a", DataType.long, None)


def test_tensors_have_no_schema_of_spark() -> None:
    with pytest.raises(InvalidInput, match="tensors"):
        Schema([TensorSpec(np.dtype("float32"), (-1,))]).as_spark_schema()


def test_without_spark_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql.types", None)
    for ask in (Schema([ColSpec("long", "a")]).as_spark_schema, DataType.long.to_spark):
        with pytest.raises(NotInstalled, match=r"mlkeep\[spark\]"):
            ask()
