"""ONNX models in folders, and as functions of arrays and frames."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import yaml
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

import mlkeep.onnx
import mlkeep.pyfunc
from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.models.mlmodel import Model

ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
FRAME = pd.DataFrame(ROWS, columns=["a", "b"])


def graph(nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any]) -> onnx.ModelProto:
    """A model whose inputs and outputs are names with a type and a shape."""
    taken, given = (
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in side.items()]
        for side in (inputs, outputs)
    )
    made = helper.make_graph(nodes, "graph", taken, given)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def one(kind: int, shape: list[Any]) -> onnx.ModelProto:
    """A model that answers what it is given: `x` becomes `y`."""
    return graph([helper.make_node("Identity", ["x"], ["y"])], {"x": (kind, shape)}, {"y": (kind, shape)})


def two() -> onnx.ModelProto:
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])]
    column = (TensorProto.FLOAT, [None, 1])
    return graph(nodes, {"a": column, "b": column}, {"sum": column, "product": column})


def large() -> onnx.ModelProto:
    """A model with 40 kB of weights: x @ w."""
    made = graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": (TensorProto.FLOAT, [None, 100])},
        {"y": (TensorProto.FLOAT, [None, 100])},
    )
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.eye(100, dtype=np.float32) * 2, "w"))
    return made


def function(model: onnx.ModelProto, folder: Path, **options: Any) -> Any:
    mlkeep.onnx.save_model(model, folder, **options)
    return mlkeep.pyfunc.load_model(folder)


def listed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in answer.items()}


def test_a_folder_says_what_mlflow_needs_to_load_it(tmp_path: Path) -> None:
    options = {"execution_mode": "sequential", "intra_op_num_threads": 1, "graph_optimization_level": 99}
    mlkeep.onnx.save_model(two(), tmp_path / "m", onnx_session_options=options)
    content = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    assert content["flavors"]["onnx"] == {
        "code": None,
        "data": "model.onnx",
        "onnx_version": onnx.__version__,
        "onnx_session_options": options,
        "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    }
    assert (
        content["flavors"]["python_function"].items() >= {"loader_module": "mlflow.onnx", "data": "model.onnx"}.items()
    )
    assert content["mlkeep_pickles"] == []
    assert mlkeep.onnx.load_model(tmp_path / "m") == two()
    assert isinstance(mlkeep.pyfunc.load_model(tmp_path / "m").get_raw_model(), onnxruntime.InferenceSession)


@pytest.mark.parametrize("outside", [True, False])
def test_large_tensors_lie_beside_the_graph_if_wanted(tmp_path: Path, outside: bool) -> None:
    model = large()
    before = model.SerializeToString()
    answer = function(model, tmp_path / "m", save_as_external_data=outside)
    assert (tmp_path / "m" / "model.onnx.data").exists() is outside
    assert model.SerializeToString() == before
    assert answer.predict(np.ones((1, 100)))["y"].tolist() == [[2.0] * 100]
    assert mlkeep.onnx.load_model(tmp_path / "m").graph.initializer[0].raw_data == model.graph.initializer[0].raw_data


@pytest.mark.parametrize("data", [ROWS, ROWS.astype("float32"), ROWS.astype("int64"), {"x": ROWS}], ids=repr)
def test_floats_of_any_size_fit_a_graph_of_floats(tmp_path: Path, data: Any) -> None:
    [(name, answer)] = function(one(TensorProto.FLOAT, [None, 2]), tmp_path / "m").predict(data).items()
    assert (name, answer.dtype, answer.tolist()) == ("y", np.float32, ROWS.tolist())


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (TensorProto.DOUBLE, np.array([1.5], "float32"), [1.5]),
        (TensorProto.INT64, np.array([1], "int32"), [1]),
        (TensorProto.INT32, np.array([1], "int64"), [1]),
        (TensorProto.FLOAT16, np.array([1.5]), [1.5]),
        (TensorProto.BOOL, np.array([True]), [True]),
        (TensorProto.STRING, np.array(["x"]), ["x"]),
        (TensorProto.STRING, np.array(["x"], object), ["x"]),
        (TensorProto.FLOAT, np.array([1, 2.5], object), [1.0, 2.5]),
    ],
)
def test_what_keeps_its_value_is_cast(tmp_path: Path, kind: int, data: Any, expected: list[Any]) -> None:
    assert function(one(kind, [None]), tmp_path / "m").predict(data)["y"].tolist() == expected


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (TensorProto.FLOAT, np.array([2**24 + 1])),
        (TensorProto.INT32, np.array([2**40])),
        (TensorProto.INT64, np.array([1.0])),
        (TensorProto.FLOAT, np.array(["x"])),
        (TensorProto.FLOAT, np.array([1, "x"], object)),
        (TensorProto.BOOL, np.array([1])),
    ],
)
def test_what_would_change_its_value_is_refused(tmp_path: Path, kind: int, data: Any) -> None:
    with pytest.raises(InvalidInput, match=r"The input x takes tensor\(\w+\); found .*, which cannot be cast"):
        function(one(kind, [None]), tmp_path / "m").predict(data)


def test_frames_go_in_and_come_out(tmp_path: Path) -> None:
    whole = function(one(TensorProto.FLOAT, [None, 2]), tmp_path / "whole").predict(FRAME)
    assert whole.to_dict("list") == {"y": ROWS.reshape(-1).tolist()}  # flattened, as in MLflow
    named = function(two(), tmp_path / "named")
    expected = {"sum": [1.0, 1.0, 3.0, 3.0], "product": [0.0, 0.0, 2.0, 0.0]}
    assert named.predict(FRAME[["b", "a"]].assign(c="more")).to_dict("list") == expected
    assert listed(named.predict({"a": ROWS[:, :1], "b": ROWS[:, 1:]})) == {
        name: [[value] for value in values] for name, values in expected.items()
    }
    cells = function(one(TensorProto.FLOAT, [None, 2, 1]), tmp_path / "cells")
    assert cells.predict(pd.DataFrame({"x": [[[1.0], [2.0]], [[3.0], [4.0]]]}))["y"].tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], ["n", "n", "y", "y"]], ids=["numbers", "words"])
def test_a_classifier_of_scikit_learn_answers_labels_and_probabilities(tmp_path: Path, labels: list[Any]) -> None:
    estimator = LogisticRegression().fit(ROWS, labels)
    expected = estimator.predict_proba(ROWS)
    maps = function(to_onnx(estimator, ROWS[:1].astype("float32")), tmp_path / "maps", input_example=FRAME)
    told = maps.predict(FRAME)
    assert told["output_label"].tolist() == labels
    assert [list(row) for row in told["output_probability"]] == [list(estimator.classes_)] * 4
    np.testing.assert_allclose([list(row.values()) for row in told["output_probability"]], expected, rtol=1e-5)
    arrays = function(
        to_onnx(estimator, ROWS[:1].astype("float32"), options={"zipmap": False}), tmp_path / "arrays"
    ).predict(FRAME)
    assert arrays["label"].tolist() == labels
    np.testing.assert_allclose(arrays["probabilities"].tolist(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("example", "inputs", "outputs"),
    [
        (
            FRAME,
            '[{"type": "double", "name": "a", "required": true}, {"type": "double", "name": "b", "required": true}]',
            '[{"type": "float", "name": "y", "required": true}]',
        ),
        (
            ROWS.astype("float32"),
            '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]',
            '[{"name": "y", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]',
        ),
    ],
    ids=["frame", "array"],
)
def test_an_example_gives_the_signature(tmp_path: Path, example: Any, inputs: str, outputs: str) -> None:
    model = function(one(TensorProto.FLOAT, [None, 2]), tmp_path / "m", input_example=example)
    signature = model.metadata.signature
    assert signature is not None
    assert (signature.to_dict()["inputs"], signature.to_dict()["outputs"]) == (inputs, outputs)
    model.predict(example)


def test_the_maps_of_a_classifier_have_a_signature_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = to_onnx(LogisticRegression().fit(ROWS, ["n", "n", "y", "y"]), ROWS[:1].astype("float32"))
    for number, example in enumerate((FRAME, ROWS)):
        mlkeep.onnx.save_model(model, tmp_path / str(number), input_example=example)
        outputs = Model.load(tmp_path / str(number)).get_output_schema()
        assert outputs is not None
        assert outputs.input_names() == ["output_label", "output_probability"]
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("model", "data", "told"),
    [
        (two(), ROWS, r"One array is not enough: give a dict of arrays for a: tensor\(float\)"),
        (two(), {"a": ROWS[:, :1]}, "The input lacks b: the graph takes a: "),
        (two(), FRAME[["a"]], "The frame lacks the columns b"),
        (two(), [[1.0]], "takes a frame, an array, or a dict of arrays .* found list"),
        (one(TensorProto.FLOAT, [None, 2]), ROWS[:, :1], r"cannot compute this input: .* It takes x: tensor\(float\)"),
    ],
    ids=["one array", "a name", "a column", "a list", "a shape"],
)
def test_wrong_input_is_told_what_the_graph_takes(tmp_path: Path, model: Any, data: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        function(model, tmp_path / "m").predict(data)


def test_providers_that_are_not_here_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        function(two(), tmp_path / "default")
        assert caplog.messages == []
        providers = [("NoSuchProvider", {"device_id": 1}), "CPUExecutionProvider"]
        model = function(two(), tmp_path / "m", onnx_execution_providers=providers)
    [warning] = caplog.messages
    assert "Going without [('NoSuchProvider', {'device_id': 1})]" in warning
    assert model.get_raw_model().get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (3, "expected a dict, found 3"),
        ({"threads": 1}, "'threads' is unknown; expected some of execution_mode"),
        ({"execution_mode": "fast"}, "execution_mode is 'fast'"),
        ({"graph_optimization_level": 5}, "graph_optimization_level is 5; expected 0, 1, 2 or 99"),
        ({"intra_op_num_threads": "1"}, "intra_op_num_threads is '1'"),
        ({"extra_session_config": []}, "extra_session_config is"),
    ],
)
def test_options_that_there_are_not_are_named(tmp_path: Path, options: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=f"onnx_session_options: {told}"):
        mlkeep.onnx.save_model(two(), tmp_path / "m", onnx_session_options=options)


def test_options_reach_the_session(tmp_path: Path) -> None:
    options = {
        "execution_mode": "parallel",
        "graph_optimization_level": 0,
        "inter_op_num_threads": 2,
        "extra_session_config": {"session.use_deterministic_compute": "1"},
    }
    used = function(two(), tmp_path / "m", onnx_session_options=options).get_raw_model().get_session_options()
    assert (used.execution_mode, used.graph_optimization_level, used.inter_op_num_threads) == (
        onnxruntime.ExecutionMode.ORT_PARALLEL,
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
        2,
    )
    assert used.get_session_config_entry("session.use_deterministic_compute") == "1"


def test_what_is_no_valid_model_is_not_saved(tmp_path: Path) -> None:
    broken = graph([helper.make_node("Identity", ["x"], ["y"])], {}, {})
    with pytest.raises(InvalidInput, match=r"onnx_model: not a valid ONNX model: .*input 'x' of node"):
        mlkeep.onnx.save_model(broken, tmp_path / "m")
    with pytest.raises(InvalidInput, match=r"onnx_model: expected an onnx\.ModelProto, found bytes"):
        mlkeep.onnx.save_model(b"", tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("load", [mlkeep.onnx.load_model, mlkeep.pyfunc.load_model], ids=["native", "function"])
def test_files_that_are_damaged_or_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Any
) -> None:
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    mlkeep.onnx.save_model(large(), tmp_path / "m")
    (tmp_path / "m" / "model.onnx.data").unlink()
    with pytest.raises((NotFound, InvalidInput), match=r"model\.onnx\.data"):
        load(tmp_path / "m")
    (tmp_path / "m" / "model.onnx").write_bytes(b"\xff\x00garbage")
    with pytest.raises(Damaged, match=r"model\.onnx in .* is not the file of an ONNX model, or damaged"):
        load(tmp_path / "m")
    (tmp_path / "m" / "model.onnx").unlink()
    with pytest.raises(NotFound, match=r"model\.onnx"):
        load(tmp_path / "m")
