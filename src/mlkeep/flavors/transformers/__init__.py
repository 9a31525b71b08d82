"""Hugging Face transformers: pipelines, their components, and checkpoints."""

import importlib

from mlkeep.flavors.frameworks import needed

with needed("transformers"):  # before the parts that stand on torch, as this extra brings both
    importlib.import_module("transformers")

from mlkeep.flavors.transformers.flavor import (
    FLAVOR_NAME,
    get_default_conda_env,
    get_default_pip_requirements,
    load_model,
    load_pyfunc,
    log_model,
    persist_pretrained_model,
    save_model,
)

__all__ = [
    "FLAVOR_NAME",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "load_model",
    "load_pyfunc",
    "log_model",
    "persist_pretrained_model",
    "save_model",
]
