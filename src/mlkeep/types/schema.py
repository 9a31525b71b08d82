"""Schemas and the types in them, under MLflow's names."""

from mlkeep.models.dataclass_schemas import convert_dataclass_to_schema
from mlkeep.models.schema import (
    AnyType,
    Array,
    BaseType,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    SparkMLVector,
    TensorInfo,
    TensorSpec,
)

ANY_TYPE = "any"
ARRAY_TYPE = "array"
MAP_TYPE = "map"
OBJECT_TYPE = "object"
SPARKML_VECTOR_TYPE = "sparkml_vector"

__all__ = [
    "ANY_TYPE",
    "ARRAY_TYPE",
    "MAP_TYPE",
    "OBJECT_TYPE",
    "SPARKML_VECTOR_TYPE",
    "AnyType",
    "Array",
    "BaseType",
    "ColSpec",
    "DataType",
    "Map",
    "Object",
    "ParamSchema",
    "ParamSpec",
    "Property",
    "Schema",
    "SparkMLVector",
    "TensorInfo",
    "TensorSpec",
    "convert_dataclass_to_schema",
]
