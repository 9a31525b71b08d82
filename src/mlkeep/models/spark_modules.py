"""Modules of pyspark, imported when a schema and Spark first meet."""

from __future__ import annotations

import importlib
from types import ModuleType

from mlkeep.core.errors import NotInstalled


def spark_types() -> ModuleType:
    """`pyspark.sql.types`. Raises NotInstalled: pyspark is missing."""
    return _imported("pyspark.sql.types")


def linear_algebra() -> ModuleType:
    """`pyspark.ml.linalg`. Raises NotInstalled: pyspark is missing."""
    return _imported("pyspark.ml.linalg")


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise NotInstalled(
            f"This needs {error.name or 'pyspark'}, which is not installed: pip install 'mlkeep[spark]'."
        ) from error
