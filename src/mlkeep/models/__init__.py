"""The MLmodel format: folders that hold a model, their schemas, examples and environments; under MLflow's names."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlkeep.models.enforcement import enforce_schema
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.signature import ModelSignature, infer_signature

if TYPE_CHECKING:
    from mlkeep.environments.images import build_docker
    from mlkeep.environments.inferring import infer_pip_requirements
    from mlkeep.environments.running import predict
    from mlkeep.environments.updating import update_model_requirements

_ABOVE = {
    "build_docker": "mlkeep.environments.images",
    "infer_pip_requirements": "mlkeep.environments.inferring",
    "predict": "mlkeep.environments.running",
    "update_model_requirements": "mlkeep.environments.updating",
}
"""Functions that find, load or change models by URI: they stand on more than the format, and load when they are used."""

__all__ = [
    "Model",
    "ModelInfo",
    "ModelSignature",
    "build_docker",
    "enforce_schema",
    "infer_pip_requirements",
    "infer_signature",
    "predict",
    "update_model_requirements",
]


def __getattr__(name: str) -> Any:
    if name not in _ABOVE:
        raise AttributeError(f"module 'mlkeep.models' has no attribute '{name}'")
    value = getattr(importlib.import_module(_ABOVE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
