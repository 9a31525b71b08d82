"""Model folders of every framework go both ways between mlkeep and the official MLflow, in one process.

These run where all frameworks and the official package are: `python -m bench.environments run frameworks3 -m pytest
tests/flavors`, and the same with `frameworks2`; `make test-frameworks` does both.
"""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("mlflow") is None or importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
