"""What tests of models share: data, an estimator, and a tracking store of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlkeep.sdk import config, fluent


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})


@pytest.fixture
def estimator(frame: pd.DataFrame) -> LogisticRegression:
    """Answers [0, 0, 1, 1] to `frame`."""
    return LogisticRegression().fit(frame, [0, 0, 1, 1])


@pytest.fixture
def tracking(tmp_path: Path) -> Iterator[None]:
    """An embedded tracking store that no other test sees; no run is left active."""
    config.set_tracking_uri(f"sqlite:///{tmp_path}/tracking/mlkeep.db")
    (tmp_path / "tracking").mkdir()
    yield
    while fluent.active_run() is not None:
        fluent.end_run()
    config.set_tracking_uri(None)
