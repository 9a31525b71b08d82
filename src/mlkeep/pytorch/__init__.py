"""Saving, logging and loading PyTorch modules and their weights, under MLflow's names."""

from mlkeep.flavors.pytorch import (
    FLAVOR_NAME,
    get_default_conda_env,
    get_default_pip_requirements,
    load_model,
    load_state_dict,
    log_model,
    log_state_dict,
    save_model,
    save_state_dict,
)
from mlkeep.flavors.pytorch import (
    PICKLE as SERIALIZATION_FORMAT_PICKLE,
)
from mlkeep.flavors.pytorch import (
    PT2 as SERIALIZATION_FORMAT_PT2,
)
from mlkeep.flavors.pytorch import (
    SAFETENSORS as SERIALIZATION_FORMAT_SAFETENSORS,
)
from mlkeep.pytorch import pickle_module

__all__ = [
    "FLAVOR_NAME",
    "SERIALIZATION_FORMAT_PICKLE",
    "SERIALIZATION_FORMAT_PT2",
    "SERIALIZATION_FORMAT_SAFETENSORS",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "load_model",
    "load_state_dict",
    "log_model",
    "log_state_dict",
    "pickle_module",
    "save_model",
    "save_state_dict",
]
