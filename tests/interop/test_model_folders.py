"""Model folders go both ways between mlkeep and the official MLflow.

The environments differ (pandas 2 beside pandas 3 for MLflow 2.22), so what is compared is what the models answer to the
same numbers, sent as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import mlkeep.pyfunc
import mlkeep.sklearn

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]

COLUMNS = {"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]}
TARGET = [0, 0, 1, 1]

THEY_LOAD = """
import json, sys
import mlflow, pandas as pd
folders, columns = json.loads(sys.argv[1]), json.loads(sys.argv[2])
frame = pd.DataFrame(columns)
answers = {}
for name, folder in folders.items():
    model = mlflow.pyfunc.load_model(folder)
    signature = model.metadata.signature
    answers[name] = {
        "predictions": [float(value) for value in model.predict(frame)],
        "signature": signature.to_dict() if signature else None,
        "example": signature and len(model.metadata.load_input_example(folder)),
        "metadata": model.metadata.metadata,
    }
print(json.dumps(answers))
"""

THEY_SAVE = """
import json, sys
from pathlib import Path
import mlflow, pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

target, columns, labels = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
frame = pd.DataFrame(columns)
estimator = LogisticRegression().fit(frame, labels)

class Scaled(mlflow.pyfunc.PythonModel):
    def __init__(self, factor):
        self.factor = factor
    def load_context(self, context):
        self.offset = float(Path(context.artifacts["offset"]).read_text())
    def predict(self, context, model_input, params=None):
        shift = (params or {}).get("shift", 0.0)
        return model_input["a"] * self.factor + self.offset + context.model_config["bias"] + shift

def twice(model_input):
    return model_input["a"] * 2

def hinted(model_input: list[str]) -> list[str]:
    return [text.upper() for text in model_input]

offset = target / "offset.txt"
offset.write_text("5")
kwargs = {"pip_requirements": ["scikit-learn"]}
mlflow.sklearn.save_model(estimator, target / "default", input_example=frame, metadata={"k": 1}, **kwargs)
mlflow.sklearn.save_model(estimator, target / "pickle", serialization_format="pickle",
                          signature=infer_signature(frame, estimator.predict(frame)), **kwargs)
mlflow.pyfunc.save_model(target / "class", python_model=Scaled(3), artifacts={"offset": str(offset)},
                         model_config={"bias": 0.5}, signature=infer_signature(frame, params={"shift": 0.0}),
                         pip_requirements=["cloudpickle"])
mlflow.pyfunc.save_model(target / "function", python_model=twice, input_example=frame, pip_requirements=["cloudpickle"])
mlflow.pyfunc.save_model(target / "hinted", python_model=hinted, input_example=["x"], pip_requirements=["cloudpickle"])
print(json.dumps({"predictions": estimator.predict(frame).tolist()}))
"""


def scaled(factor: float) -> mlkeep.pyfunc.PythonModel:
    """An instance of a class as a script or notebook defines it: MLflow's process has never seen this file."""

    class Scaled(mlkeep.pyfunc.PythonModel):
        def __init__(self, factor: float) -> None:
            self.factor = factor
            self.offset = 0.0

        def load_context(self, context: mlkeep.pyfunc.PythonModelContext) -> None:
            self.offset = float(Path(context.artifacts["offset"]).read_text())

        def predict(self, context: mlkeep.pyfunc.PythonModelContext, model_input: Any) -> Any:  # type: ignore[override]  # params are optional
            return model_input["a"] * self.factor + self.offset + context.model_config["bias"]

    return Scaled(factor)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(COLUMNS)


class Official(Protocol):
    """What these tests need of the fixture `official_mlflow`."""

    @property
    def python(self) -> Path: ...

    @property
    def version(self) -> str: ...


