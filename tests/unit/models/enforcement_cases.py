"""What models with a signature accept, and what they get: the tables of sections 9.1 to 9.5, in the order of the page.

`test_enforcement_*.py` hold mlkeep to them, `tests/flavors/test_enforcement_both.py` compares each with the official MLflow.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

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
    TensorSpec,
)


@dataclass(frozen=True)
class Refused:
    """What does not fit; the message says this, as a regular expression."""

    message: str = ""


@dataclass(frozen=True)
class Case:
    """Data given to a model with a schema. `expected` are the rows, arrays or values the model gets."""

    name: str
    schema: Schema
    data: Any
    expected: Any


def plain(found: Any) -> Any:
    """Frames as rows, arrays as their type, shape and values, numpy's numbers as Python's."""
    if isinstance(found, pd.DataFrame):
        return [{name: plain(cell) for name, cell in row.items()} for row in found.to_dict("records")]
    if sparse.issparse(found):
        return ("sparse", *plain(found.toarray()))
    if isinstance(found, np.ndarray):
        return (found.dtype.name, found.shape, found.tolist())
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    if isinstance(found, list):
        return [plain(value) for value in found]
    return found.item() if isinstance(found, np.generic) else found


# 9.1 Containers
NAMED = Schema([ColSpec("long", "a"), ColSpec("string", "b", required=False)])
TEXT = Schema([ColSpec("string")])
PAIR = Schema([ColSpec("long"), ColSpec("double")])

_A, _AB = [{"a": 1}], [{"a": 1, "b": "x"}]
_AB2 = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
_MISSING = Refused(r"Model is missing inputs \['a'\]\. Note that there were extra inputs: \[0\]\.")

CONTAINERS = [
    Case("a frame", NAMED, pd.DataFrame({"a": [1], "b": ["x"]}), _AB),
    Case("columns in another order", NAMED, pd.DataFrame({"b": ["x"], "a": [1]}), _AB),
    Case("columns too many", NAMED, pd.DataFrame({"z": [2], "a": [1]}), _A),
    Case("an optional column missing", NAMED, pd.DataFrame({"a": [1]}), _A),
    Case(
        "a required column missing",
        NAMED,
        pd.DataFrame({"b": ["x"]}),
        Refused(r"Model is missing inputs \['a'\]\.$"),
    ),
    Case("a frame without rows", NAMED, pd.DataFrame({"a": np.array([], dtype="int64")}), []),
    Case("a dict of scalars", NAMED, {"a": 1, "b": "x"}, _AB),
    Case("a dict of lists", NAMED, {"a": [1, 2], "b": ["x", "y"]}, _AB2),
    Case("a dict of arrays", NAMED, {"a": np.array([1, 2]), "b": np.array(["x", "y"])}, _AB2),
    Case("a dict of one array", NAMED, {"a": np.array([1, 2])}, [{"a": 1}, {"a": 2}]),
    Case("a dict of lists and scalars", NAMED, {"a": [1, 2], "b": "x"}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
    Case("a dict with too much", NAMED, {"a": 1, "z": 2}, _A),
    Case("a dict with too little", NAMED, {"b": "x"}, Refused(r"Model is missing inputs \['a'\]\.$")),
    Case("a list of dicts", NAMED, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], _AB2),
    Case("a list of dicts of other orders", NAMED, [{"b": "x", "a": 1}, {"a": 2, "b": "y"}], _AB2),
    Case("a series of that name", NAMED, pd.Series([1], name="a"), _A),
    Case("a series of another name", NAMED, pd.Series([1], name="z"), Refused(r"missing inputs \['a'\].*\['z'\]")),
    Case("an array", NAMED, np.zeros((1, 1)), _MISSING),
    Case("a list", NAMED, [1], _MISSING),
    Case("a number", NAMED, 1, _MISSING),
    Case("text", NAMED, "s", _MISSING),
    Case("a list of lists", NAMED, [[1]], _MISSING),
    Case("None", NAMED, None, Refused("Expected input to be DataFrame. Found: NoneType")),
    Case("unnamed: a frame", PAIR, pd.DataFrame({"x": [1], "y": [1.5]}), [{"x": 1, "y": 1.5}]),
    Case("unnamed: columns too many", PAIR, pd.DataFrame({"x": [1], "y": [1.5], "z": [0]}), [{"x": 1, "y": 1.5}]),
    Case("unnamed: columns too few", PAIR, pd.DataFrame({"x": [1]}), Refused("2 unnamed columns, the data 1")),
    Case("unnamed: a list of lists", PAIR, [[1, 2.5]], [{0: 1, 1: 2.5}]),
    Case("unnamed: an array", PAIR, np.array([[0, 1]]), [{0: 0, 1: 1.0}]),
    Case("unnamed: a list", PAIR, [1, 2.5], Refused("2 unnamed columns, the data 1")),
    Case("unnamed text: text", TEXT, "s", [{0: "s"}]),
    Case("unnamed text: a list", TEXT, ["s", "t"], [{0: "s"}, {0: "t"}]),
    Case("unnamed text: a dict", TEXT, {"k": "s"}, [{"k": "s"}]),
    Case("unnamed text: a series", TEXT, pd.Series(["s"]), [{0: "s"}]),
    Case("unnamed text: a frame", TEXT, pd.DataFrame({"q": ["s"]}), [{"q": "s"}]),
]


# 9.2 Casts of columns
@dataclass(frozen=True)
class Column:
    """A column, the types it is `cast` to without a change of its values, and those it is handed on `as_given` to."""

    values: Any
    cast: str = ""
    as_given: str = ""
    changed: dict[str, list[Any]] = field(default_factory=dict)
    """Values that are others afterwards, by type."""

    def accepted(self) -> dict[str, tuple[Any, list[Any]]]:
        """What comes of the column, as its type and values, by the types that take it."""
        given: Any = pd.DataFrame({"a": self.values})["a"]
        kept = {name: (given.dtype, given.tolist()) for name in self.as_given.split()}
        cast = {name: (DataType[name].to_numpy(), given.tolist()) for name in self.cast.split()}
        changed = {name: (DataType[name].to_numpy(), values) for name, values in self.changed.items()}
        return kept | cast | changed


def objects(*values: Any) -> pd.Series[Any]:
    return pd.Series(list(values), dtype=object)


_TEXT_TYPES = "string binary"
_UNSEEN = "boolean string binary"
_NEW_YEAR = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - times of models have no zone
_NEW_YEAR_NS = [pd.Timestamp("2026-01-01")]

COLUMNS = {
    "bool": Column(np.array([True]), as_given="boolean"),
    "int8": Column(np.array([5], "i1"), cast="integer long double"),
    "int16": Column(np.array([5], "i2"), cast="integer long double"),
    "uint8": Column(np.array([5], "u1"), cast="integer long double"),
    "uint16": Column(np.array([5], "u2"), cast="integer long double"),
    "int32": Column(np.array([5], "i4"), cast="integer long double"),
    "uint32": Column(np.array([5], "u4"), cast="long double"),
    "int64": Column(np.array([5]), cast="long"),
    "int64, flags": Column(np.array([1, 0]), cast="long float double"),
    "uint64": Column(np.array([5], "u8")),
    "uint64, flags": Column(np.array([1, 0], "u8")),
    "float16": Column(np.array([5], "f2"), cast="float double"),
    "float32": Column(np.array([5], "f4"), cast="float double"),
    "float64, whole": Column(np.array([5.0]), cast="double"),
    "float64, fraction": Column(np.array([1.5]), cast="double"),
    "Int64": Column(pd.array([5], dtype="Int64"), cast="long"),
    "Int64, flags": Column(pd.array([1, 0], dtype="Int64"), cast="long float double"),
    "Int64 with NA": Column(pd.array([5, None], dtype="Int64")),
    "Int32": Column(pd.array([5], dtype="Int32"), cast="integer long double"),
    "Float64": Column(pd.array([5.5], dtype="Float64"), cast="double"),
    "boolean": Column(pd.array([True], dtype="boolean"), cast="boolean"),
    "boolean with NA": Column(pd.array([True, None], dtype="boolean")),
    "Arrow's int64": Column(pd.array([5], dtype="int64[pyarrow]"), cast="long"),
    "Arrow's double": Column(pd.array([5.5], dtype="double[pyarrow]"), cast="double"),
    "Arrow's bool": Column(pd.array([True], dtype="bool[pyarrow]"), cast="boolean"),
    "Arrow's timestamp": Column(pd.array([_NEW_YEAR], dtype="timestamp[ns][pyarrow]"), cast="datetime"),
    "str": Column(["a"], as_given=_TEXT_TYPES),
    "string": Column(pd.array(["a"], dtype="string"), as_given=_TEXT_TYPES),
    "Arrow's string": Column(pd.array(["a"], dtype="string[pyarrow]"), as_given=_TEXT_TYPES),
    "bytes": Column([b"a"], as_given=_UNSEEN),
    "objects, whole numbers": Column(objects(5), cast="long", as_given=_TEXT_TYPES),
    "objects, flags": Column(objects(1, 0), cast="long float double", as_given=_TEXT_TYPES),
    "objects, floats": Column(objects(5.5), cast="double", as_given=_TEXT_TYPES),
    "objects, bool": Column(objects(True), cast="boolean", as_given=_TEXT_TYPES),
    "objects, numbers and text": Column(objects(1, "x"), as_given=_UNSEEN),
    "None only": Column([None], as_given=_UNSEEN, changed={"double": [np.nan], "datetime": [pd.NaT]}),
    "datetime64": Column(pd.to_datetime(["2026-01-01"]), cast="datetime"),
    "datetime64[s]": Column(np.array(["2026-01-01"], "datetime64[s]"), cast="datetime"),
    "datetime64 beyond nanoseconds": Column(np.array(["3026-01-01"], "datetime64[s]")),
    "dates": Column([dt.date(2026, 1, 1)], as_given=_UNSEEN, changed={"datetime": _NEW_YEAR_NS}),
    "objects, times": Column(objects(_NEW_YEAR), as_given=_TEXT_TYPES, changed={"datetime": _NEW_YEAR_NS}),
    "Decimal": Column([Decimal("1.5")], as_given=_UNSEEN, changed={"double": [1.5]}),
    "timedelta": Column(pd.to_timedelta(["1s"])),
    "complex": Column(np.array([1j])),
}

WITH_A_ZONE = Column(pd.to_datetime(["2026-01-01"]).tz_localize("UTC").as_unit("ns"), as_given="datetime")
CATEGORIES = {
    "text": Column(pd.Categorical(["a", None, "a"]), as_given=_TEXT_TYPES),
    "int64": Column(pd.Categorical([5, 7]), as_given="long"),
    "int32": Column(pd.Categorical(np.array([5, 7], "i4")), as_given="integer"),
}
"""Categories of small numbers widen, too, and stay categories."""

OPTIONAL: dict[str, tuple[Any, dict[str, tuple[str, list[Any]]]]] = {
    # column: by type, what comes of it: its type and values
    "Int64 with NA": (pd.array([5, None], dtype="Int64"), {"long": ("Int64", [5, None])}),
    "Int32 with NA": (
        pd.array([5, None], dtype="Int32"),
        {"integer": ("Int32", [5, None]), "long": ("Int64", [5, None]), "double": ("float64", [5.0, None])},
    ),
    "Arrow's int64 with NA": (pd.array([5, None], dtype="int64[pyarrow]"), {"long": ("int64[pyarrow]", [5, None])}),
    "boolean with NA": (pd.array([True, None], dtype="boolean"), {"boolean": ("boolean", [True, None])}),
    "Float64 with NA": (pd.array([5.5, None], dtype="Float64"), {"double": ("float64", [5.5, None])}),
    "float64: whole numbers, and NaN": (
        np.array([5, np.nan]),
        {"integer": ("Int32", [5, None]), "long": ("Int64", [5, None]), "double": ("float64", [5.0, None])},
    ),
    "float64: whole numbers": (
        np.array([5.0, 7.0]),
        {"integer": ("int32", [5, 7]), "long": ("int64", [5, 7]), "double": ("float64", [5.0, 7.0])},
    ),
    "float64: fractions": (np.array([5.5, np.nan]), {"double": ("float64", [5.5, None])}),
    "float64: infinity": (np.array([np.inf, np.nan]), {"double": ("float64", [np.inf, None])}),
    "float64: beyond 2**53": (np.array([2.0**60, np.nan]), {"double": ("float64", [2.0**60, None])}),
    "float64: beyond 32 bits": (
        np.array([2.0**40, np.nan]),
        {"long": ("Int64", [2**40, None]), "double": ("float64", [2.0**40, None])},
    ),
    "float64: only NaN": (
        np.array([np.nan]),
        {
            "boolean": ("object", [None]),
            "integer": ("Int32", [None]),
            "long": ("Int64", [None]),
            "float": ("float32", [None]),
            "double": ("float64", [None]),
            "string": ("object", [None]),
            "binary": ("object", [None]),
            "datetime": ("datetime64[ns]", [None]),
        },
    ),
    "objects: whole numbers, and None": (
        objects(2**62 + 1, None),
        {
            "long": ("Int64", [2**62 + 1, None]),
            "double": ("float64", [float(2**62 + 1), None]),
            "string": ("object", [2**62 + 1, None]),
            "binary": ("object", [2**62 + 1, None]),
        },
    ),
    "objects: text, and None": (
        objects("a", None),
        {
            "string": ("object", ["a", None]),
            "binary": ("object", ["a", None]),
        },
    ),
}

# 9.3 Complex columns
THING = Object([Property("x", "long"), Property("y", "string", required=False)])


def nested(name: str, dtype: Any, cell: Any, expected: Any, *, required: bool = True) -> Case:
    """A frame of one column with one cell."""
    rows = expected if isinstance(expected, Refused) else [{"a": expected}]
    frame = pd.DataFrame({"a": pd.Series([cell], dtype=object)})
    return Case(name, Schema([ColSpec(dtype, "a", required=required)]), frame, rows)


NESTED = [
    nested("array: a list", Array("long"), [1, 2], [1, 2]),
    nested("array: an array", Array("double"), np.array([1.5, 2.5]), ("float64", (2,), [1.5, 2.5])),
    nested("array: an array of small numbers", Array("long"), np.array([1], "i4"), ("int64", (1,), [1])),
    nested("array: no list", Array("double"), 3, Refused("Expected data to be list or numpy array, got int")),
    nested("array: text", Array("string"), "abc", Refused("Expected data to be list or numpy array, got str")),
    nested("array: a whole number among doubles", Array("double"), [1, 2.5], [1.0, 2.5]),
    nested("array: one whole number for doubles", Array("double"), [1], [1.0]),
    nested("array: numbers of numpy", Array("long"), [np.int32(3)], [3]),
    nested("array: empty", Array("double"), [], []),
    nested("array: text for doubles", Array("double"), ["a"], Refused("item 0: Can not safely convert 'a'")),
    nested("array: fractions for whole numbers", Array("long"), [1.5], Refused("Can not safely convert 1.5")),
    nested("array: None inside", Array("string"), ["a", None], ["a", None]),
    nested("array: arrays", Array(Array("long")), [[1], [2, 3]], [[1], [2, 3]]),
    nested("array: objects", Array(THING), [{"x": 1}, {"x": 2, "y": "s"}], [{"x": 1}, {"x": 2, "y": "s"}]),
    nested("array: None", Array("long"), None, Refused("row 0")),
    nested("array: None where it is optional", Array("long"), None, None, required=False),
    nested("object: all it has to have", THING, {"x": 1}, {"x": 1}),
    nested("object: all it may have", THING, {"x": 1, "y": "s"}, {"x": 1, "y": "s"}),
    nested("object: None for what is optional", THING, {"x": 1, "y": None}, {"x": 1, "y": None}),
    nested("object: something missing", THING, {"y": "s"}, Refused(r"Missing required properties: \{'x'\}")),
    nested(
        "object: something unknown",
        THING,
        {"x": 1, "z": 2},
        Refused(r"Invalid properties not defined in the schema found: \{'z'\}"),
    ),
    nested("object: of another type", THING, {"x": "1"}, Refused("property 'x'")),
    nested("object: no dict", THING, 3, Refused("Can not safely convert 3")),
    nested("object: None where it is optional", THING, None, None, required=False),
    nested("object: in an object", Object([Property("o", THING)]), {"o": {"x": 1}}, {"o": {"x": 1}}),
    nested("map", Map("long"), {"k": 1, "l": 2}, {"k": 1, "l": 2}),
    nested("map: empty", Map("long"), {}, {}),
    nested("map: a key that is no text", Map("long"), {1: 1}, Refused("keys of a map are strings")),
    nested("map: a value of another type", Map("long"), {"k": 1.5}, Refused("key 'k'")),
    nested("map: no dict", Map("long"), [1], Refused("Can not safely convert")),
    nested("map: of arrays", Map(Array("long")), {"k": [1]}, {"k": [1]}),
    nested("any: a list", AnyType(), [1, "x"], [1, "x"]),
    nested("any: None", AnyType(), None, None),
    Case("one row of an array", Schema([ColSpec(Array("long"), "a")]), {"a": [1, 2]}, [{"a": [1, 2]}]),
    Case(
        "rows of arrays", Schema([ColSpec(Array("long"), "a")]), {"a": [[1, 2], [3, 4]]}, [{"a": [1, 2]}, {"a": [3, 4]}]
    ),
    Case("rows with arrays", Schema([ColSpec(Array("long"), "a")]), [{"a": [1, 2]}], [{"a": [1, 2]}]),
    Case("unnamed arrays", Schema([ColSpec(Array("long"))]), [[1, 2], [3, 4]], [{0: [1, 2]}, {0: [3, 4]}]),
    Case("unnamed arrays of any length", Schema([ColSpec(Array("long"))]), [[1, 2], [3]], [{0: [1, 2]}, {0: [3]}]),
]

# 9.4 Tensors
ZEROS = np.zeros((2, 3), dtype="float32")
ONE = Schema([TensorSpec(np.dtype("float32"), (-1, 3))])
TWO = Schema([TensorSpec(np.dtype("float32"), (-1, 2), "x"), TensorSpec(np.dtype("int64"), (-1,), "y")])
_X, _Y = np.zeros((2, 2), "float32"), np.array([1, 2])
_BOTH = {"x": plain(_X), "y": plain(_Y)}
_STACKED = {"x": ("float32", (2, 2), [[0.0, 1.0], [1.0, 2.0]]), "y": ("int64", (2,), [1, 2])}


def of(dtype: str, *shape: int) -> Schema:
    return Schema([TensorSpec(np.dtype(dtype), shape)])


TENSORS = [
    Case("float32", ONE, ZEROS, plain(ZEROS)),
    Case("float64", ONE, ZEROS.astype("f8"), Refused("dtype of input float64 does not match expected dtype float32")),
    Case("int32", ONE, ZEROS.astype("i4"), Refused("dtype of input int32 does not match expected dtype float32")),
    Case(
        "a row too long",
        ONE,
        np.zeros((2, 4), "float32"),
        Refused(r"Shape of input \(2, 4\) does not match expected shape \(-1, 3\)\."),
    ),
    Case(
        "one dimension",
        ONE,
        np.zeros(3, "float32"),
        Refused(r"Shape of input \(3,\) does not match expected shape \(-1, 3\)\."),
    ),
    Case("no rows", ONE, ZEROS[:0], plain(ZEROS[:0])),
    Case("a frame", ONE, pd.DataFrame(ZEROS), plain(ZEROS)),
    Case("a frame of float64", ONE, pd.DataFrame(ZEROS.astype("f8")), Refused("dtype of input float64")),
    Case("a list", ONE, ZEROS.tolist(), Refused("takes a numpy array of float32 .* found list")),
    Case("csr", ONE, sparse.csr_matrix(ZEROS), ("sparse", *plain(ZEROS))),
    Case("csc", ONE, sparse.csc_matrix(ZEROS), ("sparse", *plain(ZEROS))),
    Case("a dict", ONE, {"a": ZEROS}, Refused("found dict")),
    Case("None", ONE, None, Refused("found NoneType")),
    Case("named: arrays", TWO, {"x": _X, "y": _Y}, _BOTH),
    Case("named: too many", TWO, {"x": _X, "y": _Y, "z": _Y}, _BOTH),
    Case("named: too few", TWO, {"x": _X}, Refused(r"Model is missing inputs \['y'\]\.")),
    Case("named: lists", TWO, {"x": [[0.0, 1.0]], "y": [1]}, Refused("tensor 'x', so it takes a numpy array")),
    Case("named: an array", TWO, ZEROS, Refused(r"Model is missing inputs \['x', 'y'\]\.")),
    Case("named: of another type", TWO, {"x": _X.astype("f8"), "y": _Y}, Refused("dtype of input float64")),
    Case(
        "named: columns of lists are stacked and cast",
        TWO,
        pd.DataFrame({"x": [[0.0, 1.0], [1.0, 2.0]], "y": [1.5, 2.0]}),
        _STACKED,
    ),
    Case(
        "named: columns of arrays are stacked and cast",
        TWO,
        pd.DataFrame({"x": [np.array([0, 1]), np.array([1, 2])], "y": [1, 2]}),
        _STACKED,
    ),
    Case(
        "named: columns that cannot be stacked", TWO, pd.DataFrame({"x": [1], "y": [1]}), Refused("cannot be stacked")
    ),
    Case(
        "named: a column for a matrix of one column",
        Schema([TensorSpec(np.dtype("float32"), (-1, 1), "x")]),
        pd.DataFrame({"x": [1.0, 2.0]}),
        {"x": ("float32", (2, 1), [[1.0], [2.0]])},
    ),
    Case("str: text of any length", of("str", -1), np.array(["abc"]), plain(np.array(["abc"]))),
    Case("str: objects", of("str", -1), objects("abc").to_numpy(), Refused("dtype of input")),
    Case("object: objects", of("object", -1), objects("abc").to_numpy(), ("object", (1,), ["abc"])),
    Case("object: text", of("object", -1), np.array(["abc"]), plain(np.array(["abc"]))),
    Case("bytes: of any length", of("bytes", -1), np.array([b"abc"]), plain(np.array([b"abc"]))),
    Case(
        "datetime64[ns]: days",
        of("datetime64[ns]", -1),
        np.array(["2026-01-01"], "datetime64[D]"),
        Refused("dtype of input"),
    ),
    Case("-1 is any length", of("int64", -1, -1, 2), np.zeros((1, 5, 2), "i8"), plain(np.zeros((1, 5, 2), "i8"))),
    Case("a length that is said", of("int64", 2), np.zeros(3, "i8"), Refused("Shape of input")),
]

# 9.5 Params
PARAMS = ParamSchema(
    [
        ParamSpec("integer", "integer", 1),
        ParamSpec("long", "long", 1),
        ParamSpec("float", "float", 1.5),
        ParamSpec("double", "double", 1.5),
        ParamSpec("text", "string", "a"),
        ParamSpec("flag", "boolean", True),
        ParamSpec("when", "datetime", dt.date(2026, 1, 1)),
        ParamSpec("list", "double", [1.0], (-1,)),
    ]
)
DEFAULTS = {
    "integer": 1,
    "long": 1,
    "float": 1.5,
    "double": 1.5,
    "text": "a",
    "flag": True,
    "when": dt.date(2026, 1, 1),
    "list": [1.0],
}
_PARAM = Refused("Invalid parameters found")

PARAM_CASES: list[tuple[str, Any, Any]] = [
    # name, value, what the model gets
    ("integer", 7, 7),
    ("long", 7, 7),
    ("long", np.int32(3), 3),
    ("long", np.int64(3), 3),
    ("float", 3, 3.0),
    ("float", 0.5, 0.5),
    ("double", 3, 3.0),
    ("double", np.float32(0.5), 0.5),
    ("double", np.int64(2), 2.0),
    ("text", "b", "b"),
    ("flag", False, False),
    ("flag", np.bool_(False), False),
    ("when", "2026-02-03", dt.date(2026, 2, 3)),
    ("when", dt.date(2026, 2, 3), dt.date(2026, 2, 3)),
    ("when", np.datetime64("2026-02-03"), dt.date(2026, 2, 3)),
    ("list", [2.5], [2.5]),
    ("list", [1, 2], [1.0, 2.0]),
    ("list", np.array([1.5, 2.5]), [1.5, 2.5]),
    ("list", [], []),
    *((name, None, None) for name in DEFAULTS),
    ("integer", 5.0, _PARAM),
    ("integer", 2**40, _PARAM),
    ("long", 5.0, _PARAM),
    ("long", "5", _PARAM),
    ("long", True, _PARAM),
    ("double", "1", _PARAM),
    ("double", True, _PARAM),
    ("text", 1, _PARAM),
    ("flag", 1, _PARAM),
    ("flag", "true", _PARAM),
    ("when", "soon", _PARAM),
    ("when", 1, _PARAM),
    ("list", (1.0,), _PARAM),
    ("list", 1.0, _PARAM),
    ("list", ["a"], _PARAM),
]
