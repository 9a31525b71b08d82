"""The MLmodel format: folders that hold a model, their schemas, examples and environments."""

from mlkeep.models.enforcement import enforce_schema
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.signature import ModelSignature, infer_signature

__all__ = ["Model", "ModelInfo", "ModelSignature", "enforce_schema", "infer_signature"]
