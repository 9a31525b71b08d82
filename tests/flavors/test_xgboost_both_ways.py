"""XGBoost models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost

import mlflow
import mlkeep.pyfunc
import mlkeep.xgboost

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
TARGET = [0, 0, 1, 1]
SMALL: dict[str, Any] = {"n_estimators": 3, "min_child_weight": 0}
WARNS_OF_XGB = "ignore:.*(UBJSON|Unknown file format):UserWarning"  # XGBoost's, when MLflow uses the name


class Own(xgboost.XGBRegressor):
    """A class of one's own."""


def booster() -> xgboost.Booster:
    params = {"objective": "binary:logistic", "min_child_weight": 0}
    return xgboost.train(params, xgboost.DMatrix(FRAME, label=TARGET), num_boost_round=3)


MODELS: dict[str, Callable[[], Any]] = {
    "Booster": booster,
    "XGBClassifier": lambda: xgboost.XGBClassifier(**SMALL).fit(FRAME, TARGET),
    "XGBRegressor": lambda: xgboost.XGBRegressor(**SMALL).fit(FRAME, TARGET),
    "XGBRanker": lambda: xgboost.XGBRanker(**SMALL).fit(FRAME, TARGET, qid=[0, 0, 1, 1]),
    "XGBRFClassifier": lambda: xgboost.XGBRFClassifier(**SMALL).fit(FRAME, TARGET),
    "XGBRFRegressor": lambda: xgboost.XGBRFRegressor(**SMALL).fit(FRAME, TARGET),
    "Own": lambda: Own(**SMALL).fit(FRAME, TARGET),
}


def answer(model: Any) -> Any:
    return model.predict(xgboost.DMatrix(FRAME) if isinstance(model, xgboost.Booster) else FRAME)


@pytest.mark.filterwarnings(WARNS_OF_XGB)
@pytest.mark.parametrize("model_format", ["ubj", "json", "xgb"])
@pytest.mark.parametrize("kind", MODELS)
def test_what_one_saves_the_other_loads(kind: str, model_format: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")
    mlkeep.xgboost.save_model(model, ours, model_format=model_format, input_example=FRAME)
    # Without an example: MLflow 2 adds seconds to each save for it.
    mlflow.xgboost.save_model(model, theirs, model_format=model_format, pip_requirements=["xgboost"])

    for folder in (ours, theirs):
        for native in (mlkeep.xgboost.load_model(folder), mlflow.xgboost.load_model(folder)):
            assert type(native) is type(model)
            np.testing.assert_array_equal(answer(native), answer(model))
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model):
            np.testing.assert_array_equal(load(folder).predict(FRAME), answer(model))
            assert type(load(folder).get_raw_model()) is type(model)


def test_both_infer_the_same_signature_from_an_example(tmp_path: Path) -> None:
    model = MODELS["XGBClassifier"]()
    mlkeep.xgboost.save_model(model, tmp_path / "ours", input_example=FRAME)
    mlflow.xgboost.save_model(model, tmp_path / "theirs", input_example=FRAME, pip_requirements=["xgboost"])
    ours, theirs = (mlflow.models.Model.load(str(tmp_path / folder)) for folder in ("ours", "theirs"))
    assert ours.signature == theirs.signature
    assert ours.saved_input_example_info == theirs.saved_input_example_info
