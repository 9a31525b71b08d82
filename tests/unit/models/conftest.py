"""What tests of models share: data, an estimator, and a tracking store of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlkeep.sdk import config


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})


@pytest.fixture
def estimator(frame: pd.DataFrame) -> LogisticRegression:
    """Answers [0, 0, 1, 1] to `frame`."""
    return LogisticRegression().fit(frame, [0, 0, 1, 1])


@pytest.fixture
def tracking(environment: pytest.MonkeyPatch, no_database_stays_open: None, tmp_path: Path) -> None:
    """An embedded tracking store that no other test sees."""
    config.set_tracking_uri(f"sqlite:///{tmp_path}/tracking/mlkeep.db")
    (tmp_path / "tracking").mkdir()
