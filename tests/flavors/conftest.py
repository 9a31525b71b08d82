"""Model folders of every framework go both ways between mlkeep and the official MLflow, in one process.

These run where all frameworks and the official package are: `python -m bench.environments run frameworks3 -m pytest
tests/flavors`, and the same with `frameworks2`; `make test-frameworks` does both.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("mlflow") is None or importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def _working_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What frameworks and MLflow leave in the working folder and in /tmp/mlflow is left where tests may write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("working-folder"))
        patch.setenv("MLFLOW_DFS_TMP", str(tmp_path_factory.mktemp("dfs")))
        yield
