"""Results of statsmodels go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.tsa.arima.model import ARIMA

import mlflow
import mlkeep.pyfunc
import mlkeep.statsmodels

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(RANDOM.normal(size=(30, 2)), columns=["a", "b"])
SERIES = pd.Series(np.sin(np.arange(30.0)) + 20, index=pd.date_range("2024-01-01", periods=30, freq="D"))
PERIOD = pd.DataFrame({"start": [25], "end": [32]})


def models() -> dict[str, tuple[Any, pd.DataFrame]]:
    return {
        "regression": (sm.OLS(FRAME["a"] * 2 + RANDOM.normal(size=30), FRAME).fit(), FRAME),
        "series": (ARIMA(SERIES, order=(1, 0, 0)).fit(), PERIOD),
    }


# Without its data statsmodels itself cannot predict a time series.
@pytest.mark.parametrize(("kind", "remove_data"), [("regression", False), ("regression", True), ("series", False)])
def test_what_one_saves_the_other_loads(kind: str, remove_data: bool, tmp_path: Path) -> None:
    results, data = models()[kind]
    mlkeep.statsmodels.save_model(results, tmp_path / "ours", remove_data=remove_data, input_example=data)
    mlflow.statsmodels.save_model(
        results, tmp_path / "theirs", remove_data=remove_data, pip_requirements=["statsmodels"]
    )
    answers = [
        load(str(tmp_path / folder)).predict(data)
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model)
        for folder in ("ours", "theirs")
    ]
    natives = [
        load(str(tmp_path / folder))
        for load in (mlkeep.statsmodels.load_model, mlflow.statsmodels.load_model)
        for folder in ("ours", "theirs")
    ]
    for answer in answers:  # the order in memory of what a signature has checked can cost the last bit
        np.testing.assert_allclose(answer, results.predict(data) if kind == "regression" else answers[0], rtol=1e-12)
    assert {type(native) for native in natives} == {type(results)}
