"""The types a value in a schema can have, and their JSON.

A column's type is a `DataType` (a scalar) or one of `Array`, `Object`, `Map` and `AnyType`, which nest.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from mlkeep.core.errors import InvalidInput
from mlkeep.models.spark_modules import linear_algebra, spark_types


class DataType(enum.Enum):
    """The scalar types; their numbers and names are MLflow's."""

    boolean = 1
    integer = 2
    """32 bits."""
    long = 3
    """64 bits."""
    float = 4
    """32 bits."""
    double = 5
    """64 bits."""
    string = 6
    binary = 7
    datetime = 8
    """A point in time, nanoseconds, without a zone."""

    def __repr__(self) -> str:
        return self.name

    def to_numpy(self) -> np.dtype[Any]:
        """The numpy type of an array of such values."""
        return _NUMPY[self]

    def to_pandas(self) -> np.dtype[Any]:
        """The type of a column of such values; text and bytes are objects."""
        return np.dtype(object) if self in {DataType.string, DataType.binary} else _NUMPY[self]

    def to_python(self) -> type:
        """The type of one such value."""
        return _PYTHON[self]

    def to_spark(self) -> Any:
        """The `pyspark.sql.types.DataType` of such values.

        Raises:
            NotInstalled: pyspark is missing.
        """
        return getattr(spark_types(), _SPARK[self])()

    @classmethod
    def all_types(cls) -> list[DataType]:
        """Every scalar type."""
        return list(cls)


_NUMPY: dict[DataType, np.dtype[Any]] = {
    DataType.boolean: np.dtype("bool"),
    DataType.integer: np.dtype("int32"),
    DataType.long: np.dtype("int64"),
    DataType.float: np.dtype("float32"),
    DataType.double: np.dtype("float64"),
    DataType.string: np.dtype("str"),
    DataType.binary: np.dtype("bytes"),
    DataType.datetime: np.dtype("datetime64[ns]"),
}
_PYTHON: dict[DataType, type] = {
    DataType.boolean: bool,
    DataType.integer: int,
    DataType.long: int,
    DataType.float: float,
    DataType.double: float,
    DataType.string: str,
    DataType.binary: bytes,
    DataType.datetime: dt.date,
}
_SPARK: dict[DataType, str] = {
    DataType.boolean: "BooleanType",
    DataType.integer: "IntegerType",
    DataType.long: "LongType",
    DataType.float: "FloatType",
    DataType.double: "DoubleType",
    DataType.string: "StringType",
    DataType.binary: "BinaryType",
    DataType.datetime: "TimestampType",
}


class SchemaPart(ABC):
    """A piece of a schema: a value, equal to another one when their JSON is equal."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What JSON says of it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SchemaPart) and type(self) is type(other) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((type(self).__name__, json.dumps(self.to_dict(), sort_keys=True, default=str)))


class BaseType(SchemaPart):
    """A type made of other types."""

    def to_spark(self) -> Any:
        """The `pyspark.sql.types.DataType` of such values.

        Raises:
            InvalidInput: Spark has none.
            NotInstalled: pyspark is missing.
        """
        raise InvalidInput(f"Spark has no type for {self!r}.")

    @classmethod
    def from_json_dict(cls, **described: Any) -> BaseType:
        """The type of this class that `described` (its JSON, as keywords) stands for.

        Raises:
            InvalidInput: it describes no type, or one of another class.
        """
        found = type_from_dict(described)
        if not isinstance(found, cls):
            raise InvalidInput(f"{described!r} describes {found!r}, which is no {cls.__name__}.")
        return found


class AnyType(BaseType):
    """Anything at all; never checked."""

    def to_dict(self) -> dict[str, Any]:
        return {"type": "any"}

    def __repr__(self) -> str:
        return "Any"


class Array(BaseType):
    """A list of values of type `dtype`."""

    def __init__(self, dtype: AnyColumnType | str) -> None:
        self.dtype = as_type(dtype, "dtype")

    def to_dict(self) -> dict[str, Any]:
        return {"type": "array", "items": type_to_dict(self.dtype)}

    def to_spark(self) -> Any:
        return spark_types().ArrayType(self.dtype.to_spark())

    def __repr__(self) -> str:
        return f"Array({self.dtype!r})"


class SparkMLVector(Array):
    """Spark's vector: a list of doubles."""

    def __init__(self) -> None:
        super().__init__(DataType.double)

    def to_dict(self) -> dict[str, Any]:
        return {"type": "sparkml_vector"}

    def to_spark(self) -> Any:
        return linear_algebra().VectorUDT()

    def __repr__(self) -> str:
        return "SparkML vector"


