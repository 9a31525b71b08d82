"""Signatures and input examples beside the official MLflow 3: the same data gives the same JSON, but for what is listed."""

from __future__ import annotations

import datetime as dt
import json
import logging
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import mlflow
import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput
from mlkeep.models import ModelSignature, infer_signature
from mlkeep.models.example import InputExample
from mlkeep.models.schema import AnyType, Array, ColSpec, DataType, Map, Object, Property, Schema
from tests.unit.models.enforcement_cases import CATEGORIES, COLUMNS, NESTED, OPTIONAL, WITH_A_ZONE, objects

pytestmark = pytest.mark.skipif(mlflow.__version__.startswith("2."), reason="the rules compared are those of MLflow 3")

FRAMES: dict[str, Any] = {
    **{name: pd.DataFrame({"a": column.values}) for name, column in COLUMNS.items()},
    **{f"optional, {name}": pd.DataFrame({"a": values}) for name, (values, _) in OPTIONAL.items()},
    **{f"category of {name}": pd.DataFrame({"a": column.values}) for name, column in CATEGORIES.items()},
    **{case.name: case.data for case in NESTED if isinstance(case.data, pd.DataFrame)},
    "in a zone": pd.DataFrame({"a": WITH_A_ZONE.values}),
    "objects, floats and whole numbers": pd.DataFrame({"a": objects(1, 1.5)}),
    "objects, bool and None": pd.DataFrame({"a": objects(True, None)}),
    "bytearray": pd.DataFrame({"a": [bytearray(b"x")]}),
    "float and None": pd.DataFrame({"a": objects(1.5, None)}),
    "only None": pd.DataFrame({"a": [None, None]}),
    "empty lists": pd.DataFrame({"a": [[], []]}),
    "empty and other lists": pd.DataFrame({"a": [[], [1]]}),
    "lists of lists of dicts": pd.DataFrame({"a": [[[{"x": 1}], [{"x": 2}]]]}),
    "dicts of other keys": pd.DataFrame({"a": [{"x": 1}, {"x": 2, "y": "s"}]}),
    "dicts with None": pd.DataFrame({"a": [{"x": None}, {"x": 1}]}),
    "dicts and None": pd.DataFrame({"a": objects({"x": 1}, None)}),
    "empty dicts": pd.DataFrame({"a": [{}]}),
    "lists of empty dicts": pd.DataFrame({"a": [[{}]]}),
    "empty lists and numbers": pd.DataFrame({"a": objects(0.0, [])}),
    "empty dicts and text": pd.DataFrame({"a": objects("a", {})}),
    "empty and other dicts": pd.DataFrame({"a": objects({}, {"a": 1})}),
    "dicts with empty lists and numbers": pd.DataFrame({"a": objects({"x": []}, {"x": 1})}),
    "tuples": pd.DataFrame({"a": objects((1, 2))}),
    "sets": pd.DataFrame({"a": objects({1})}),
    "times of a day": pd.DataFrame({"a": [dt.time(1)]}),
    "no rows": pd.DataFrame({"a": np.array([], dtype="int64")}),
    "no columns": pd.DataFrame(),
    "numbers for names": pd.DataFrame(np.zeros((1, 2))),
    "two header rows": pd.DataFrame(np.zeros((1, 2)), columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
    "a name twice": pd.DataFrame(np.zeros((1, 2)), columns=["a", "a"]),
    "one bad column of two": pd.DataFrame({"a": [1], "b": [1j]}),
}
OTHERS: dict[str, Any] = {
    "series": pd.Series([1, 2]),
    "series with a name": pd.Series([1, 2], name="n"),
    "series with a name and nulls": pd.Series([1.5, None], name="n"),
    "series with nulls": pd.Series([1.5, None]),
    "array": np.zeros((3, 2)),
    "array without dimensions": np.array(3),
    "array of str": np.array(["ab"]),
    "array of objects": np.array(["a", 1], dtype=object),
    "array of bytes": np.array([b"ab"]),
    "array of days": np.array(["2026-01-01"], "datetime64[D]"),
    "array of complex": np.array([1j]),
    "dict of arrays": {"x": np.zeros((3, 2)), "y": np.zeros(3, "i1")},
    "dict of an array and a number": {"x": np.zeros(3), "y": 1},
    "csr": sparse.csr_matrix(np.zeros((3, 2), "f4")),
    "csc": sparse.csc_matrix(np.zeros((3, 2))),
    "csr_array": sparse.csr_array(np.zeros((3, 2))),
    "coo": sparse.coo_matrix(np.zeros((3, 2))),
    "list of numbers": [1, 2],
    "list of text and None": ["a", None],
    "list of numbers and text": [1, "x"],
    "list of lists": [[1, 2], [3]],
    "list of dicts": [{"a": 1}, {"a": 2, "b": "s"}],
    "list of dicts with None": [{"a": None}, {"a": 1}],
    "list of dicts of lists": [{"a": [1]}, {"a": []}],
    "list of bytes": [b"x"],
    "list of None": [None],
    "list of arrays": [np.array([1, 2])],
    "empty list": [],
    "tuple": (1, 2),
    "dict": {"a": 1, "b": [1.5], "c": {"k": "v"}},
    "dict with None": {"a": None},
    "dict with an empty list": {"a": []},
    "dict of lists of dicts": {"a": [{"x": 1}, {"y": 2}]},
    "empty dict": {},
    "dict of numbers": {1: 2},
    "text": "s",
    "int": 1,
    "float": 1.5,
    "bool": True,
    "bytes ": b"x",
    "datetime": dt.datetime(2026, 1, 1),  # noqa: DTZ001 - times of models have no zone
    "date": dt.date(2026, 1, 1),
    "np.float32": np.float32(1),
    "np.datetime64": np.datetime64("2026-01-01"),
    "pd.Timestamp": pd.Timestamp("2026-01-01"),
    "Decimal ": Decimal(1),
    "complex ": 1j,
    "set": {1},
}
DATA = {**FRAMES, **OTHERS}

_EMPTY = "a list or dict without items is one all the same; MLflow refuses later what it inferred from"

DIFFERENT = {
    "dicts and None": "a null cell makes the column optional, not what is in its dicts",
    "series with nulls": "a column without a name has a type all the same",
    "csr_array": "scipy's arrays are as its matrices; MLflow says anything",
    "pd.Timestamp": "it is a datetime; MLflow says anything",
    "empty lists and numbers": _EMPTY,
    "empty dicts and text": _EMPTY,
    "dicts with empty lists and numbers": _EMPTY,
    "category of int32": "categories are as wide as they are; MLflow says long",
}
"""What is inferred differently on purpose, and why."""

PARAMS: dict[str, Any] = {
    "int": 1,
    "float": 0.5,
    "np.float32": np.float32(0.5),
    "np.int32": np.int32(1),
    "str": "a",
    "bool": True,
    "datetime": dt.datetime(2026, 1, 1),  # noqa: DTZ001 - as above
    "date": dt.date(2026, 1, 1),
    "np.datetime64": np.datetime64("2026-01-01"),
    "list": ["a"],
    "numbers": [1, 2],
    "array": np.array([1.5]),
    "empty list": [],
    "dict": {"x": 1, "y": {"z": "s"}},
    "None": None,
    "tuple": (1,),
    "list of lists": [[1]],
    "mixed list": [1, "b"],
    "complex": 1j,
}

EXAMPLES: dict[str, Any] = {
    "frame": pd.DataFrame({"a": [1.5, None], "b": ["x", None], "c": [1, 2]}, index=[7, 8]),
    "frame without names": pd.DataFrame([[1, 2]]),
    "frame with other numbers for names": pd.DataFrame([[1, 2]], columns=[1, 2]),
    "frame with a missing object": pd.DataFrame({"a": objects(1, None, float("nan"))}),
    "frame of times": pd.DataFrame({"a": [pd.Timestamp("2026-01-01 01:02:03.5"), pd.NaT]}),
    "frame of times in a zone": pd.DataFrame({"a": WITH_A_ZONE.values}),
    "frame of dates": pd.DataFrame({"a": [dt.date(2026, 1, 1)]}),
    "frame of bytes": pd.DataFrame({"a": [b"abc" * 40]}),
    "frame of lists and dicts": pd.DataFrame({"a": [[1, 2]], "b": [{"x": 1.5}]}),
    "frame of arrays": pd.DataFrame({"a": [np.array([1.5])]}),
    "frame of booleans": pd.DataFrame({"a": [True]}),
    "frame of nullable numbers": pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "frame of small floats": pd.DataFrame({"a": np.array([0.1], "f4")}),
    "frame of categories": pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
    "array": np.array([[1.5, 2.5]], "f4"),
    "array of integers": np.array([1, 2]),
    "array of text": np.array(["a"]),
    "array with NaN": np.array([1.5, np.nan]),
    "dict of arrays": {"a": np.array([1, 2]), "b": np.array([[1.5]])},
    "csr": sparse.csr_matrix([[0, 2]]),
    "csc": sparse.csc_matrix([[0.5, 2]]),
    "dict": {"x": 1, "y": ["a", None]},
    "dict for a language model": {"messages": [{"role": "user", "content": "hello"}]},
    "list": [1, 2.5],
    "list of dicts": [{"a": 1}, {"a": 2}],
    "text": "text",
    "bytes": b"bytes",
    "int": 1,
    "bool": True,
    "datetime": dt.datetime(2026, 1, 1, 2),  # noqa: DTZ001 - as above
    "numbers of numpy": {"x": np.float32(1.5), "y": np.int64(2)},
    "params": (pd.DataFrame({"a": [1.5]}), {"t": 0.5}),
    "params of a list": ([1], {"t": "s"}),
    "params of an array": (np.array([1.5]), {"t": [1, 2]}),
    "list of arrays": [np.array([1])],
    "dict of an array and a number": {"x": np.array([1]), "y": 2},
    "object": object(),
}

DIFFERENT_EXAMPLES = {
    "frame": "null for a missing text, whichever type of pandas holds it; MLflow writes NaN",
    "frame of times": "null for a missing time; MLflow writes the text 'NaT'",
}
"""Examples that are written differently on purpose, and why."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", DATA)
def test_the_schema_of_data(name: str) -> None:
    ours, theirs = infer_signature(DATA[name]).to_dict(), mlflow.models.infer_signature(DATA[name]).to_dict()
    assert (ours == theirs) == (name not in DIFFERENT), (ours, theirs)


@pytest.mark.parametrize("name", PARAMS)
def test_the_schema_of_params(name: str) -> None:
    outcomes: list[Any] = []
    for infer in (infer_signature, mlflow.models.infer_signature):
        try:
            outcomes.append(infer(params={name: PARAMS[name]}).to_dict())
        except Exception as error:  # noqa: BLE001 - each has a class of its own
            outcomes.append(type(error).__name__ in {"MlflowException", "InvalidInput"})
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", DATA)
def test_one_reads_what_the_other_inferred(name: str) -> None:
    ours, theirs = infer_signature(DATA[name]), mlflow.models.infer_signature(DATA[name])
    assert mlflow.models.ModelSignature.from_dict(ours.to_dict()).to_dict() == ours.to_dict()
    assert ModelSignature.from_dict(theirs.to_dict()).to_dict() == theirs.to_dict()


SCHEMAS = {
    "names": Schema([ColSpec(dtype, dtype.name, required=dtype.value % 2 == 0) for dtype in DataType]),
    "one without a name": Schema([ColSpec("long")]),
    "two without names": Schema([ColSpec("long"), ColSpec("double")]),
    "a number for a name": Schema([ColSpec("long", 0)]),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_sparks_type_of_a_schema(name: str) -> None:
    theirs = mlflow.types.Schema.from_json(SCHEMAS[name].to_json())
    assert SCHEMAS[name].as_spark_schema() == theirs.as_spark_schema()


def test_sparks_type_of_nested_columns_which_mlflow_does_not_know() -> None:
    found = Schema([ColSpec(Object([Property("x", Array("long"))]), "o"), ColSpec(Map("double"), "m")])
    assert found.as_spark_schema().simpleString() == "struct<o:struct<x:array<bigint>>,m:map<string,double>>"
    with pytest.raises(InvalidInput, match="Spark has no type"):
        Schema([ColSpec(AnyType(), "a")]).as_spark_schema()


def _written(write: Any) -> Any:
    """MLmodel's words, and the content of both files; or that it is refused."""
    try:
        return write()
    except Exception:  # noqa: BLE001 - each has a class of its own
        return "refused"


def _theirs(example: Any, folder: Path) -> Any:
    mlflow.pyfunc.save_model(
        str(folder), python_model=_Model(), input_example=example, signature=False, pip_requirements=["mlflow"]
    )
    info = mlflow.models.Model.load(str(folder)).saved_input_example_info
    return info, (folder / "input_example.json").read_text(), (folder / "serving_input_example.json").read_text()


def _ours(example: Any) -> Any:
    written = InputExample(example)
    return written.info, written.to_json(), written.to_serving_json()


class _Model(mlflow.pyfunc.PythonModel):
    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        return [1]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_written_alike(name: str, tmp_path: Path) -> None:
    ours = _written(lambda: _ours(EXAMPLES[name]))
    theirs = _written(lambda: _theirs(EXAMPLES[name], tmp_path / "theirs"))
    assert (ours == theirs) == (name not in DIFFERENT_EXAMPLES), f"\nours   {ours}\ntheirs {theirs}"


@pytest.mark.parametrize("name", ["frame", "array", "dict of arrays", "list of dicts", "text", "csr", "params"])
def test_one_reads_the_example_that_the_other_wrote(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    _theirs(example, tmp_path / "theirs")
    mlkeep.pyfunc.save_model(tmp_path / "ours", python_model=_Plain(), input_example=example, signature=False)
    found = [
        repr(loaded.input_example if hasattr(loaded, "input_example") else loaded.metadata.load_input_example(folder))
        for folder in (str(tmp_path / "theirs"), str(tmp_path / "ours"))
        for loaded in (mlkeep.pyfunc.load_model(folder), mlflow.pyfunc.load_model(folder))
    ]
    assert len(set(found)) == 1, json.dumps(found, indent=1)


class _Plain(mlkeep.pyfunc.PythonModel):
    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        return [1]
