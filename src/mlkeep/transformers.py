"""Saving, logging and loading pipelines of Hugging Face transformers, under MLflow's names."""

from mlkeep.flavors.transformers import (
    FLAVOR_NAME,
    get_default_conda_env,
    get_default_pip_requirements,
    load_model,
    log_model,
    persist_pretrained_model,
    save_model,
)

__all__ = [
    "FLAVOR_NAME",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "load_model",
    "log_model",
    "persist_pretrained_model",
    "save_model",
]