def run(official: Official, folder: Path, script: str, *arguments: str) -> Any:
    """What the last line a script prints says as JSON; `folder` takes the files MLflow leaves where it runs."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MLKEEP_", "PYTHON"))}
    done = subprocess.run(
        [str(official.python), "-c", script, *arguments],
        env=plain,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_folders_saved_here_answer_alike_in_mlflow(
    official_mlflow: Official, tmp_path: Path, frame: pd.DataFrame
) -> None:
    offset = tmp_path / "offset.txt"
    offset.write_text("5")
    linear = LogisticRegression().fit(frame, TARGET)
    forest = RandomForestClassifier(n_estimators=3, random_state=0).fit(frame, TARGET)
    # MLflow 2 does not know skops, which is what we choose for all but the forest.
    by_default = "cloudpickle" if official_mlflow.version.startswith("2.") else None
    mlkeep.sklearn.save_model(
        linear, tmp_path / "linear", input_example=frame, metadata={"k": 1}, serialization_format=by_default
    )
    mlkeep.sklearn.save_model(forest, tmp_path / "forest", input_example=frame)
    mlkeep.sklearn.save_model(linear, tmp_path / "pickle", serialization_format="pickle")
    mlkeep.pyfunc.save_model(
        tmp_path / "class",
        python_model=scaled(3.0),
        artifacts={"offset": str(offset)},
        model_config={"bias": 0.5},
        input_example=frame,
    )
    mlkeep.pyfunc.save_model(
        tmp_path / "function", python_model=lambda model_input: model_input["a"] * 2, input_example=frame
    )
    names = ["linear", "forest", "pickle", "class", "function"]
    if by_default is None:
        mlkeep.sklearn.save_model(linear, tmp_path / "skops", serialization_format="skops", input_example=frame)
        mlkeep.sklearn.save_model(
            forest,
            tmp_path / "forest-skops",
            serialization_format="skops",
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        )
        names += ["skops", "forest-skops"]
    folders = {name: str(tmp_path / name) for name in names}

    theirs = run(official_mlflow, tmp_path, THEY_LOAD, json.dumps(folders), json.dumps(COLUMNS))

    ours = {name: mlkeep.pyfunc.load_model(folder) for name, folder in folders.items()}
    assert {name: answer["predictions"] for name, answer in theirs.items()} == {
        name: [float(value) for value in model.predict(frame)] for name, model in ours.items()
    }
    assert {name: answer["signature"] for name, answer in theirs.items()} == {
        name: signature.to_dict() if (signature := model.metadata.signature) else None for name, model in ours.items()
    }
    assert theirs["linear"]["example"] == len(frame)
    assert theirs["linear"]["metadata"] == {"k": 1}
    assert theirs["class"]["predictions"] == [5.5, 8.5, 11.5, 14.5]


def test_folders_mlflow_saved_answer_alike_here(official_mlflow: Official, tmp_path: Path, frame: pd.DataFrame) -> None:
    theirs = run(official_mlflow, tmp_path, THEY_SAVE, str(tmp_path), json.dumps(COLUMNS), json.dumps(TARGET))
    models = {
        name: mlkeep.pyfunc.load_model(tmp_path / name, suppress_warnings=True)
        for name in ("default", "pickle", "class", "function", "hinted")
    }

    assert models["default"].predict(frame).tolist() == theirs["predictions"]
    assert models["pickle"].predict(frame).tolist() == theirs["predictions"]
    assert mlkeep.sklearn.load_model(tmp_path / "default").predict(frame).tolist() == theirs["predictions"]
    assert models["class"].predict(frame).tolist() == [5.5, 8.5, 11.5, 14.5]
    assert models["class"].predict(frame, params={"shift": 1}).tolist() == [6.5, 9.5, 12.5, 15.5]
    assert isinstance(models["class"].unwrap_python_model(), mlkeep.pyfunc.PythonModel)
    assert models["function"].predict(frame).tolist() == [0.0, 2.0, 4.0, 6.0]
    assert models["hinted"].predict(["a", "b"]) == ["A", "B"]
    assert models["default"].metadata.metadata == {"k": 1}
    pd.testing.assert_frame_equal(models["default"].metadata.load_input_example(tmp_path / "default"), frame)
