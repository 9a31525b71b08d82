"""Type hints of `predict`: the signature they give, and data checked against them."""

from __future__ import annotations

import datetime as dt
import pickletools
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import pandas as pd
import pytest

import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput
from mlkeep.models import infer_signature
from mlkeep.models.mlmodel import Model
from mlkeep.models.type_hints import TypeFromExample, UnsupportedHint, checked_by_hint, schema_of_hint
from mlkeep.pyfunc import PyFuncModel, PythonModel

NOW = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as it comes out of a frame


class Upper(PythonModel):
    def predict(self, model_input: list[str], params: dict[str, Any] | None = None) -> list[str]:  # type: ignore[override]  # the short form
        return [text.upper() + (params or {}).get("end", "") for text in model_input]


class Shape(PythonModel):
    def predict(self, model_input: TypeFromExample[Any]) -> list[str]:  # type: ignore[override]  # the short form
        return [repr(model_input)]


class Framed(PythonModel):
    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - part of the interface
        return model_input


def loaded(path: Path, model: Any, **arguments: Any) -> PyFuncModel:
    mlkeep.pyfunc.save_model(path, python_model=model, **arguments)
    return mlkeep.pyfunc.load_model(path)


@pytest.mark.parametrize(
    ("hint", "column"),
    [
        (list[str], '{"type": "string", "required": true}'),
        (list[int], '{"type": "long", "required": true}'),
        (list[float], '{"type": "double", "required": true}'),
        (list[bool], '{"type": "boolean", "required": true}'),
        (list[bytes], '{"type": "binary", "required": true}'),
        (list[dt.datetime], '{"type": "datetime", "required": true}'),
        (list[Any], '{"type": "any", "required": true}'),
        (list[int | str], '{"type": "any", "required": true}'),
        (list[Union[int, str]], '{"type": "any", "required": true}'),  # noqa: UP007 - written so as well
        (list[list[int]], '{"type": "array", "items": {"type": "long"}, "required": true}'),
        (list[dict[str, float]], '{"type": "map", "values": {"type": "double"}, "required": true}'),
        (
            list[dict[str, list[str]]],
            '{"type": "map", "values": {"type": "array", "items": {"type": "string"}}, "required": true}',
        ),
    ],
)
def test_the_schema_that_a_hint_means(hint: Any, column: str) -> None:
    assert schema_of_hint(hint).to_json() == f"[{column}]"


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (list, r"`list` doesn't contain a collection element type: write for instance `list\[str\]`"),
        (list[dict], r"Invalid type hint `dict`: it must say what its elements are"),  # type: ignore[type-arg]  # what the check is for
        (list[list], r"Invalid type hint `list`: it must say what its elements are"),  # type: ignore[type-arg]  # what the check is for
        (list[dict[int, str]], r"the keys of a dict must be str, not <class 'int'>"),
        (list[int | None], "an input cannot be Optional"),
        (list[Optional[int]], "an input cannot be Optional"),  # noqa: UP045 - written so as well
    ],
)
def test_a_list_that_says_too_little_is_refused(hint: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=message):
        schema_of_hint(hint)

    def predict(model_input):  # type: ignore[no-untyped-def]  # gets its hint below
        return model_input

    predict.__annotations__["model_input"] = hint
    with pytest.raises(InvalidInput, match=message):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=predict)


@pytest.mark.parametrize("hint", [str, list[tuple[int]], list[set[int]], list[dt.date], list[object], dict[str, int]])
def test_other_hints_give_no_signature(hint: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnsupportedHint):
        schema_of_hint(hint)

    def predict(model_input):  # type: ignore[no-untyped-def]  # gets its hint below
        return model_input

    predict.__annotations__["model_input"] = hint
    assert loaded(tmp_path / "m", predict).predict("as it is") == "as it is"
    assert Model.load(tmp_path / "m").signature is None
    assert "No signature from the type hint of predict" in caplog.text


@pytest.mark.parametrize(
    ("hint", "data", "checked"),
    [
        (list[str], ["a"], ["a"]),
        (list[str], [], []),
        (list[str], pd.DataFrame({"x": ["a", "b"]}), ["a", "b"]),
        (list[str], pd.DataFrame({"n": [1], "x": ["a"]}), ["a"]),
        (list[int], [1, True], [1, True]),
        (list[int], [np.int64(3)], [3]),
        (list[int], pd.DataFrame({"x": [1, 2]}), [1, 2]),
        (list[float], [1.5, 2, np.float32(0.5)], [1.5, 2.0, 0.5]),
        (list[bytes], [b"x"], [b"x"]),
        (list[dt.datetime], [NOW, pd.Timestamp(NOW)], [NOW, NOW]),
        (list[Any], [1, None], [1, None]),
        (list[int | str], [1.5, None], [1.5, None]),
        (list[list[int]], [[1], []], [[1], []]),
        (list[dict[str, int]], [{"a": 1}, {}], [{"a": 1}, {}]),
        (list[dict[str, Any]], [{"a": None}], [{"a": None}]),
    ],
)
def test_data_that_is_what_the_hint_says(hint: Any, data: Any, checked: list[Any]) -> None:
    found = checked_by_hint(data, hint)
    assert found == checked
    assert [type(value) for value in found if isinstance(value, (int, float))] == [
        type(value) for value in checked if isinstance(value, (int, float))
    ]


