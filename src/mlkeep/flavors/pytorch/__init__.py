"""PyTorch: modules as graphs, as weights, or as pickles."""

from mlkeep.flavors.pytorch.flavor import (
    FLAVOR_NAME,
    get_default_conda_env,
    get_default_pip_requirements,
    load_model,
    load_pyfunc,
    log_model,
    save_model,
)
from mlkeep.flavors.pytorch.formats import PICKLE, PT2, SAFETENSORS
from mlkeep.flavors.pytorch.state_dicts import load_state_dict, log_state_dict, save_state_dict

__all__ = [
    "FLAVOR_NAME",
    "PICKLE",
    "PT2",
    "SAFETENSORS",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "load_model",
    "load_pyfunc",
    "load_state_dict",
    "log_model",
    "log_state_dict",
    "save_model",
    "save_state_dict",
]
