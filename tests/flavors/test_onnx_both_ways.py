"""ONNX models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

import mlflow
import mlkeep.onnx
import mlkeep.pyfunc

ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
FRAME = pd.DataFrame(ROWS, columns=["a", "b"])


def matrix() -> onnx.ModelProto:
    """x @ w, with weights that are large enough to lie in a file of their own."""
    value = helper.make_tensor_value_info
    weights = onnx.numpy_helper.from_array(np.ones((2, 400), np.float32), "w")
    made = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "graph",
        [value("x", TensorProto.FLOAT, [None, 2])],
        [value("y", TensorProto.FLOAT, [None, 400])],
        [weights],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def two() -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["sum"])],
        "graph",
        [value(name, TensorProto.FLOAT, [None]) for name in "ab"],
        [value("sum", TensorProto.FLOAT, [None])],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def plain(answer: Any) -> Any:
    """An answer as what JSON can hold."""
    if isinstance(answer, pd.DataFrame):
        return answer.to_dict("list")
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in answer.items()}


MODELS = {
    "matrix": (matrix, [ROWS, ROWS.astype("float32"), {"x": ROWS}, FRAME]),
    "classifier": (
        lambda: to_onnx(LogisticRegression().fit(ROWS, ["n", "n", "y", "y"]), ROWS[:1].astype("float32")),
        [ROWS, FRAME],
    ),
    "two inputs": (two, [{"a": ROWS[:, 0], "b": ROWS[:, 1]}, FRAME]),
}


@pytest.mark.parametrize("kind", MODELS)
def test_what_one_saves_the_other_loads_and_both_answer_alike(kind: str, tmp_path: Path) -> None:
    make, inputs = MODELS[kind]
    model = make()
    options = {"execution_mode": "sequential", "graph_optimization_level": 1}
    mlkeep.onnx.save_model(model, tmp_path / "ours", onnx_session_options=options)
    mlflow.onnx.save_model(model, tmp_path / "theirs", onnx_session_options=options, pip_requirements=["onnx"])
    for folder in ("ours", "theirs"):
        ours, theirs = (load(str(tmp_path / folder)) for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model))
        for data in inputs:
            assert plain(ours.predict(data)) == plain(theirs.predict(data))
        natives = [load(str(tmp_path / folder)) for load in (mlkeep.onnx.load_model, mlflow.onnx.load_model)]
        assert natives[0].SerializeToString() == natives[1].SerializeToString()


def test_a_signature_we_infer_is_enforced_by_mlflow(tmp_path: Path) -> None:
    mlkeep.onnx.save_model(matrix(), tmp_path / "m", input_example=FRAME)
    theirs: Any = mlflow.pyfunc.load_model(str(tmp_path / "m"))
    assert theirs.metadata.get_input_schema().input_names() == ["a", "b"]
    assert len(theirs.predict(FRAME)["y"]) == 4 * 400
    with pytest.raises(mlflow.MlflowException, match="missing inputs"):
        theirs.predict(FRAME[["a"]])
