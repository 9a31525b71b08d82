"""Enforcement beside the official MLflow 3: the same data, the same outcome, but for what is listed here."""

from __future__ import annotations

import datetime as dt
import logging
import random
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlflow
from mlkeep.flavors.pyfunc_model import PyFuncModel
from mlkeep.models import Model, ModelSignature, infer_signature
from mlkeep.models.schema import AnyType, ColSpec, DataType, Schema
from tests.unit.models.enforcement_cases import (
    CATEGORIES,
    COLUMNS,
    CONTAINERS,
    NESTED,
    OPTIONAL,
    PARAM_CASES,
    PARAMS,
    TENSORS,
    WITH_A_ZONE,
    Case,
    plain,
)

pytestmark = pytest.mark.skipif(mlflow.__version__.startswith("2."), reason="the rules compared are those of MLflow 3")

_ROWS_OF_LISTS = "a list of lists is rows, where the schema has a column of lists"
_FLAGS = "flags are flags in pandas' own type as well"
_NULLS = "a column that may have nulls takes pandas' type for whole numbers with nulls"
_WHOLE = "readers of CSV and JSON make floats or objects of whole numbers among nulls; none of their digits is lost"
_NOTHING = "a column of nothing but nulls may be missing altogether"

DIFFERENT = {
    "array: None inside": "MLflow makes the text 'n' of it",
    "rows of arrays": _ROWS_OF_LISTS,
    "unnamed arrays": _ROWS_OF_LISTS,
    "unnamed arrays of any length": _ROWS_OF_LISTS,
    "named: columns of arrays are stacked and cast": "as columns of lists; MLflow hands on another type than declared",
    "Int64, flags to float": _FLAGS,
    "Int64, flags to double": _FLAGS,
    "optional, Int64 with NA to long": _NULLS,
    "optional, Int32 with NA to integer": _NULLS,
    "optional, Int32 with NA to long": _NULLS,
    "optional, Arrow's int64 with NA to long": _NULLS,
    "optional, boolean with NA to boolean": _NULLS,
    "optional, float64: whole numbers, and NaN to integer": _WHOLE,
    "optional, float64: whole numbers, and NaN to long": _WHOLE,
    "optional, float64: whole numbers to integer": _WHOLE,
    "optional, float64: whole numbers to long": _WHOLE,
    "optional, float64: beyond 32 bits to long": _WHOLE,
    "optional, objects: whole numbers, and None to long": _WHOLE,
    **{
        f"optional, float64: only NaN to {name}": _NOTHING
        for name in ("boolean", "integer", "long", "float", "string", "binary", "datetime")
    },
    "param list None": "None is no value of any parameter, so also not of a list",
    "param integer 1099511627776": "it is no number of 32 bits",
}
"""What comes out differently on purpose, and why; summed up in docs/decisions/0007. If not said otherwise, MLflow refuses it."""


class Echo:
    """A model that answers with what it gets."""

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return {"data": model_input, "params": params}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Both warn of columns they drop; MLflow of much more."""
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def models(signature: ModelSignature) -> tuple[Any, PyFuncModel]:
    """A model of MLflow's and one of ours with the same signature."""
    conf = {"python_function": {"loader_module": "none"}}
    theirs = mlflow.models.Model(flavors=conf, signature=mlflow.models.ModelSignature.from_dict(signature.to_dict()))
    return mlflow.pyfunc.PyFuncModel(theirs, Echo()), PyFuncModel(Model(flavors=conf, signature=signature), Echo())


def outcome(predict: Callable[[], Any], part: str = "data") -> Any:
    """What the model got, or that it got nothing."""
    try:
        found = predict()[part]
    except Exception:  # noqa: BLE001 - MLflow refuses by all kinds of exceptions
        return "refused"
    if isinstance(found, pd.DataFrame):
        return [(name, str(found[name].dtype), repr(plain(found[[name]]))) for name in found]
    if isinstance(found, dict):
        found = dict(sorted(found.items()))
    return repr(plain(found)), type(found).__name__


def both(schema: Schema, data: Any) -> tuple[Any, Any]:
    theirs, ours = models(ModelSignature(inputs=schema))
    return outcome(lambda: theirs.predict(data)), outcome(lambda: ours.predict(data))


def check(name: str, theirs: Any, ours: Any) -> None:
    if name in DIFFERENT:
        assert theirs != ours, f"{name!r} is the same by now: {ours}"
    else:
        assert ours == theirs, name


