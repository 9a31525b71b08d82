"""What tests of flavors share: a tracking store of their own, and data that models of every framework learn."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlkeep.sdk import config


@pytest.fixture
def tracking(environment: pytest.MonkeyPatch, no_database_stays_open: None, tmp_path: Path) -> None:
    """An embedded tracking store that no other test sees."""
    (tmp_path / "tracking").mkdir()
    config.set_tracking_uri(f"sqlite:///{tmp_path}/tracking/mlkeep.db")


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
