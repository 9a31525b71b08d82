"""What a model answers, as the type a Spark function promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed
from mlkeep.models.schema import ColSpec, Schema, TensorSpec

with needed("spark"):
    from pyspark.errors import PySparkException
    from pyspark.sql import types

_NUMPY: dict[type, np.dtype[Any]] = {
    types.ByteType: np.dtype("int8"),
    types.ShortType: np.dtype("int16"),
    types.IntegerType: np.dtype("int32"),
    types.LongType: np.dtype("int64"),
    types.FloatType: np.dtype("float32"),
    types.DoubleType: np.dtype("float64"),
}
_SCALARS = (
    *_NUMPY,
    types.BooleanType,
    types.StringType,
    types.BinaryType,
    types.DateType,
    types.TimestampType,
)


def result_type_of(given: Any, outputs: Schema | None) -> Any:
    """The type of Spark that a function gives: `given` (a type or its name), else what `outputs` say, else double.

    Raises:
        InvalidInput: there is no such type, or models cannot be made to answer it.
    """
    if given is None:
        returns = types.DoubleType() if outputs is None else _declared(outputs)
    elif isinstance(given, str):
        returns = _parsed(given)
    else:
        returns = given
    if not _is_offered(returns):
        raise InvalidInput(
            f"Invalid 'spark_udf' result type: {given or returns}. Give a scalar such as 'double', 'long', 'string' or "
            "'boolean', an array such as 'array<double>', a map, or a struct such as 'label string, score double'."
        )
    return returns


def _parsed(name: str) -> Any:
    try:
        return types._parse_datatype_string(name)  # noqa: SLF001 - public only since Spark 4
    except PySparkException as error:
        raise InvalidInput(f"result_type: Spark has no type {name!r}.") from error


def _declared(outputs: Schema) -> Any:
    if isinstance(outputs.inputs[0], TensorSpec):
        tensors = [item for item in outputs.inputs if isinstance(item, TensorSpec)]
        if tensors[0].name is None:
            # As MLflow has it, even a tensor of one dimension is a list of one number in each row.
            return _of_tensor(tensors[0], at_least=1)
        return types.StructType([types.StructField(str(item.name), _of_tensor(item)) for item in tensors])
    only = outputs.inputs[0]
    if len(outputs.inputs) == 1 and isinstance(only, ColSpec):
        return only.type.to_spark()
    return outputs.as_spark_schema()


def _of_tensor(spec: TensorSpec, at_least: int = 0) -> Any:
    """The type of one row of a tensor: arrays in as many levels as it has further dimensions."""
    found = next((kind() for kind, dtype in _NUMPY.items() if dtype == spec.type), None)
    if found is None:
        by_kind = {"b": types.BooleanType, "u": types.LongType, "f": types.FloatType, "M": types.TimestampType}
        found = by_kind.get(spec.type.kind, types.StringType)()
    for _ in range(max(len(spec.shape) - 1, at_least)):
        found = types.ArrayType(found)
    return found


def _is_offered(given: Any) -> bool:
    if isinstance(given, types.ArrayType):
        return _is_offered(given.elementType)
    if isinstance(given, types.MapType):
        return isinstance(given.keyType, types.StringType) and _is_offered(given.valueType)
    if isinstance(given, types.StructType):
        return bool(given.fields) and all(_is_offered(field.dataType) for field in given.fields)
    return isinstance(given, _SCALARS)


def as_spark(answer: Any, returns: Any, n_rows: int) -> Any:
    """What a model answered to `n_rows` rows, as a series (a frame for a struct) of type `returns`.

    Of several columns a scalar takes the first that is one without loss, an array all of them, a struct those with the
    names of its fields.

    Raises:
        InvalidInput: there are more or fewer rows, or nothing in the answer is of that type.
    """
    table = _table(answer)
    if len(table) != n_rows:
        raise InvalidInput(f"The model answered {len(table)} rows to {n_rows}: a function of Spark gives one for each.")
    if isinstance(returns, types.StructType):
        missing = [name for name in returns.names if name not in table.columns]
        if missing:
            raise InvalidInput(f"The model's answer has no {missing} of the result type; it has {list(table.columns)}.")
        return pd.DataFrame({field.name: _field(table[field.name], field.dataType) for field in returns.fields})
    if isinstance(returns, types.ArrayType):
        return _arrays(table, returns)
    for name in table.columns:
        if (found := _scalar(table[name], returns)) is not None:
            return found
    raise _unfit(table, returns)


def _table(answer: Any) -> pd.DataFrame:
    """An answer as columns, with the names of its own or positions."""
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    if isinstance(answer, dict):
        table = pd.DataFrame({name: _column(value) for name, value in answer.items()})
    elif isinstance(answer, np.ndarray) and answer.ndim > 2:
        table = pd.DataFrame({0: _column(answer)})
    elif isinstance(answer, list) and all(map(_is_list, answer)) and len(set(map(len, answer))) > 1:
        table = pd.DataFrame({0: pd.Series(answer, dtype=object)})
    elif isinstance(answer, pd.DataFrame):
        table = answer.reset_index(drop=True)
    elif isinstance(answer, (str, bytes)) or np.ndim(answer) == 0:
        table = pd.DataFrame([answer])
    elif isinstance(answer, list) and answer and not isinstance(answer[0], (list, tuple, dict, np.ndarray)):
        # One by one: pandas makes a table of nothing but dicts.
        table = pd.DataFrame({0: pd.Series(answer)})
    else:
        table = pd.DataFrame(answer).reset_index(drop=True)
    table.columns = [str(name) for name in table.columns]
    return table


def _column(value: Any) -> Any:
    """A part of an answer as a column; arrays of more dimensions become lists."""
    return pd.Series(value.tolist(), dtype=object) if isinstance(value, np.ndarray) and value.ndim > 1 else value


def _field(column: pd.Series[Any], returns: Any) -> Any:
    if isinstance(returns, types.StructType):
        return column
    found = _arrays(column.to_frame(), returns) if isinstance(returns, types.ArrayType) else _scalar(column, returns)
    if found is None:
        raise _unfit(column.to_frame(), returns)
    return found


def _arrays(table: pd.DataFrame, returns: Any) -> Any:
    """All columns of a type as one column of lists; a column of lists as it is."""
    element = returns.elementType
    if len(table.columns) == 1 and _is_objects(table.iloc[:, 0]) and table.iloc[:, 0].map(_is_list).any():
        return table.iloc[:, 0].map(lambda cell: _list(cell, element) if _is_list(cell) else None)
    if isinstance(element, (types.ArrayType, types.MapType, types.StructType)):
        raise _unfit(table, returns)
    fitting = [found for name in table.columns if (found := _scalar(table[name], element)) is not None]
    if not fitting:
        raise _unfit(table, returns)
    return pd.Series([list(row) for row in zip(*fitting, strict=True)], index=table.index, dtype=object)


def _is_objects(column: pd.Series[Any]) -> bool:
    return column.dtype == object


def _is_list(cell: Any) -> bool:
    return isinstance(cell, (list, tuple)) or (isinstance(cell, np.ndarray) and cell.ndim > 0)


def _list(cell: Any, element: Any) -> list[Any]:
    if isinstance(element, types.ArrayType):
        return [_list(item, element.elementType) for item in cell]
    if isinstance(element, (types.MapType, types.StructType)):
        return list(cell)
    found = _scalar(pd.Series(cell), element)
    if found is None:
        raise InvalidInput(f"The model's answer {list(cell)!r:.200} cannot be a list of {element.simpleString()}.")
    return list(found)


def _scalar(column: pd.Series[Any], returns: Any) -> pd.Series[Any] | None:
    """A column as a scalar type; None if it cannot be without loss."""
    column = column.infer_objects()
    wanted = _NUMPY.get(type(returns))
    if wanted is not None:
        return _number(column, wanted)
    if isinstance(returns, types.StringType):
        return column.map(lambda value: None if _is_null(value) else str(value)).astype(object)
    if isinstance(returns, types.BooleanType):
        return column if pd.api.types.is_bool_dtype(column.dtype) else None
    if isinstance(returns, types.TimestampType):
        return column if pd.api.types.is_datetime64_any_dtype(column.dtype) else None
    # Bytes, dates and maps are objects, which Spark looks into.
    return column if _is_objects(column) else None


def _number(column: pd.Series[Any], wanted: np.dtype[Any]) -> pd.Series[Any] | None:
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype) or not pd.api.types.is_numeric_dtype(dtype) or dtype.kind == "c":
        return None
    if wanted.kind == "f":
        return column.astype(wanted)
    if not pd.api.types.is_integer_dtype(dtype):
        return None
    limits = np.iinfo(wanted)
    if len(column) and bool(((column < limits.min) | (column > limits.max)).any()):
        return None
    return column if column.isna().any() else column.astype(wanted)


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _unfit(table: pd.DataFrame, returns: Any) -> InvalidInput:
    found = {name: str(dtype) for name, dtype in table.dtypes.items()}
    return InvalidInput(
        f"The model did not produce any values compatible with the requested type {returns.simpleString()!r}: its answer "
        f"has {found}. Ask for another result_type; 'string' takes anything."
    )