@pytest.mark.parametrize(
    ("hint", "data", "message"),
    [
        (list[str], "a", "Expected list, but got str"),
        (list[str], None, "Expected list, but got NoneType"),
        (list[str], ("a",), "Expected list, but got tuple"),
        (list[str], np.array(["a"]), "Expected list, but got ndarray"),
        (
            list[str],
            [1],
            r"against type hint `list\[str\]`, invalid elements: \[\('1', 'Expected type str, but got int'\)\]",
        ),
        (list[str], [None], "Expected type str, but got NoneType"),
        (list[str], pd.DataFrame({"x": [1]}), "Expected model input to contain at least one string column"),
        (list[str], pd.DataFrame(), "the frame has no columns"),
        (list[int], [1.0], "Expected type int, but got float"),
        (list[int], ["1"], "Expected type int, but got str"),
        (list[float], [True], "Expected type float, but got bool"),
        (list[bool], [1], "Expected type bool, but got int"),
        (list[bytes], ["a"], "Expected type bytes, but got str"),
        (list[dt.datetime], ["2026-01-02"], "Expected type datetime, but got str"),
        (list[list[int]], [["x"]], r"against type hint `list\[int\]`, invalid elements: \[\('x', 'Expected type int"),
        (list[dict[str, int]], [1], "Expected dict, but got int"),
        (list[dict[str, int]], [{"a": "x"}], r"invalid elements: \{'a': 'Expected type int, but got str'\}"),
        (list[dict[str, int]], [{1: 1}], "Key must be a string, got int"),
        (list[int], ["x"] * 7, "and 2 more"),
    ],
)
def test_data_that_is_not_what_the_hint_says(hint: Any, data: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        checked_by_hint(data, hint)


def test_hints_are_the_signature_and_are_enforced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = Upper()
    path = tmp_path / "m"
    pyfunc = loaded(
        path, model, input_example=(["a"], {"end": "!"}), signature=infer_signature(pd.DataFrame({"z": [1]}))
    )
    assert "Ignoring the signature: the type hints of predict say what the model takes" in caplog.text
    assert "_predict_type_hints" not in vars(model), "saving leaves the caller's object alone"
    described = Model.load(path)
    assert described.is_signature_from_type_hint
    assert not described.type_hint_from_example
    assert described.signature is not None
    assert described.signature.to_dict() == {
        "inputs": '[{"type": "string", "required": true}]',
        "outputs": '[{"type": "string", "required": true}]',
        "params": '[{"name": "end", "default": "!", "shape": null, "type": "string"}]',
    }
    assert pyfunc.predict(["x"]) == ["X!"]
    assert pyfunc.predict(pd.DataFrame({"any": ["x", "y"]}), params={"end": "?"}) == ["X?", "Y?"]
    with pytest.raises(
        InvalidInput, match=r"Failed to validate the input of predict\. Error: Expected list, but got str"
    ):
        pyfunc.predict("x")
    with pytest.raises(InvalidInput, match="invalid elements"):
        pyfunc.predict([1])


def test_a_function_with_hints_is_checked_too(tmp_path: Path) -> None:
    def twice(model_input: list[int]) -> list[int]:
        return [2 * value for value in model_input]

    pyfunc = loaded(tmp_path / "m", twice)
    assert pyfunc.predict([1, 2]) == [2, 4]
    with pytest.raises(InvalidInput, match="Expected type int, but got str"):
        pyfunc.predict(["1"])


def test_the_hints_are_in_the_pickle_under_mlflows_name(tmp_path: Path) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Upper())
    content = (tmp_path / "m" / "python_model.pkl").read_bytes()
    texts = [argument for code, argument, _ in pickletools.genops(content) if "UNICODE" in code.name]
    assert {"_predict_type_hints", "mlflow.models.signature", "_TypeHints"} <= set(texts)


def test_an_example_that_is_not_what_the_hint_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Input example does not match the type hint `list\[str\]` of predict"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=Upper(), input_example=[1])


def test_one_input_as_example_is_a_list_of_one(tmp_path: Path) -> None:
    assert loaded(tmp_path / "m", Upper(), input_example="a").input_example == ["a"]


def test_a_frame_as_hint_leaves_the_signature_to_the_example(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0]})
    pyfunc = loaded(tmp_path / "m", Framed(), input_example=frame)
    assert pyfunc.input_schema == infer_signature(frame).inputs
    assert not Model.load(tmp_path / "m").is_signature_from_type_hint


@pytest.mark.parametrize(
    ("example", "data", "shown"),
    [
        (["a"], ["b"], "['b']"),
        (["a"], "b", "['b']"),
        (["a"], pd.DataFrame({"x": ["b", "c"]}), "['b', 'c']"),
        ([{"a": 1}], {"a": 2}, "[{'a': 2}]"),
        (pd.DataFrame({"x": [1]}), [{"x": 3}], "   x\n0  3"),
    ],
)
def test_a_type_from_the_example_has_its_shape(example: Any, data: Any, shown: str, tmp_path: Path) -> None:
    pyfunc = loaded(tmp_path / "m", Shape(), input_example=example)
    assert Model.load(tmp_path / "m").type_hint_from_example
    assert pyfunc.predict(data) == [shown]


def test_a_type_from_an_example_that_is_missing_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert loaded(tmp_path / "m", Shape()).predict(3) == ["3"]
    assert "there is no input_example: its input is not checked" in caplog.text
