"""Prophet's models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import prophet

import mlflow
import mlkeep.prophet
import mlkeep.pyfunc


def test_what_one_saves_the_other_loads(tmp_path: Path) -> None:
    history = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=20, freq="D"), "y": np.arange(20.0)})
    future = pd.DataFrame({"ds": pd.date_range("2024-01-21", periods=3, freq="D")})
    model = prophet.Prophet(n_changepoints=0, weekly_seasonality=False, uncertainty_samples=0).fit(history)
    mlkeep.prophet.save_model(model, tmp_path / "ours")
    mlflow.prophet.save_model(model, tmp_path / "theirs", pip_requirements=["prophet"])

    answers = [
        load(str(tmp_path / folder)).predict(future)
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model)
        for folder in ("ours", "theirs")
    ]
    natives = [
        load(str(tmp_path / folder))
        for load in (mlkeep.prophet.load_model, mlflow.prophet.load_model)
        for folder in ("ours", "theirs")
    ]

    for answer in answers:
        pd.testing.assert_frame_equal(answer, model.predict(future))
    assert {type(native) for native in natives} == {prophet.Prophet}