class Map(BaseType):
    """A dict with string keys and values of type `value_type`."""

    def __init__(self, value_type: AnyColumnType | str) -> None:
        self.value_type = as_type(value_type, "value_type")

    def to_dict(self) -> dict[str, Any]:
        return {"type": "map", "values": type_to_dict(self.value_type)}

    def to_spark(self) -> Any:
        return spark_types().MapType(spark_types().StringType(), self.value_type.to_spark())

    def __repr__(self) -> str:
        return f"Map(str -> {self.value_type!r})"


class Property(SchemaPart):
    """A named member of an `Object`."""

    def __init__(self, name: str, dtype: AnyColumnType | str, required: bool = True) -> None:
        if not isinstance(name, str):
            raise InvalidInput(f"A property's name is a string, not {name!r} ({type(name).__name__}).")
        self.name = name
        self.dtype = as_type(dtype, "dtype")
        self.required = required

    @classmethod
    def from_json_dict(cls, **described: Any) -> Property:
        """The property that `described` (its name as the only key, its JSON as the value) stands for.

        Raises:
            InvalidInput: there are more keys, or it describes no type.
        """
        if len(described) != 1 or not all(isinstance(item, Mapping) for item in described.values()):
            raise InvalidInput(f"A property is described by its name and what is said of it; found {described!r}.")
        [(name, item)] = described.items()
        return cls(name, type_from_dict(item), bool(item.get("required", True)))

    def to_dict(self) -> dict[str, Any]:
        return {self.name: {**type_to_dict(self.dtype), "required": self.required}}

    def __repr__(self) -> str:
        return f"{self.name}: {self.dtype!r} ({'required' if self.required else 'optional'})"


class Object(BaseType):
    """A dict with known keys; its properties are kept sorted by name.

    Raises:
        InvalidInput: there is no property, or two have the same name.
    """

    def __init__(self, properties: list[Property]) -> None:
        if not properties:
            raise InvalidInput("An Object needs at least one Property.")
        names = [item.name for item in properties]
        if duplicated := {name for name in names if names.count(name) > 1}:
            raise InvalidInput(f"An Object has each Property once; found more than one of {sorted(duplicated)}.")
        self.properties = sorted(properties, key=lambda item: item.name)

    def to_dict(self) -> dict[str, Any]:
        described: dict[str, Any] = {}
        for item in self.properties:
            described |= item.to_dict()
        return {"type": "object", "properties": described}

    def to_spark(self) -> Any:
        types = spark_types()
        fields = [types.StructField(item.name, item.dtype.to_spark(), not item.required) for item in self.properties]
        return types.StructType(fields)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self.properties)) + "}"


AnyColumnType: TypeAlias = DataType | BaseType


def as_type(given: object, field: str) -> AnyColumnType:
    """`given`, with the name of a scalar type replaced by the type.

    Raises:
        InvalidInput: no scalar type has that name, or `given` is no type at all.
    """
    if isinstance(given, (DataType, BaseType)):
        return given
    if isinstance(given, str) and given in DataType.__members__:
        return DataType[given]
    raise InvalidInput(
        f"Unsupported type {given!r} for '{field}': expected a DataType, one of the names "
        f"{', '.join(DataType.__members__)}, or an Array, Object, Map or AnyType."
    )


def type_to_dict(given: AnyColumnType) -> dict[str, Any]:
    """The JSON of a type."""
    return {"type": given.name} if isinstance(given, DataType) else given.to_dict()


def type_from_dict(described: Mapping[str, Any]) -> AnyColumnType:
    """The type that `described` (its JSON) stands for; a key this does not know is ignored.

    Raises:
        InvalidInput: it describes no type.
    """
    match described.get("type"):
        case "array" if isinstance(items := described.get("items"), Mapping):
            return Array(type_from_dict(items))
        case "object" if isinstance(properties := described.get("properties"), Mapping):
            return Object([Property.from_json_dict(**{name: item}) for name, item in properties.items()])
        case "map" if isinstance(values := described.get("values"), Mapping):
            return Map(type_from_dict(values))
        case "any":
            return AnyType()
        case "sparkml_vector":
            return SparkMLVector()
        case str(name) if name in DataType.__members__:
            return DataType[name]
    raise InvalidInput(f"A schema describes an unknown type: {dict(described)!r}.")
