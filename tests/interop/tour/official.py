"""The official MLflow that runs the tour, whichever version the interpreter has; nothing of mlkeep is imported here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

mlflow: Any = import_module("mlflow")
artifacts: Any = import_module("mlflow.artifacts")
entities: Any = import_module("mlflow.entities")
exceptions: Any = import_module("mlflow.exceptions")
paged_list: Any = import_module("mlflow.store.entities.paged_list")

MAJOR = int(mlflow.__version__.split(".", maxsplit=1)[0])
