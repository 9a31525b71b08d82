"""Results of statsmodels in folders, and as functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels
import statsmodels.api as sm
import statsmodels.formula.api as smf
import yaml
from statsmodels.tsa.arima.model import ARIMA

import mlkeep.pyfunc
import mlkeep.statsmodels
from mlkeep.core.errors import Damaged, Forbidden, InvalidInput
from mlkeep.models.mlmodel import Model

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(RANDOM.normal(size=(30, 2)), columns=["a", "b"])
TARGET = FRAME["a"] * 2 - FRAME["b"] + RANDOM.normal(size=30) * 0.1
SERIES = pd.Series(np.sin(np.arange(30.0)) + 20, index=pd.date_range("2024-01-01", periods=30, freq="D"))


def fitted(kind: str) -> Any:
    if kind == "ols":
        return sm.OLS(TARGET, FRAME).fit()
    if kind == "glm":
        return sm.GLM((TARGET + RANDOM.normal(size=30) * 3 > 0).astype(int), FRAME, family=sm.families.Binomial()).fit()
    if kind == "formula":
        return smf.ols("y ~ a + np.square(b)", FRAME.assign(y=TARGET)).fit()
    return ARIMA(SERIES, order=(1, 0, 0)).fit()


@pytest.mark.parametrize("kind", ["ols", "glm", "formula"])
@pytest.mark.parametrize("remove_data", [False, True])
def test_regressions_predict_on_regressors(tmp_path: Path, kind: str, remove_data: bool) -> None:
    results = fitted(kind)
    expected = results.predict(FRAME)
    mlkeep.statsmodels.save_model(results, tmp_path / "m", remove_data=remove_data, input_example=FRAME)
    model = mlkeep.pyfunc.load_model(tmp_path / "m")
    np.testing.assert_array_equal(model.predict(FRAME), expected)
    np.testing.assert_array_equal(mlkeep.statsmodels.load_model(tmp_path / "m").params, results.params)
    assert type(model.get_raw_model()) is type(results)
    assert repr(model.metadata.get_input_schema()) == "['a': double (required), 'b': double (required)]"


def test_a_folder_says_that_it_holds_a_pickle(tmp_path: Path) -> None:
    mlkeep.statsmodels.save_model(fitted("ols"), tmp_path / "m")
    content = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    assert content["flavors"]["statsmodels"] == {
        "code": None,
        "data": "model.statsmodels",
        "statsmodels_version": statsmodels.__version__,
    }
    assert content["flavors"]["python_function"]["data"] == "model.statsmodels"
    assert content["mlkeep_pickles"] == ["model.statsmodels"]
    names = [line.partition("==")[0] for line in (tmp_path / "m" / "requirements.txt").read_text().splitlines()]
    assert {"mlkeep", "statsmodels", "numpy", "pandas"} <= set(names)


def test_data_that_is_left_out_stays_with_the_caller(tmp_path: Path) -> None:
    results = fitted("ols")
    mlkeep.statsmodels.save_model(results, tmp_path / "whole")
    mlkeep.statsmodels.save_model(results, tmp_path / "less", remove_data=True)
    whole, less = ((tmp_path / name / "model.statsmodels").stat().st_size for name in ("whole", "less"))
    assert less < whole
    assert results.model.exog.shape == (30, 2)


@pytest.mark.parametrize(
    ("start", "end"), [(3, 5), ("2024-01-04", "2024-01-06"), (pd.Timestamp("2024-01-04"), pd.Timestamp("2024-01-06"))]
)
def test_a_time_series_is_predicted_from_start_to_end(tmp_path: Path, start: Any, end: Any) -> None:
    results = fitted("arima")
    mlkeep.statsmodels.save_model(results, tmp_path / "m")
    found = mlkeep.pyfunc.load_model(tmp_path / "m").predict(pd.DataFrame({"start": [start], "end": [end]}))
    pd.testing.assert_series_equal(found, results.predict(3, 5))


@pytest.mark.parametrize(
    "data", [pd.DataFrame({"start": [1, 2], "end": [3, 4]}), pd.DataFrame({"start": [1]}), np.array([[1, 2]])], ids=repr
)
def test_a_time_series_takes_one_row_with_start_and_end(tmp_path: Path, data: Any) -> None:
    mlkeep.statsmodels.save_model(fitted("arima"), tmp_path / "m")
    with pytest.raises(InvalidInput, match="must have exactly one row and include columns called start and end"):
        mlkeep.pyfunc.load_model(tmp_path / "m").predict(data)


def test_an_example_of_a_time_series_gives_the_signature(tmp_path: Path) -> None:
    mlkeep.statsmodels.save_model(
        fitted("arima"), tmp_path / "m", input_example=pd.DataFrame({"start": ["2024-01-04"], "end": ["2024-01-06"]})
    )
    signature = Model.load(tmp_path / "m").signature
    assert signature is not None
    assert repr(signature.inputs) == "['start': string (required), 'end': string (required)]"
    assert repr(signature.outputs) == "['predicted_mean': double (required)]"


def test_where_pickles_are_forbidden_results_are_neither_saved_nor_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlkeep.statsmodels.save_model(fitted("ols"), tmp_path / "m")
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=r"RegressionResultsWrapper would be saved as a pickle.*has no other format"):
        mlkeep.statsmodels.save_model(fitted("ols"), tmp_path / "other", remove_data=True)
    for load in (mlkeep.statsmodels.load_model, mlkeep.pyfunc.load_model):
        with pytest.raises(Forbidden, match=r"model\.statsmodels is a pickle"):
            load(tmp_path / "m")


def test_what_is_not_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"statsmodels_model: expected the results that fit\(\) gives, found OLS"):
        mlkeep.statsmodels.save_model(sm.OLS(TARGET, FRAME), tmp_path / "m")


def test_a_pickle_that_ends_too_early_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    mlkeep.statsmodels.save_model(fitted("ols"), tmp_path / "m")
    file = tmp_path / "m" / "model.statsmodels"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(Damaged, match=r"model\.statsmodels in .* cannot be read as a pickle"):
        mlkeep.statsmodels.load_model(tmp_path / "m")
