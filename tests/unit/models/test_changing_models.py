"""Changing what a model's folder says, reading it from anywhere, and asking models as a server would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlkeep.models
import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.errors import BadRequest, InvalidInput, NotFound
from mlkeep.models import Model, ModelSignature, get_model_info, infer_signature, set_signature, validate_serving_input
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.models.scoring_input import read_scoring_input
from mlkeep.sdk import artifacts, fluent
from mlkeep.sdk.verifying import FileState

TWO_COLUMNS = infer_signature(pd.DataFrame({"a": [1.0], "b": [1.0]}))


@pytest.fixture
def uris(tracking: None, estimator: LogisticRegression, tmp_path: Path) -> dict[str, str]:
    """The same model without a signature in a folder, in a run, and as a logged model that is registered."""
    mlkeep.sklearn.save_model(estimator, tmp_path / "folder")
    with fluent.start_run():
        in_run = mlkeep.sklearn.log_model(estimator, "deep/model").model_uri
        info = mlkeep.sklearn.log_model(estimator, name="linear", registered_model_name="iris")
    return {
        "folder": str(tmp_path / "folder"),
        "file": f"file://{tmp_path / 'folder'}",
        "run": in_run,
        "named in run": f"runs:/{info.run_id}/linear",
        "logged model": info.model_uri,
        "version": "models:/iris/1",
    }


def test_the_signature_is_changed_where_the_model_lies(uris: dict[str, str], frame: pd.DataFrame) -> None:
    for place in ("folder", "file", "run", "named in run", "logged model"):
        signature = infer_signature(frame.rename(columns={"a": place}))
        set_signature(uris[place], signature)
        assert get_model_info(uris[place]).signature == signature
        assert Model.load(uris[place]).signature == signature
        with pytest.raises(InvalidInput, match=f"Model is missing inputs .'{place}'"):
            mlkeep.pyfunc.load_model(uris[place]).predict(frame)


def test_what_is_recorded_of_the_files_is_changed_with_them(uris: dict[str, str]) -> None:
    for place in ("run", "logged model"):
        set_signature(uris[place], TWO_COLUMNS)
        assert artifacts.verify_artifacts(uris[place]).in_state(FileState.OK)
        assert artifacts.verify_artifacts(uris[place]).is_sound


def test_a_registered_version_does_not_change(uris: dict[str, str]) -> None:
    for uri in ("models:/iris/1", "models:/iris@champion", "models:/iris/latest"):
        with pytest.raises(InvalidInput, match=r"Failed to set signature on .*registered versions do not change"):
            set_signature(uri, TWO_COLUMNS)
    assert get_model_info("models:/iris/1").signature is None


def test_what_is_no_signature_or_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="expected a ModelSignature, found 'long'"):
        set_signature(tmp_path, "long")  # type: ignore[arg-type]  # what the check is for
    with pytest.raises(NotFound, match='Could not find an "MLmodel" configuration file'):
        set_signature(tmp_path, TWO_COLUMNS)
    assert list(tmp_path.iterdir()) == []


def test_a_signature_that_was_given_replaces_that_of_hints(tmp_path: Path) -> None:
    def predict(model_input: list[str]) -> list[str]:
        return model_input

    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=predict)
    set_signature(tmp_path / "m", ModelSignature(Schema([ColSpec("long", "a")])))
    model = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert model.predict({"a": [1]}).to_dict("list") == {"a": [1]}


def test_a_summary_has_what_is_known_of_the_logged_model(uris: dict[str, str]) -> None:
    info = get_model_info(uris["logged model"])
    assert (info.name, info.model_uri, info.model_id) == (
        "linear",
        uris["logged model"],
        uris["logged model"].removeprefix("models:/"),
    )
    assert info.tags is not None
    assert json.loads(info.tags["mlflow.modelVersions"]) == [{"name": "iris", "version": 1}]
    assert get_model_info("models:/iris/1").model_id == info.model_id
    assert get_model_info(uris["folder"]).model_uri == uris["folder"]


def test_a_model_that_is_missing_cannot_be_read(tracking: None, tmp_path: Path) -> None:
    for uri in ("models:/no/1", f"models:/m-{'0' * 32}", f"runs:/{'0' * 32}/model", str(tmp_path / "no")):
        with pytest.raises(NotFound):
            Model.load(uri)


def test_a_model_tells_its_example_from_where_it_was_logged(
    tracking: None, estimator: LogisticRegression, frame: pd.DataFrame
) -> None:
    info = mlkeep.sklearn.log_model(estimator, name="linear", input_example=frame)
    pd.testing.assert_frame_equal(Model.load(info.model_uri).load_input_example(), frame)
    pd.testing.assert_frame_equal(mlkeep.pyfunc.load_model(info.model_uri).input_example, frame)


def test_what_a_server_would_be_sent_is_answered(
    tracking: None, estimator: LogisticRegression, frame: pd.DataFrame
) -> None:
    info = mlkeep.sklearn.log_model(estimator, name="linear", input_example=frame)
    body = mlkeep.models.convert_input_example_to_serving_input(frame)
    assert body is not None
    assert validate_serving_input(info.model_uri, body).tolist() == [0, 0, 1, 1]
    assert validate_serving_input(info.model_uri, {"inputs": {"a": [0, 3], "b": [1, 0]}}).tolist() == [0, 1]
    with pytest.raises(InvalidInput, match="Model is missing inputs"):
        validate_serving_input(info.model_uri, {"inputs": [[0.0, 1.0]]})
    assert mlkeep.models.convert_input_example_to_serving_input(None) is None


def test_models_with_hints_are_sent_plain_inputs(tmp_path: Path) -> None:
    def predict(model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]

    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=predict)
    assert validate_serving_input(str(tmp_path / "m"), '{"inputs": ["a"]}') == ["A"]
    with pytest.raises(BadRequest, match="takes its data as 'inputs', not as 'instances'"):
        validate_serving_input(str(tmp_path / "m"), '{"instances": ["a"]}')


def named(dtype: str) -> Schema:
    return Schema([ColSpec(dtype, "x")])


@pytest.mark.parametrize(
    ("body", "schema", "read"),
    [
        ({"inputs": [[1, 2]]}, None, np.array([[1, 2]])),
        ({"inputs": {"x": [1], "y": [1, 2]}}, None, {"x": np.array([1]), "y": np.array([1, 2])}),
        ({"inputs": [{"x": 1}]}, named("long"), [{"x": 1}]),
        ({"inputs": {"x": 1}}, named("long"), {"x": 1}),
        ({"inputs": [1, 2]}, named("long"), {"x": [1, 2]}),
        ({"inputs": {"x": [1, 2]}}, named("double"), {"x": np.array([1.0, 2.0])}),
        ({"inputs": ["a"]}, Schema([ColSpec("string")]), np.array(["a"])),
        ({"instances": [{"x": 1}, {"x": 2}]}, None, {"x": np.array([1, 2])}),
        (
            {"inputs": [[1, 2]]},
            Schema([TensorSpec(np.dtype("float32"), (-1, 2))]),
            np.array([[1, 2]], dtype="float32"),
        ),
        (
            {"dataframe_split": {"columns": ["p", "q"], "data": [[1, 2]]}},
            Schema([TensorSpec(np.dtype("float32"), (-1, 2))]),
            np.array([[1, 2]], dtype="float32"),
        ),
        ({"messages": [{"role": "user"}], "params": {"t": 1}}, None, {"messages": [{"role": "user"}]}),
    ],
)
def test_bodies_are_read_towards_the_signature(body: dict[str, Any], schema: Schema | None, read: Any) -> None:
    data, params = read_scoring_input(json.dumps(body), schema)
    np.testing.assert_equal(data, read)
    assert params == body.get("params")
    if isinstance(read, np.ndarray):
        assert data.dtype == read.dtype


@pytest.mark.parametrize(
    ("dtype", "cell", "read"),
    [
        ("boolean", 1, True),
        ("long", 1.0, 1),
        ("double", 2, 2.0),
        ("string", 5, 5),
        ("binary", "YQ==", b"a"),
        ("datetime", "2026-01-02", pd.Timestamp("2026-01-02")),
    ],
)
def test_cells_of_frames_get_the_declared_type(dtype: str, cell: Any, read: Any) -> None:
    for body in ({"dataframe_records": [{"x": cell}]}, {"dataframe_split": {"columns": ["x"], "data": [[cell]]}}):
        data, _ = read_scoring_input(body, named(dtype))
        assert data["x"].tolist() == [read]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("no json", "Ensure that input is a valid JSON formatted string"),
        ("[1]", "Received a list"),
        ("null", "Received unexpected input type '<class 'NoneType'>'"),
        ("{}", r"exactly one of the input fields .* fields: \[\]"),
        ('{"inputs": 1, "instances": 1}', r"fields: \['instances', 'inputs'\]"),
        ('{"dataframe_split": [1]}', "Dataframe split format must be a dictionary. Got list"),
        ('{"dataframe_split": {"columns": []}}', "must have 'data' field"),
        ('{"dataframe_split": {"columns": ["x"], "data": [[1, 2]]}}', "cannot be read as the model's input"),
        ('{"dataframe_records": {"x": 1}}', "must be a list of records. Got dictionary"),
        ('{"dataframe_records": [{"x": "far"}]}', "Failed to convert column x to type 'int64'"),
        ('{"inputs": {"x": ["far"]}}', "cannot be read as the model's input"),
    ],
)
def test_bodies_that_make_no_sense_are_refused(body: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        read_scoring_input(body, named("long"))


def test_names_where_the_signature_has_none_are_refused() -> None:
    with pytest.raises(BadRequest, match="un-named model signature"):
        read_scoring_input('{"inputs": {"x": [1]}}', Schema([ColSpec("long")]))


def test_data_can_be_held_against_a_schema() -> None:
    schema = named("long")
    mlkeep.models.validate_schema(pd.DataFrame({"x": [1]}), schema)
    with pytest.raises(InvalidInput, match=r"Model is missing inputs \['x'\]"):
        mlkeep.models.validate_schema([{"y": 1}], schema)
