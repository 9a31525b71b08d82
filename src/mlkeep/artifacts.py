"""Artifacts by URI."""

from mlkeep.sdk.artifacts import download_artifacts, list_artifacts, load_dict, load_text

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_text"]
