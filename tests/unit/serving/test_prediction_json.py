"""How predictions are written."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlkeep.core.errors import InternalError
from mlkeep.serving.encode import encode


@pytest.mark.parametrize(
    ("predictions", "written"),
    [
        pytest.param(np.array([1, 2]), "[1,2]", id="integers"),
        pytest.param(np.array([[0.5, 1.0]]), "[[0.5,1.0]]", id="nested floats"),
        pytest.param(np.array([0.1], dtype="float32"), "[0.10000000149011612]", id="float32"),
        pytest.param(np.array([True]), "[true]", id="booleans"),
        pytest.param(np.array(["a", "ü"]), '["a","ü"]', id="text"),
        pytest.param(np.array([np.nan, np.inf, -np.inf]), "[NaN,Infinity,-Infinity]", id="not finite"),
        pytest.param([1.5, float("nan")], "[1.5,NaN]", id="nan in a list"),
        pytest.param(np.array([b"abc"]), '["YWJj\\n"]', id="bytes array"),
        pytest.param(np.array(["2020-01-01", "NaT"], "datetime64[ns]"), '["2020-01-01T00:00:00","NaT"]', id="times"),
        pytest.param(np.array([["2020-01-01"]], "datetime64[D]"), '[["2020-01-01"]]', id="days"),
        pytest.param(np.array([{"a": np.int64(1)}], dtype=object), '[{"a":1}]', id="objects"),
        pytest.param(pd.DataFrame({"a": [1, 2], "b": ["x", None]}), '[{"a":1,"b":"x"},{"a":2,"b":null}]', id="frame"),
        pytest.param(pd.DataFrame([[1.5, np.nan]]), '[{"0":1.5,"1":NaN}]', id="frame without names"),
        pytest.param(
            pd.DataFrame({"t": pd.DatetimeIndex(["2020-01-01", pd.NaT])}),
            '[{"t":"2020-01-01T00:00:00"},{"t":"NaT"}]',
            id="times in a frame",
        ),
        pytest.param(pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}), '[{"n":1},{"n":null}]', id="nullable"),
        pytest.param(pd.DataFrame({"c": pd.Categorical(["a"])}), '[{"c":"a"}]', id="category"),
        pytest.param(pd.DataFrame({"a": [np.array([1])], "b": [b"q"]}), '[{"a":[1],"b":"cQ==\\n"}]', id="odd cells"),
        pytest.param(pd.Series([1, 2], name="s"), '[{"s":1},{"s":2}]', id="named series"),
        pytest.param(pd.Series([1.5]), '[{"0":1.5}]', id="series"),
        pytest.param({"a": np.array([1.0]), 1: (2, None)}, '{"a":[1.0],"1":[2,null]}', id="dict"),
        pytest.param({True: 1, None: 2, np.int64(3): 3}, '{"true":1,"null":2,"3":3}', id="other keys"),
        pytest.param(np.float32(1.5), "1.5", id="numpy float"),
        pytest.param(np.bool_(True), "true", id="numpy boolean"),
        pytest.param(np.datetime64("2020-01-01"), '"2020-01-01"', id="numpy day"),
        pytest.param(pd.Timestamp("2020-01-01", tz="UTC"), '"2020-01-01T00:00:00+00:00"', id="timestamp"),
        pytest.param(dt.date(2020, 1, 2), '"2020-01-02"', id="date"),
        pytest.param(pd.NaT, '"NaT"', id="not a time"),
        pytest.param(pd.NA, "null", id="missing"),
        pytest.param(b"abc", '"YWJj\\n"', id="bytes"),
        pytest.param("x", '"x"', id="string"),
        pytest.param(None, "null", id="nothing"),
        pytest.param(2**70, "1180591620717411303424", id="large integer"),
    ],
)
def test_predictions_are_written_under_their_key(predictions: Any, written: str) -> None:
    assert encode(predictions, wrapped=True).decode() == f'{{"predictions":{written}}}'


def test_an_answer_to_a_language_model_request_is_bare() -> None:
    assert encode({"choices": [1]}, wrapped=False) == b'{"choices":[1]}'


@pytest.mark.parametrize(("prediction", "kind"), [({1}, "builtins.set"), (1j, "builtins.complex"), (iter("a"), "str")])
def test_what_has_no_json_is_a_fault_of_the_model_with_its_type_named(prediction: object, kind: str) -> None:
    with pytest.raises(InternalError, match=kind):
        encode(prediction, wrapped=True)
