"""Finding a model by URI and reading what its folder says."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core import uris
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.environment import REQUIREMENTS_FILE
from mlkeep.models.info import ModelInfo
from mlkeep.models.installed import installed_version
from mlkeep.models.mlmodel import Model
from mlkeep.sdk.artifacts import download_artifacts
from mlkeep.sdk.model_folders import model_folder

_log = logging.getLogger(__name__)


def fetch(model_uri: str | Path, dst_path: str | None = None) -> Path:
    """The folder of the model at `model_uri`: a local path, or any URI artifacts can have, downloaded if need be.

    With `dst_path` it is a copy in that folder. Without, it is not to be written to: others may load from it as well.

    Raises:
        NotFound: there is nothing there.
    """
    uri = str(model_uri)
    if uris.is_local(uri) and dst_path is None:
        return uris.local_path(uri)
    return model_folder(uri) if dst_path is None else Path(download_artifacts(uri, dst_path=dst_path))


def fetch_flavor(model_uri: str | Path, flavor: str, dst_path: str | None = None) -> tuple[Path, Model, dict[str, Any]]:
    """The folder of the model at `model_uri`, its MLmodel, and the settings of `flavor`; modules that came with the
    model can be imported afterwards.

    Raises:
        NotFound: there is no model, or it does not have the flavor.
    """
    folder = fetch(model_uri, dst_path)
    model = Model.load(folder)
    conf = model.flavor(flavor)
    _add_code(folder, conf)
    return folder, model, conf


def get_model_info(model_uri: str) -> ModelInfo:
    """A summary of the model at `model_uri`.

    Raises:
        NotFound: there is no model.
    """
    info = Model.load(fetch(model_uri)).get_model_info()
    if info.model_id is None and (info.run_id is None or info.artifact_path is None):
        info.model_uri = str(model_uri)
    return info


def warn_of_differences(folder: Path, model: Model) -> None:
    """Say in the log, once, where this environment differs from the one the model was saved in."""
    different = list(_differences(folder, model.flavors.get(PYFUNC, {})))
    if different:
        _log.warning("Detected one or more mismatches with the model's environment: %s", "; ".join(different))


def _differences(folder: Path, conf: Mapping[str, Any]) -> Iterator[str]:
    python = str(conf.get("python_version", ""))
    if python and python.split(".")[:2] != platform.python_version().split(".")[:2]:
        yield f"Python {python} there, {platform.python_version()} here"
    path = folder / REQUIREMENTS_FILE
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        name, pinned, wanted = line.strip().partition("==")
        if not pinned or name in {"mlflow", "mlkeep"}:
            continue
        installed = installed_version(name.partition("[")[0])
        if installed is None:
            yield f"{line.strip()} is not installed"
        elif installed.partition("+")[0] != wanted.partition("+")[0]:
            yield f"{line.strip()}, here {installed}"


def _add_code(folder: Path, conf: Mapping[str, Any]) -> None:
    code = conf.get("code")
    if code and (path := str((folder / str(code)).resolve())) not in sys.path:
        sys.path.insert(0, path)
