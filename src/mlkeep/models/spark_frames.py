"""The schema of a Spark frame, which Spark knows without looking at the data."""

from __future__ import annotations

from typing import Any

from mlkeep.models.datatypes import AnyColumnType, AnyType, Array, DataType, Map, Object, Property, SparkMLVector
from mlkeep.models.schema import ColSpec, Schema

_SCALARS = {
    "boolean": DataType.boolean,
    "byte": DataType.integer,
    "short": DataType.integer,
    "integer": DataType.integer,
    "long": DataType.long,
    "float": DataType.float,
    "double": DataType.double,
    "string": DataType.string,
    "binary": DataType.binary,
    "date": DataType.datetime,
    "timestamp": DataType.datetime,
    "timestamp_ntz": DataType.datetime,
}
"""By what Spark calls its types in JSON."""

_VECTORS = {"pyspark.ml.linalg", "pyspark.mllib.linalg"}


def is_spark_frame(data: object) -> bool:
    """Whether `data` is a frame of Spark, asked without importing pyspark."""
    kind = type(data)
    return kind.__name__ == "DataFrame" and kind.__module__.startswith("pyspark.sql")


def schema_of_spark_frame(frame: Any) -> Schema:
    """The columns of a Spark frame, all required: Spark calls nearly every column nullable. No job is started.

    A column of a type no signature has, such as a decimal, is of any type.
    """
    return Schema([ColSpec(_type(field.dataType), field.name) for field in frame.schema.fields])


def _type(given: Any) -> AnyColumnType:
    name = given.typeName()
    if name in _SCALARS:
        return _SCALARS[name]
    if name == "array":
        return Array(_type(given.elementType))
    if name == "map" and given.keyType.typeName() == "string":
        return Map(_type(given.valueType))
    if name == "struct" and given.fields:
        return Object([Property(field.name, _type(field.dataType)) for field in given.fields])
    is_vector = type(given).__name__ == "VectorUDT" and type(given).__module__ in _VECTORS
    return SparkMLVector() if is_vector else AnyType()
