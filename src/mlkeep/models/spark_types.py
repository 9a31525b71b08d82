"""The types of a schema as Spark has them."""

from __future__ import annotations

from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.models.datatypes import AnyColumnType, Array, DataType, Map, Object, spark_types


def spark_type(given: AnyColumnType) -> Any:
    """The type of Spark for values of a type.

    Raises:
        NotInstalled: pyspark is missing.
        InvalidInput: Spark has none, as for values of any type.
    """
    known = spark_types()
    match given:
        case DataType():
            return given.to_spark()
        case Array(dtype=inner):
            return known.ArrayType(spark_type(inner))
        case Map(value_type=inner):
            return known.MapType(known.StringType(), spark_type(inner))
        case Object(properties=properties):
            fields = [known.StructField(each.name, spark_type(each.dtype), not each.required) for each in properties]
            return known.StructType(fields)
    raise InvalidInput(f"Spark has no type for values of type {given!r}.")


def spark_struct(columns: list[tuple[str, AnyColumnType, bool]]) -> Any:
    """A row of Spark, of columns with their name, type, and whether they are required. Raises as `spark_type`."""
    known = spark_types()
    return known.StructType(
        [known.StructField(name, spark_type(dtype), not required) for name, dtype, required in columns]
    )
