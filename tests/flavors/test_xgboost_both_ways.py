"""XGBoost models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost

import mlflow
import mlkeep.pyfunc
import mlkeep.xgboost

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
TARGET = [0, 0, 1, 1]


def models() -> dict[str, object]:
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(FRAME, label=TARGET), num_boost_round=3)
    return {
        "booster": booster,
        "classifier": xgboost.XGBClassifier(n_estimators=3, min_child_weight=0).fit(FRAME, TARGET),
    }


@pytest.mark.parametrize("kind", ["booster", "classifier"])
def test_what_one_saves_the_other_loads(kind: str, tmp_path: Path) -> None:
    model = models()[kind]
    mlkeep.xgboost.save_model(model, tmp_path / "ours", input_example=FRAME)
    mlflow.xgboost.save_model(model, tmp_path / "theirs", input_example=FRAME, pip_requirements=["xgboost"])

    answers = [
        load(str(tmp_path / folder)).predict(FRAME)
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model)
        for folder in ("ours", "theirs")
    ]
    natives = [
        load(str(tmp_path / folder))
        for load in (mlkeep.xgboost.load_model, mlflow.xgboost.load_model)
        for folder in ("ours", "theirs")
    ]

    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    assert {type(native) for native in natives} == {type(model)}
