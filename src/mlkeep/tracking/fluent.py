"""The fluent functions, under the name MLflow integrations import them by."""

from mlkeep.sdk import fluent
from mlkeep.sdk.fluent import *  # noqa: F403 - this module is that one, by another name

__all__ = fluent.__all__
