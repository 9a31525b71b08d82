"""The client and the settings of tracking, under the name MLflow scripts import them by."""

from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.client import MlkeepClient as MlflowClient
from mlkeep.sdk.config import (
    get_registry_uri,
    get_tracking_uri,
    is_tracking_uri_set,
    set_registry_uri,
    set_tracking_uri,
)

__all__ = [
    "MlflowClient",
    "MlkeepClient",
    "get_registry_uri",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "set_registry_uri",
    "set_tracking_uri",
]
