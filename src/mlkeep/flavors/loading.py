"""Finding a model by URI and reading what its folder says."""

from __future__ import annotations

import contextlib
import logging
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core import model_files, uris
from mlkeep.core.entities import LoggedModel
from mlkeep.core.errors import NoSuchEndpoint, NotFound
from mlkeep.flavors import pickle_policy
from mlkeep.flavors.own_code import add_code, code_folder, warn_of_other_modules
from mlkeep.flavors.table import PYFUNC
from mlkeep.models import digests
from mlkeep.models.environment import REQUIREMENTS_FILE
from mlkeep.models.info import ModelInfo
from mlkeep.models.installed import installed_version
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import fluent
from mlkeep.sdk.artifacts import download_artifacts
from mlkeep.sdk.model_folders import model_folder, was_checked

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
    model can be imported afterwards, but where pickles are forbidden (see `own_code.code_folder`).

    The model's files are those that were saved, if its MLmodel tells of their digests. Of a folder that was downloaded
    just now, whose bytes were checked on the way, only the sizes of files are looked at.

    Raises:
        NotFound: there is no model, it does not have the flavor, or a file is missing.
        Forbidden: one of the files is a pickle, and pickles are forbidden here.
        Damaged: a file is not what was saved.
    """
    folder = fetch(model_uri, dst_path)
    model = Model.load(folder)
    conf = model.flavor(flavor)
    if (policy := pickle_policy.forbidden_by()) is not None:
        _refuse_pickles(folder, model)
    is_known = not uris.is_local(str(model_uri)) and (dst_path is not None or was_checked(folder))
    digests.check(folder, model.digests, contents=not is_known)
    code = code_folder(folder, conf)
    if code is None and conf.get("code") and policy is not None:
        _log.warning(
            "The modules that came with the model, in %s, cannot be imported: %s forbids to run what a folder brings. "
            "Install what the model needs of them.",
            *(conf["code"], policy),
        )
    if flavor != PYFUNC:  # which loads under `own_modules`
        warn_of_other_modules(code)
    add_code(code)
    return folder, model, conf


def _refuse_pickles(folder: Path, model: Model) -> None:
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    for pickled in model_files.pickles(model.to_dict(), files):
        pickle_policy.check_allowed(folder / pickled)


def get_model_info(model_uri: str) -> ModelInfo:
    """A summary of the model at `model_uri`; of a logged model with its name, params, tags and metrics.

    Raises:
        NotFound: there is no model.
    """
    model = Model.load(fetch(model_uri))
    logged: LoggedModel | None = None
    if model.model_id is not None and not uris.is_local(str(model_uri)):
        # A folder that was copied to another server is no logged model there.
        with contextlib.suppress(NotFound, NoSuchEndpoint):
            logged = fluent.tracking_client().get_logged_model(model.model_id)
    info = model.get_model_info(logged)
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
