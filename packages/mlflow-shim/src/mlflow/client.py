"""The client, under the name MLflow scripts import it by."""

from mlkeep import MlflowClient

__all__ = ["MlflowClient"]
