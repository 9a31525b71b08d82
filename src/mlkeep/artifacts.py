"""Artifacts by URI."""

from mlkeep.sdk.artifacts import delete_artifacts, download_artifacts, list_artifacts, verify_artifacts
from mlkeep.sdk.contents import load_dict, load_image, load_text

__all__ = [
    "delete_artifacts",
    "download_artifacts",
    "list_artifacts",
    "load_dict",
    "load_image",
    "load_text",
    "verify_artifacts",
]
