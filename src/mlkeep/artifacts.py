"""Artifacts by URI."""

from mlkeep.sdk.artifacts import (
    delete_artifacts,
    download_artifacts,
    list_artifacts,
    load_dict,
    load_text,
    verify_artifacts,
)

__all__ = [
    "delete_artifacts",
    "download_artifacts",
    "list_artifacts",
    "load_dict",
    "load_text",
    "verify_artifacts",
]
