"""The six runs every example of the filter language is about."""

from __future__ import annotations

import pytest

from mlkeep.core.entities import Run
from mlkeep.testing.filter_examples import SIX_RUNS


@pytest.fixture(scope="session")
def six_runs() -> list[Run]:
    """Runs in the order of their ids, which is not the order of any search."""
    return list(SIX_RUNS)
