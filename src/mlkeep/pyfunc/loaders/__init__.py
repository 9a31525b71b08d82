"""What loads models that are a script, under MLflow's name."""

from mlkeep.flavors import model_script as code_model

__all__ = ["code_model"]
