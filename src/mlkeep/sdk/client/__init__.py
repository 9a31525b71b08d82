"""The client: MLflow's `MlflowClient`, one module an aggregate."""

from mlkeep.sdk.client.client import MlkeepClient

__all__ = ["MlkeepClient"]