@pytest.mark.parametrize("case", [*CONTAINERS, *NESTED, *TENSORS], ids=lambda case: case.name)
def test_data_of_all_kinds(case: Case) -> None:
    check(case.name, *both(case.schema, case.data))


@pytest.mark.parametrize("given", COLUMNS)
def test_casts_of_columns(given: str) -> None:
    for dtype in DataType:
        schema = Schema([ColSpec(dtype, "a")])
        check(f"{given} to {dtype.name}", *both(schema, pd.DataFrame({"a": COLUMNS[given].values})))


@pytest.mark.parametrize("given", OPTIONAL)
def test_casts_of_optional_columns(given: str) -> None:
    for dtype in DataType:
        schema = Schema([ColSpec(dtype, "a", required=False)])
        check(f"optional, {given} to {dtype.name}", *both(schema, pd.DataFrame({"a": OPTIONAL[given][0]})))


@pytest.mark.parametrize("column", [WITH_A_ZONE, *CATEGORIES.values()])
def test_what_a_schema_is_inferred_from_is_accepted_here_and_refused_there(column: Any) -> None:
    frame = pd.DataFrame({"a": column.values})
    schema = infer_signature(frame).inputs
    assert schema is not None
    theirs, ours = both(schema, frame)
    assert (theirs, ours == "refused") == ("refused", False)


@pytest.mark.parametrize(("name", "given", "_expected"), PARAM_CASES, ids=lambda value: f"{value!r}"[:40])
def test_params(name: str, given: Any, _expected: Any) -> None:
    theirs, ours = models(ModelSignature(inputs=Schema([ColSpec("string")]), params=PARAMS))
    check(
        f"param {name} {given!r}",
        outcome(lambda: theirs.predict("s", params={name: given}), "params"),
        outcome(lambda: ours.predict("s", params={name: given}), "params"),
    )


MAKERS: list[Callable[[random.Random, int], Any]] = [
    lambda dice, rows: np.array([dice.random() < 0.5 for _ in range(rows)]),
    *(
        (lambda dice, rows, kind=kind: np.array([dice.choice([0, 1, 7, 100]) for _ in range(rows)], dtype=kind))
        for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
    ),
    lambda dice, rows: np.array([dice.choice([0.0, 1.5, np.nan]) for _ in range(rows)]),
    lambda dice, rows: [dice.choice(["a", "", "1"]) for _ in range(rows)],
    lambda dice, rows: pd.Series([dice.choice(["a", None]) for _ in range(rows)], dtype=object),
    lambda dice, rows: pd.Series([dice.choice([1, 0, 5]) for _ in range(rows)], dtype=object),
    lambda dice, rows: [dice.choice([b"x", b""]) for _ in range(rows)],
    lambda dice, rows: [dt.date(2026, 1, dice.randint(1, 28)) for _ in range(rows)],
    lambda dice, rows: [Decimal(dice.randint(1, 9)) / 4 for _ in range(rows)],
    lambda dice, rows: pd.to_datetime([f"2026-01-{dice.randint(1, 28):02}" for _ in range(rows)]),
    lambda dice, rows: pd.array([dice.choice([1, 5]) for _ in range(rows)], dtype=dice.choice(["Int64", "Int16"])),
    lambda dice, rows: pd.Series([[dice.random()] * dice.randint(1, 3) for _ in range(rows)], dtype=object),
    lambda dice, rows: pd.Series([{"k": dice.randint(0, 9)} for _ in range(rows)], dtype=object),
]


def random_frame(dice: random.Random, names: list[str], rows: int) -> pd.DataFrame:
    dice.shuffle(names)
    return pd.DataFrame({name: dice.choice(MAKERS)(dice, rows) for name in names if dice.random() < 0.9} or {"a": [1]})


@pytest.mark.parametrize("seed", range(20))
def test_random_frames_against_random_schemas(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(20):
        sample = random_frame(dice, ["a", "b", "c"], dice.randint(1, 3))
        schema = infer_signature(sample).inputs
        assert schema is not None
        theirs = mlflow.models.infer_signature(sample)
        assert schema.to_json() == theirs.to_dict()["inputs"]
        if any(isinstance(spec.type, AnyType) for spec in schema.inputs):
            continue  # MLflow lets pandas have another look at such columns, ours are handed on untouched
        # The sample itself, then frames of the same names: mostly refused.
        for frame in (
            sample,
            random_frame(dice, sample.columns.tolist(), 2),
            random_frame(dice, ["a", "b", "c", "d"], 1),
        ):
            found = both(schema, frame)
            assert found[0] == found[1], (schema, frame, frame.dtypes)
