"""Prophet's models in folders, and as functions."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import prophet
import pytest
import yaml

import mlkeep.prophet
import mlkeep.pyfunc
from mlkeep.core.errors import Damaged, InvalidInput, NotFound

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:prophet")
"""Prophet 1.5 drops columns as pandas 4 will not."""

DAYS = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=20, freq="D")})
FUTURE = pd.DataFrame({"ds": pd.date_range("2024-01-21", periods=3, freq="D")})


@pytest.fixture(scope="module")
def model() -> prophet.Prophet:
    """Fitted to a line: Stan takes a second, so once."""
    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    plain = prophet.Prophet(
        n_changepoints=0,
        weekly_seasonality=False,
        daily_seasonality=False,
        yearly_seasonality=False,
        uncertainty_samples=0,
    )
    return plain.fit(DAYS.assign(y=np.arange(20.0)))


def test_the_whole_forecast_comes_back(tmp_path: Path, model: prophet.Prophet) -> None:
    mlkeep.prophet.save_model(model, tmp_path / "m", input_example=FUTURE)
    loaded = mlkeep.pyfunc.load_model(tmp_path / "m")
    # The signature asks for nanoseconds.
    pd.testing.assert_frame_equal(loaded.predict(FUTURE), model.predict(FUTURE.astype("datetime64[ns]")))
    assert isinstance(mlkeep.prophet.load_model(tmp_path / "m"), prophet.Prophet)
    assert isinstance(loaded.get_raw_model(), prophet.Prophet)
    assert repr(loaded.metadata.get_input_schema()) == "['ds': datetime (required)]"
    outputs = loaded.metadata.get_output_schema()
    assert outputs is not None
    assert {"ds", "trend", "yhat"} <= set(outputs.input_names())


def test_a_folder_says_what_mlflow_needs_to_load_it(tmp_path: Path, model: prophet.Prophet) -> None:
    mlkeep.prophet.save_model(model, tmp_path / "m")
    content = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    assert content["flavors"]["prophet"] == {
        "code": None,
        "data": "model.pr",
        "model_type": "Prophet",
        "prophet_version": prophet.__version__,
    }
    assert (
        content["flavors"]["python_function"].items() >= {"data": "model.pr", "loader_module": "mlflow.prophet"}.items()
    )
    assert content["mlkeep_pickles"] == []


def test_what_cannot_be_saved_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="was not fitted, and has nothing to save; call fit first"):
        mlkeep.prophet.save_model(prophet.Prophet(), tmp_path / "m")
    with pytest.raises(InvalidInput, match=r"expected a prophet\.Prophet, found int"):
        mlkeep.prophet.save_model(3, tmp_path / "m")


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '{"growth": "linear"}'])
def test_a_file_that_is_not_a_model_is_damaged(
    tmp_path: Path, model: prophet.Prophet, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    mlkeep.prophet.save_model(model, tmp_path / "m")
    (tmp_path / "m" / "model.pr").write_text(content)
    with pytest.raises(Damaged, match=r"model\.pr in .* is not that of a Prophet, or damaged"):
        mlkeep.prophet.load_model(tmp_path / "m")
    (tmp_path / "m" / "model.pr").unlink()
    with pytest.raises(NotFound, match=r"model\.pr"):
        mlkeep.pyfunc.load_model(tmp_path / "m")
