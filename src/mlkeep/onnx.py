"""Saving, logging and loading ONNX models, under MLflow's names."""

from mlkeep.flavors.onnx import (
    FLAVOR_NAME,
    ONNX_EXECUTION_PROVIDERS,
    get_default_conda_env,
    get_default_pip_requirements,
    load_model,
    log_model,
    save_model,
)

__all__ = [
    "FLAVOR_NAME",
    "ONNX_EXECUTION_PROVIDERS",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "load_model",
    "log_model",
    "save_model",
]
