"""The MLmodel format: folders that hold a model, their schemas, examples and environments; under MLflow's names."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlkeep.models.enforcement import enforce_schema, validate_schema
from mlkeep.models.example import convert_input_example_to_serving_input
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.model_code import set_model
from mlkeep.models.model_config import ModelConfig
from mlkeep.models.resources import Resource, ResourceType
from mlkeep.models.signature import ModelSignature, infer_signature

if TYPE_CHECKING:
    from mlkeep.environments.adding_wheels import add_libraries_to_model
    from mlkeep.environments.images import build_docker
    from mlkeep.environments.inferring import infer_pip_requirements
    from mlkeep.environments.running import predict
    from mlkeep.environments.updating import update_model_requirements
    from mlkeep.flavors.loading import get_model_info
    from mlkeep.flavors.model_changes import set_signature
    from mlkeep.flavors.serving_input import validate_serving_input

_ABOVE = {
    "add_libraries_to_model": "mlkeep.environments.adding_wheels",
    "build_docker": "mlkeep.environments.images",
    "get_model_info": "mlkeep.flavors.loading",
    "infer_pip_requirements": "mlkeep.environments.inferring",
    "predict": "mlkeep.environments.running",
    "set_signature": "mlkeep.flavors.model_changes",
    "update_model_requirements": "mlkeep.environments.updating",
    "validate_serving_input": "mlkeep.flavors.serving_input",
}
"""Functions that find, load or change models by URI: they stand on more than the format, and load when they are used."""

__all__ = [
    "Model",
    "ModelConfig",
    "ModelInfo",
    "ModelSignature",
    "Resource",
    "ResourceType",
    "add_libraries_to_model",
    "build_docker",
    "convert_input_example_to_serving_input",
    "enforce_schema",
    "get_model_info",
    "infer_pip_requirements",
    "infer_signature",
    "predict",
    "set_model",
    "set_signature",
    "update_model_requirements",
    "validate_schema",
    "validate_serving_input",
]


def __getattr__(name: str) -> Any:
    if name not in _ABOVE:
        raise AttributeError(f"module 'mlkeep.models' has no attribute '{name}'")
    value = getattr(importlib.import_module(_ABOVE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
