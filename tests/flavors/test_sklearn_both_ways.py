"""scikit-learn models go both ways between mlkeep and the official MLflow, in the formats each of them reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import mlflow
import mlkeep.pyfunc
import mlkeep.sklearn

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0], "kind": ["x", "y", "x", "y"]})
TARGET = [0, 0, 1, 1]
KNOWS_SKOPS = not mlflow.__version__.startswith("2.")
TREE = "sklearn.tree._tree.Tree"


def models() -> dict[str, Any]:
    prepared = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["kind"]))
    numbers = FRAME[["a", "b"]]
    return {
        "linear": (LogisticRegression().fit(numbers, TARGET), numbers),
        "pipeline": (make_pipeline(prepared, LogisticRegression()).fit(FRAME, TARGET), FRAME),
        "forest": (RandomForestClassifier(3, random_state=0).fit(numbers, TARGET), numbers),
    }


def formats(kind: str) -> list[dict[str, Any]]:
    """What one can ask of both libraries, and our default where MLflow reads it."""
    pickles = [{"serialization_format": "cloudpickle"}, {"serialization_format": "pickle"}]
    if not KNOWS_SKOPS:
        return pickles
    trusted = {"skops_trusted_types": [TREE]} if kind == "forest" else {}
    return [*pickles, {"serialization_format": "skops", **trusted}]


@pytest.mark.parametrize("kind", ["linear", "pipeline", "forest"])
def test_what_one_saves_the_other_loads(kind: str, tmp_path: Path) -> None:
    model, frame = models()[kind]
    for number, chosen in enumerate(formats(kind)):
        ours, theirs = tmp_path / f"ours{number}", tmp_path / f"theirs{number}"
        mlkeep.sklearn.save_model(model, ours, input_example=frame, **chosen)
        mlflow.sklearn.save_model(model, theirs, input_example=frame, pip_requirements=["scikit-learn"], **chosen)
        answers = [
            load(str(folder)).predict(frame)
            for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model)
            for folder in (ours, theirs)
        ]
        natives = [
            load(str(folder))
            for load in (mlkeep.sklearn.load_model, mlflow.sklearn.load_model)
            for folder in (ours, theirs)
        ]
        assert all(np.array_equal(answer, model.predict(frame)) for answer in answers)
        assert {type(native) for native in natives} == {type(model)}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("linear", marks=pytest.mark.skipif(not KNOWS_SKOPS, reason="MLflow 2 does not read skops")),
        pytest.param("pipeline", marks=pytest.mark.skipif(not KNOWS_SKOPS, reason="MLflow 2 does not read skops")),
        "forest",
    ],
)
def test_mlflow_loads_what_we_save_by_default(kind: str, tmp_path: Path) -> None:
    model, frame = models()[kind]
    mlkeep.sklearn.save_model(model, tmp_path / "m", input_example=frame)
    assert (tmp_path / "m" / ("model.pkl" if kind == "forest" else "model.skops")).exists()
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "m"))
    assert loaded.predict(frame).tolist() == model.predict(frame).tolist()
    assert loaded.metadata.signature is not None


@pytest.mark.parametrize("kind", ["linear", "forest"])
def test_mlkeep_loads_what_they_save_by_default(kind: str, tmp_path: Path) -> None:
    model, frame = models()[kind]
    # MLflow 3 with skops 0.16 does not save a forest unless the type of its trees is trusted.
    trusted: dict[str, Any] = {"skops_trusted_types": [TREE]} if KNOWS_SKOPS and kind == "forest" else {}
    mlflow.sklearn.save_model(model, tmp_path / "m", pip_requirements=["scikit-learn"], **trusted)
    assert mlkeep.sklearn.load_model(tmp_path / "m").predict(frame).tolist() == model.predict(frame).tolist()
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame).tolist() == model.predict(frame).tolist()
