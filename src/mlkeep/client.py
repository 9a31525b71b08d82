"""The client, under the name MLflow scripts import it by."""

from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.client import MlkeepClient as MlflowClient

__all__ = ["MlflowClient", "MlkeepClient"]
