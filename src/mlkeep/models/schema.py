"""Schemas: the columns or tensors a model takes and gives. Parameters and types are re-exported here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlkeep.core.errors import InvalidInput
from mlkeep.models.datatypes import (
    AnyColumnType,
    AnyType,
    Array,
    BaseType,
    DataType,
    Map,
    Object,
    Property,
    SchemaPart,
    SparkMLVector,
    as_type,
    type_from_dict,
    type_to_dict,
)
from mlkeep.models.paramspecs import ParamSchema, ParamSpec
from mlkeep.models.spark_modules import spark_types

__all__ = [
    "AnyColumnType",
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
]

ColumnName = str | int


class ColSpec(SchemaPart):
    """A column: its type, its name (None in a schema of unnamed columns), and whether it may be missing or null."""

    def __init__(self, type: AnyColumnType | str, name: ColumnName | None = None, required: bool = True) -> None:  # noqa: A002 - MLflow's argument
        self.type = as_type(type, "type")
        self.name = name
        self.required = required

    @classmethod
    def from_json_dict(cls, **described: Any) -> ColSpec:
        """The column that `described` (its JSON, as keywords) stands for; `required` defaults to true."""
        name = described.get("name")
        # Frames with several header rows have lists for names in JSON and tuples in memory.
        return cls(
            type_from_dict(described),
            tuple(name) if isinstance(name, list) else name,  # type: ignore[arg-type]
            bool(described.get("required", True)),
        )

    def to_dict(self) -> dict[str, Any]:
        named = {} if self.name is None else {"name": self.name}
        return {**type_to_dict(self.type), **named, "required": self.required}

    def __repr__(self) -> str:
        name = "" if self.name is None else f"{self.name!r}: "
        return f"{name}{self.type!r} ({'required' if self.required else 'optional'})"


class TensorInfo:
    """The numpy type and the shape of a tensor, without its name.

    Raises:
        TypeError: `dtype` is no `numpy.dtype`, or `shape` no list or tuple.
    """

    def __init__(self, dtype: np.dtype[Any], shape: Sequence[int]) -> None:
        spec = TensorSpec(dtype, shape)
        self.dtype, self.shape = spec.type, spec.shape

    @classmethod
    def from_json_dict(cls, **described: Any) -> TensorInfo:
        """What `described` (its JSON, as keywords) stands for. Raises InvalidInput."""
        spec = TensorSpec.from_json_dict(**{"tensor-spec": described})
        return cls(spec.type, spec.shape)

    def to_dict(self) -> dict[str, Any]:
        """What JSON says of it."""
        return {"dtype": _dtype_name(self.dtype), "shape": self.shape}

    def __repr__(self) -> str:
        return f"Tensor({_dtype_name(self.dtype)!r}, {self.shape!r})"


class TensorSpec(SchemaPart):
    """A tensor: its numpy type, its shape (-1 for a length that varies), and its name, if any.

    Raises:
        TypeError: `type` is no `numpy.dtype`, or `shape` no list or tuple.
    """

    required = True

    def __init__(self, type: np.dtype[Any], shape: Sequence[int], name: str | None = None) -> None:  # noqa: A002 - MLflow's argument
        if not isinstance(type, np.dtype):
            raise TypeError(f"TensorSpec: type must be a numpy.dtype such as np.dtype('float32'), not {type!r}.")
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"TensorSpec: shape must be a tuple such as (-1, 3), not {shape!r}.")
        # The length of text in a sample says nothing about the next one: <U7 becomes str.
        self.type = np.dtype(type.char) if type.kind in "US" else type
        self.shape = tuple(int(size) for size in shape)
        self.name = name

    @classmethod
    def from_json_dict(cls, **described: Any) -> TensorSpec:
        """The tensor that `described` (its JSON, as keywords) stands for.

        Raises:
            InvalidInput: `tensor-spec` is missing or names no numpy type.
        """
        spec = described.get("tensor-spec")
        if not isinstance(spec, Mapping) or "dtype" not in spec or "shape" not in spec:
            raise InvalidInput(f"A tensor needs a 'tensor-spec' with 'dtype' and 'shape': {described!r}.")
        try:
            dtype = np.dtype(spec["dtype"])
        except TypeError as error:
            raise InvalidInput(f"'tensor-spec': {spec['dtype']!r} is not the name of a numpy type.") from error
        return cls(dtype, tuple(spec["shape"]), described.get("name"))

    def to_dict(self) -> dict[str, Any]:
        named = {} if self.name is None else {"name": self.name}
        spec = {"dtype": _dtype_name(self.type), "shape": list(self.shape)}
        return {**named, "type": "tensor", "tensor-spec": spec}

    def __repr__(self) -> str:
        name = "" if self.name is None else f"{self.name!r}: "
        return f"{name}Tensor({_dtype_name(self.type)!r}, {self.shape!r})"


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return {"U": "str", "S": "bytes"}.get(dtype.kind, dtype.name)


class Schema(SchemaPart):
    """Columns, or tensors, in order.

    Raises:
        InvalidInput: there are none; columns and tensors are mixed; some are named and some not; several tensors have
            no name; or an unnamed column is optional.
    """

    def __init__(self, inputs: Sequence[ColSpec | TensorSpec]) -> None:
        if not isinstance(inputs, (list, tuple)):
            raise InvalidInput(f"A Schema is made of a list, not of {inputs!r}.")
        if not inputs:
            raise InvalidInput("A Schema has at least one column or tensor.")
        self.inputs: list[ColSpec | TensorSpec] = list(inputs)
        _check(self.inputs)

    @classmethod
    def from_json(cls, json_str: str) -> Schema:
        """The schema written in `json_str`.

        Raises:
            InvalidInput: it is not the JSON of a schema.
        """
        try:
            described = json.loads(json_str)
        except ValueError as error:
            raise InvalidInput(f"A schema is written as JSON; this is not JSON: {json_str[:200]!r}.") from error
        if not isinstance(described, list) or not all(isinstance(item, dict) for item in described):
            raise InvalidInput(f"A schema is a JSON list of objects; found {json_str[:200]!r}.")
        return cls(
            [
                TensorSpec.from_json_dict(**item) if item.get("type") == "tensor" else ColSpec.from_json_dict(**item)
                for item in described
            ]
        )

    def is_tensor_spec(self) -> bool:
        """Whether it is made of tensors."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether columns or tensors have names."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[ColumnName]:
        """The names, or the positions where there are none."""
        return [index if item.name is None else item.name for index, item in enumerate(self.inputs)]

    def required_input_names(self) -> list[ColumnName]:
        """The names of what must be given."""
        return [name for name, item in zip(self.input_names(), self.inputs, strict=True) if item.required]

    def optional_input_names(self) -> list[ColumnName]:
        """The names of what may be missing."""
        return [name for name, item in zip(self.input_names(), self.inputs, strict=True) if not item.required]

    def input_types(self) -> list[AnyColumnType | np.dtype[Any]]:
        """The types, in order: of a column a `DataType` or a nested type, of a tensor a `numpy.dtype`."""
        return [item.type for item in self.inputs]

    def input_types_dict(self) -> dict[ColumnName, AnyColumnType | np.dtype[Any]]:
        """Name to type.

        Raises:
            InvalidInput: there are no names.
        """
        return {name: item.type for name, item in self.input_dict().items()}

    def input_dict(self) -> dict[ColumnName, ColSpec | TensorSpec]:
        """Name to column or tensor.

        Raises:
            InvalidInput: there are no names.
        """
        if not self.has_input_names():
            raise InvalidInput("This schema has no names; use `inputs`.")
        return dict(zip(self.input_names(), self.inputs, strict=True))

    def numpy_types(self) -> list[np.dtype[Any]]:
        """The numpy types, in order.

        Raises:
            InvalidInput: a column has a nested type.
        """
        return [_flat(item, pandas=False) for item in self.inputs]

    def pandas_types(self) -> list[np.dtype[Any]]:
        """The types of a frame's columns, in order.

        Raises:
            InvalidInput: a column has a nested type, or these are tensors.
        """
        if self.is_tensor_spec():
            raise InvalidInput("A schema of tensors has no pandas types; use numpy_types().")
        return [_flat(item, pandas=True) for item in self.inputs]

    def as_spark_schema(self) -> Any:
        """The `StructType` of a Spark frame with these columns; of one column without a name, just its type.

        Columns without names are called "0", "1" and so on.

        Raises:
            InvalidInput: these are tensors, or Spark has no such type.
            NotInstalled: pyspark is missing.
        """
        columns = [item for item in self.inputs if isinstance(item, ColSpec)]
        if len(columns) < len(self.inputs):
            raise InvalidInput(
                "A schema of tensors (TensorSpec) cannot be converted to one of Spark: its frames have columns."
            )
        if len(columns) == 1 and columns[0].name is None:
            return columns[0].type.to_spark()
        types = spark_types()
        return types.StructType(
            [
                types.StructField(str(name), column.type.to_spark(), not column.required)
                for name, column in zip(self.input_names(), columns, strict=True)
            ]
        )

    def to_dict(self) -> list[dict[str, Any]]:  # type: ignore[override]  # MLflow's name, though it is a list
        """What JSON says of it: a list."""
        return [item.to_dict() for item in self.inputs]

    def to_json(self) -> str:
        """The text `from_json` reads."""
        return json.dumps(self.to_dict())

    def __repr__(self) -> str:
        return repr(self.inputs)


def _flat(item: ColSpec | TensorSpec, *, pandas: bool) -> np.dtype[Any]:
    if isinstance(item, TensorSpec):
        return item.type
    if not isinstance(item.type, DataType):
        raise InvalidInput(f"The nested type {item.type!r} of column {item.name!r} has no numpy type.")
    return item.type.to_pandas() if pandas else item.type.to_numpy()


def _check(inputs: list[ColSpec | TensorSpec]) -> None:
    if {type(item) for item in inputs} not in ({ColSpec}, {TensorSpec}):
        raise InvalidInput(f"A Schema is made either of ColSpec or of TensorSpec; found {inputs!r}.")
    names = [item.name for item in inputs]
    unnamed = names.count(None)
    if isinstance(inputs[0], TensorSpec) and unnamed > 1:
        raise InvalidInput("Only one TensorSpec of a Schema can be without a name; name each of them.")
    if 0 < unnamed < len(names):
        raise InvalidInput(f"The inputs of a Schema have all a name or none; found the names {names!r}.")
    if unnamed and not all(item.required for item in inputs):
        raise InvalidInput("A column without a name cannot be optional; name all columns or make all required.")
