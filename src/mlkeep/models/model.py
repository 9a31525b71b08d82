"""Models and their summaries, under MLflow's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlkeep import models
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import MLMODEL_FILE as MLMODEL_FILE_NAME
from mlkeep.models.mlmodel import Model
from mlkeep.models.model_code import set_model

if TYPE_CHECKING:
    from mlkeep.flavors.loading import get_model_info

__all__ = ["MLMODEL_FILE_NAME", "Model", "ModelInfo", "get_model_info", "set_model"]


def __getattr__(name: str) -> Any:
    if name != "get_model_info":
        raise AttributeError(f"module 'mlkeep.models.model' has no attribute '{name}'")
    return models.get_model_info
