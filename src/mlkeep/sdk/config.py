"""Where runs and models are tracked: what was set, else the environment, else a database in the working folder."""

from __future__ import annotations

import os
from pathlib import Path

from mlkeep.remote.settings import setting
from mlkeep.sdk.operations import look_up_default

DEFAULT_FOLDER = ".mlkeep"
"""Folder of the default database, below the working folder."""

_tracking_uri: str | None = None
_registry_uri: str | None = None


def set_tracking_uri(uri: str | os.PathLike[str] | None) -> None:
    """Track at `uri`: a server (`http://…`), or a SQLite file (`sqlite:///…`). None goes back to the default.

    Programs started from this one inherit it, through the environment.
    """
    global _tracking_uri  # noqa: PLW0603 - one setting for the process, as MLflow scripts expect
    _tracking_uri = None if uri is None else _as_text(uri)
    if _tracking_uri is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        os.environ.pop("MLKEEP_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = os.environ["MLKEEP_TRACKING_URI"] = _tracking_uri


def get_tracking_uri() -> str:
    """Where runs are tracked now."""
    if _tracking_uri is not None:
        return _tracking_uri
    return setting("TRACKING_URI") or default_tracking_uri()


def is_tracking_uri_set() -> bool:
    """Whether a tracking URI was set, here or in the environment."""
    return bool(_tracking_uri or setting("TRACKING_URI"))


def default_tracking_uri() -> str:
    """`.mlkeep/mlkeep.db` in the working folder."""
    return f"sqlite:///{Path.cwd() / DEFAULT_FOLDER / 'mlkeep.db'}"


def set_registry_uri(uri: str | None) -> None:
    """Keep registered models elsewhere than runs. None goes back to the tracking URI."""
    global _registry_uri  # noqa: PLW0603 - as above
    _registry_uri = uri


def get_registry_uri() -> str:
    """Where models are registered now."""
    return _registry_uri or setting("REGISTRY_URI") or get_tracking_uri()


def enable_async_logging(enable: bool = True) -> None:
    """Make `synchronous=False` the default of functions that log; in programs started from this one too."""
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = os.environ["MLKEEP_ENABLE_ASYNC_LOGGING"] = str(enable).lower()
    look_up_default()


def _as_text(uri: str | os.PathLike[str]) -> str:
    return uri if isinstance(uri, str) else Path(uri).absolute().as_uri()
