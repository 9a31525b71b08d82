"""LightGBM models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest

import mlflow
import mlkeep.lightgbm
import mlkeep.pyfunc

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
TARGET = [0, 0, 1, 1]
SMALL: dict[str, Any] = {"n_estimators": 3, "min_child_samples": 1, "min_data_in_bin": 1, "verbose": -1}
KNOWS_SKOPS = int(mlflow.__version__.partition(".")[0]) >= 3  # MLflow 2 has one format of estimators, and no argument


class Own(lightgbm.LGBMClassifier):
    """A class of one's own."""


def booster() -> lightgbm.Booster:
    params = {"objective": "binary", "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbose": -1}
    return lightgbm.train(params, lightgbm.Dataset(FRAME, label=TARGET), num_boost_round=3)


MODELS: dict[str, Callable[[], Any]] = {
    "Booster": booster,
    "LGBMClassifier": lambda: lightgbm.LGBMClassifier(**SMALL).fit(FRAME, TARGET),
    "LGBMRegressor": lambda: lightgbm.LGBMRegressor(**SMALL).fit(FRAME, TARGET),
    "LGBMRanker": lambda: lightgbm.LGBMRanker(**SMALL).fit(FRAME, TARGET, group=[2, 2]),
    "Own": lambda: Own(**SMALL).fit(FRAME, TARGET),
}


def assert_all_load(folders: list[str], model: Any) -> None:
    for folder in folders:
        for native in (mlkeep.lightgbm.load_model(folder), mlflow.lightgbm.load_model(folder)):
            assert type(native) is type(model)
            np.testing.assert_array_equal(native.predict(FRAME), model.predict(FRAME))
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model):
            np.testing.assert_array_equal(load(folder).predict(FRAME), model.predict(FRAME))
            assert type(load(folder).get_raw_model()) is type(model)


@pytest.mark.parametrize("kind", MODELS)
def test_pickles_and_text_go_both_ways(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")
    mlkeep.lightgbm.save_model(model, ours, serialization_format="cloudpickle", input_example=FRAME)
    chosen: dict[str, Any] = {"serialization_format": "cloudpickle"} if KNOWS_SKOPS else {}
    mlflow.lightgbm.save_model(model, theirs, pip_requirements=["lightgbm"], **chosen)
    assert_all_load([ours, theirs], model)


@pytest.mark.skipif(not KNOWS_SKOPS, reason="MLflow 2 reads no skops; ADR 0012 says so")
@pytest.mark.parametrize("kind", ["LGBMClassifier", "LGBMRegressor", "LGBMRanker"])
def test_skops_goes_both_ways(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")
    mlkeep.lightgbm.save_model(model, ours, input_example=FRAME)
    # MLflow trusts classifiers and regressors, but not rankers by itself.
    trusted = ["lightgbm.sklearn.LGBMRanker"] if kind == "LGBMRanker" else None
    mlflow.lightgbm.save_model(
        model, theirs, serialization_format="skops", skops_trusted_types=trusted, pip_requirements=["lightgbm"]
    )
    assert (tmp_path / "ours" / "model.skops").is_file()
    assert_all_load([ours, theirs], model)


def test_both_infer_the_same_signature_from_an_example(tmp_path: Path) -> None:
    model = booster()
    mlkeep.lightgbm.save_model(model, tmp_path / "ours", input_example=FRAME)
    mlflow.lightgbm.save_model(model, tmp_path / "theirs", input_example=FRAME, pip_requirements=["lightgbm"])
    ours, theirs = (mlflow.models.Model.load(str(tmp_path / folder)) for folder in ("ours", "theirs"))
    assert ours.signature == theirs.signature
    assert (tmp_path / "ours" / "model.lgb").read_bytes() == (tmp_path / "theirs" / "model.lgb").read_bytes()
