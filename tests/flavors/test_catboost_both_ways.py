"""CatBoost models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest

import mlflow
import mlkeep.catboost
import mlkeep.pyfunc

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
TARGET = [0, 0, 1, 1]
SMALL: dict[str, Any] = {"iterations": 3, "verbose": 0, "allow_writing_files": False}


class Own(catboost.CatBoostClassifier):  # type: ignore[misc]  # catboost has no types
    """A class of one's own."""


MODELS: dict[str, Callable[[], Any]] = {
    "CatBoost": lambda: catboost.CatBoost(SMALL).fit(FRAME, TARGET),
    "CatBoostClassifier": lambda: catboost.CatBoostClassifier(**SMALL).fit(FRAME, ["no", "no", "yes", "yes"]),
    "CatBoostRegressor": lambda: catboost.CatBoostRegressor(**SMALL).fit(FRAME, TARGET),
    "CatBoostRanker": lambda: catboost.CatBoostRanker(**SMALL).fit(FRAME, TARGET, group_id=[0, 0, 1, 1]),
}


@pytest.mark.parametrize("save_format", ["cbm", "json"])
@pytest.mark.parametrize("kind", MODELS)
def test_what_one_saves_the_other_loads(kind: str, save_format: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")
    mlkeep.catboost.save_model(model, ours, format=save_format, input_example=FRAME)
    mlflow.catboost.save_model(model, theirs, format=save_format, pip_requirements=["catboost"])

    for folder in (ours, theirs):
        for native in (mlkeep.catboost.load_model(folder), mlflow.catboost.load_model(folder)):
            assert type(native) is type(model)
            np.testing.assert_array_equal(native.predict(FRAME), model.predict(FRAME))
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model):
            np.testing.assert_array_equal(load(folder).predict(FRAME), model.predict(FRAME))
            assert type(load(folder).get_raw_model()) is type(model)


def test_a_class_of_ones_own_is_one_of_catboosts_to_mlflow(tmp_path: Path) -> None:
    model = Own(**SMALL).fit(FRAME, TARGET)
    mlkeep.catboost.save_model(model, tmp_path / "ours")
    assert type(mlkeep.catboost.load_model(tmp_path / "ours")) is Own
    seen = mlflow.catboost.load_model(str(tmp_path / "ours"))
    assert type(seen) is catboost.CatBoostClassifier
    np.testing.assert_array_equal(seen.predict(FRAME), model.predict(FRAME))


def test_both_infer_the_same_signature_from_an_example(tmp_path: Path) -> None:
    model = MODELS["CatBoostRegressor"]()
    mlkeep.catboost.save_model(model, tmp_path / "ours", input_example=FRAME)
    mlflow.catboost.save_model(model, tmp_path / "theirs", input_example=FRAME, pip_requirements=["catboost"])
    ours, theirs = (mlflow.models.Model.load(str(tmp_path / folder)) for folder in ("ours", "theirs"))
    assert ours.signature == theirs.signature
