"""A folder that one of the libraries saved is read by a program that has only the other one, and has never seen the code."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlflow
import mlkeep
import mlkeep.models
import mlkeep.pyfunc
import mlkeep.sklearn
from bench.environments import ROOT, output_of, plain_environment

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})

READS = """
import importlib, json, sys
from pathlib import Path
import pandas as pd
reader, writer, folder, columns = sys.argv[1], sys.argv[2], Path(sys.argv[3]), json.loads(sys.argv[4])
sys.modules[writer] = None  # as where it is not installed
pyfunc = importlib.import_module(f"{reader}.pyfunc")
sklearn = importlib.import_module(f"{reader}.sklearn")
frame = pd.DataFrame(columns)
loaded = {path.name: pyfunc.load_model(str(path)) for path in folder.iterdir()}
told = {
    name: {
        "predicted": list(model.predict(["a", "b"] if name == "hinted" else frame)),
        "signature": model.metadata.signature.to_dict(),
    }
    for name, model in loaded.items()
}
told["shifted"] = list(loaded["class"].predict(frame, params={"shift": 1}))
told["is a PythonModel"] = isinstance(loaded["class"].unwrap_python_model(), pyfunc.PythonModel)
linear = loaded["linear"].metadata
told["example"] = linear.load_input_example(str(folder / "linear")).to_dict("list")
told["metadata"] = linear.metadata
told["native"] = type(sklearn.load_model(str(folder / "linear"))).__name__
print(json.dumps(told, default=lambda value: value.item()))
"""


def scaled(base: type) -> Any:
    class Scaled(base):  # type: ignore[misc]  # the base of either package
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def load_context(self, context: Any) -> None:
            self.offset = float(Path(context.artifacts["offset"]).read_text())

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            shift = (params or {}).get("shift", 0.0)
            return model_input["a"] * self.factor + self.offset + context.model_config["bias"] + shift

    return Scaled(3)


def hinted() -> Any:
    def upper(model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]

    upper.__annotations__ = {"model_input": list[str], "return": list[str]}
    return upper


def save_all(writer: ModuleType, folder: Path, offset: Path) -> list[int]:
    """Save a model of each kind; what the estimators among them answer to FRAME."""
    estimator = LogisticRegression().fit(FRAME, [0, 0, 1, 1])
    signature = writer.models.infer_signature(FRAME, estimator.predict(FRAME))
    of_sklearn: dict[str, Any] = {"pip_requirements": ["scikit-learn"]}
    # MLflow 2 does not know skops, which is what we choose; MLflow chooses for itself.
    chosen = "cloudpickle" if writer is mlkeep and mlflow.__version__.startswith("2.") else None
    by_default = {} if chosen is None else {"serialization_format": chosen}
    writer.sklearn.save_model(
        estimator, str(folder / "linear"), input_example=FRAME, metadata={"k": 1}, **of_sklearn, **by_default
    )
    writer.sklearn.save_model(
        estimator, str(folder / "pickle"), serialization_format="pickle", signature=signature, **of_sklearn
    )
    of_python: dict[str, Any] = {"pip_requirements": ["cloudpickle"]}
    writer.pyfunc.save_model(
        str(folder / "class"),
        python_model=scaled(writer.pyfunc.PythonModel),
        artifacts={"offset": str(offset)},
        model_config={"bias": 0.5},
        signature=writer.models.infer_signature(FRAME, params={"shift": 0.0}),
        **of_python,
    )
    writer.pyfunc.save_model(
        str(folder / "function"),
        python_model=lambda model_input: model_input["a"] * 2,
        input_example=FRAME,
        **of_python,
    )
    writer.pyfunc.save_model(str(folder / "hinted"), python_model=hinted(), input_example=["x"], **of_python)
    answers: list[int] = estimator.predict(FRAME).tolist()
    return answers


@pytest.mark.parametrize(("writer", "reader"), [(mlkeep, mlflow), (mlflow, mlkeep)], ids=["out", "in"])
def test_a_program_with_only_the_other_library_answers_alike(
    writer: ModuleType, reader: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow leaves files where it runs
    folder, offset = tmp_path / "models", tmp_path / "offset.txt"
    offset.write_text("5")
    expected = save_all(writer, folder, offset)
    offset.unlink()

    arguments = [reader.__name__, writer.__name__, str(folder), json.dumps(FRAME.to_dict("list"))]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-W", "ignore", "-c", READS, *arguments]
    told = json.loads(output_of(command, env={**plain_environment(), **paths}, cwd=tmp_path).splitlines()[-1])

    signatures = {path.name: mlkeep.models.Model.load(path).to_dict()["signature"] for path in folder.iterdir()}
    predicted = {
        "linear": expected,
        "pickle": expected,
        "class": [5.5, 8.5, 11.5, 14.5],
        "function": [0.0, 2.0, 4.0, 6.0],
        "hinted": ["A", "B"],
    }
    models = {name: {"predicted": predicted[name], "signature": signatures[name]} for name in predicted}
    assert told == {
        **models,
        "shifted": [6.5, 9.5, 12.5, 15.5],
        "is a PythonModel": True,
        "example": FRAME.to_dict("list"),
        "metadata": {"k": 1},
        "native": "LogisticRegression",
    }
