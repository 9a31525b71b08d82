"""Schemas are written as MLflow writes them, and read back equal."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.models.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    SparkMLVector,
    TensorSpec,
)
from mlkeep.models.signature import ModelSignature

NESTED = Object([Property("q", Array("long"), required=False), Property("p", "string")])

SCHEMAS: dict[str, tuple[Schema, list[dict[str, Any]]]] = {
    "named columns": (
        Schema([ColSpec("long", "a"), ColSpec(DataType.string, "b", required=False)]),
        [{"type": "long", "name": "a", "required": True}, {"type": "string", "name": "b", "required": False}],
    ),
    "columns of a frame without names": (
        Schema([ColSpec("double", 0)]),
        [{"type": "double", "name": 0, "required": True}],
    ),
    "unnamed column": (Schema([ColSpec("datetime")]), [{"type": "datetime", "required": True}]),
    "array": (
        Schema([ColSpec(Array(Array("float")), "a")]),
        [{"type": "array", "items": {"type": "array", "items": {"type": "float"}}, "name": "a", "required": True}],
    ),
    "object, sorted by name": (
        Schema([ColSpec(NESTED, "o")]),
        [
            {
                "type": "object",
                "properties": {
                    "p": {"type": "string", "required": True},
                    "q": {"type": "array", "items": {"type": "long"}, "required": False},
                },
                "name": "o",
                "required": True,
            }
        ],
    ),
    "map": (
        Schema([ColSpec(Map("boolean"), "m")]),
        [{"type": "map", "values": {"type": "boolean"}, "name": "m", "required": True}],
    ),
    "any": (Schema([ColSpec(AnyType())]), [{"type": "any", "required": True}]),
    "Spark's vector": (
        Schema([ColSpec(SparkMLVector(), "v")]),
        [{"type": "sparkml_vector", "name": "v", "required": True}],
    ),
    "unnamed tensor": (
        Schema([TensorSpec(np.dtype("float32"), (-1, 28, 28))]),
        [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}],
    ),
    "named tensors": (
        Schema([TensorSpec(np.dtype("<U7"), (-1,), "s"), TensorSpec(np.dtype("datetime64[D]"), (-1,), "t")]),
        [
            {"name": "s", "type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}},
            {"name": "t", "type": "tensor", "tensor-spec": {"dtype": "datetime64[D]", "shape": [-1]}},
        ],
    ),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_written_as_mlflow_does_and_reads_back_equal(name: str) -> None:
    schema, described = SCHEMAS[name]
    assert json.loads(schema.to_json()) == described
    assert Schema.from_json(schema.to_json()) == schema


def test_a_column_without_required_is_required() -> None:
    assert Schema.from_json('[{"type": "long", "name": "a"}]') == Schema([ColSpec("long", "a", required=True)])


def test_parameters_are_written_as_mlflow_does_and_read_back_equal() -> None:
    schema = ParamSchema(
        [
            ParamSpec("n", "integer", np.int32(3)),
            ParamSpec("list", DataType.double, [1, 2.5], (-1,)),
            ParamSpec("when", "datetime", dt.datetime(2026, 1, 2, 3)),  # noqa: DTZ001 - times of models have no zone
            ParamSpec("options", Object([Property("x", "long")]), {"x": 1}),
        ]
    )
    assert json.loads(schema.to_json()) == [
        {"name": "n", "default": 3, "shape": None, "type": "integer"},
        {"name": "list", "default": [1.0, 2.5], "shape": [-1], "type": "double"},
        {"name": "when", "default": "2026-01-02T03:00:00", "shape": None, "type": "datetime"},
        {
            "name": "options",
            "default": {"x": 1},
            "shape": None,
            "type": "object",
            "properties": {"x": {"type": "long", "required": True}},
        },
    ]
    assert ParamSchema.from_json(schema.to_json()) == schema


def test_a_signature_prints_as_mlflow_prints_it() -> None:
    signature = ModelSignature(inputs=Schema([ColSpec("long", "a"), ColSpec("string", "b", required=False)]))
    assert repr(signature) == (
        "inputs: \n  ['a': long (required), 'b': string (optional)]\noutputs: \n  None\nparams: \n  None\n"
    )


def test_a_signature_may_lack_params() -> None:
    described = {"inputs": '[{"type": "long"}]', "outputs": None}
    assert ModelSignature.from_dict(described) == ModelSignature(inputs=Schema([ColSpec("long")]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Schema([]),
        lambda: Schema([ColSpec("long"), ColSpec("long", "a")]),
        lambda: Schema([ColSpec("long", "a"), TensorSpec(np.dtype("int8"), (-1,), "b")]),
        lambda: Schema([TensorSpec(np.dtype("int8"), (-1,)), TensorSpec(np.dtype("int8"), (-1,))]),
        lambda: Schema([ColSpec("long", required=False)]),
        lambda: ColSpec("whole"),
        lambda: Object([]),
        lambda: Object([Property("a", "long"), Property("a", "string")]),
        lambda: ParamSpec("n", "long", "many"),
        lambda: ParamSpec("n", "long", [1, 2]),
        lambda: ParamSpec("n", "long", 1, (-1,)),
        lambda: ParamSpec("n", "binary", b"x"),
        lambda: ParamSchema([ParamSpec("n", "long", 1), ParamSpec("n", "long", 2)]),
        lambda: Schema.from_json("{}"),
        lambda: Schema.from_json('[{"type": "whole"}]'),
        lambda: Schema.from_json('[{"type": "tensor"}]'),
        lambda: ParamSchema.from_json('[{"name": "n"}]'),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()


def test_a_signature_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs inputs, outputs or params"):
        ModelSignature()
