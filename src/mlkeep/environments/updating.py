"""Changing the requirements of a model that is saved or logged already."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mlkeep.core import uris
from mlkeep.core.errors import InvalidInput
from mlkeep.environments.recorded import recorded
from mlkeep.flavors.loading import fetch
from mlkeep.models.environment import CONDA_FILE, CONSTRAINTS_FILE, REQUIREMENTS_FILE, rewrite_lines
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import checked, name_of, parse
from mlkeep.sdk.client import MlkeepClient

_FILES = (REQUIREMENTS_FILE, CONDA_FILE, CONSTRAINTS_FILE)

_log = logging.getLogger(__name__)


def update_model_requirements(
    model_uri: str, operation: Literal["add", "remove"], requirement_list: Sequence[str]
) -> None:
    """Add lines to the requirements of a model, in place of those for the same distributions, or remove them.

    `requirements.txt` and `conda.yaml` change, and a locked version of a distribution that is given anew is no longer
    kept to. The model is a local folder, `runs:/<run id>/<path>` or `models:/m-<id>`.

    Raises:
        InvalidInput: it is a version of a registered model, which does not change; the operation is another one; or a
            line is no requirement.
        NotFound: there is no such model.
    """
    if operation not in {"add", "remove"}:
        raise InvalidInput(f"operation: {operation!r} is unknown; choose 'add' or 'remove'.")
    if model_uri.startswith("models:/") and not model_uri.startswith("models:/m-"):
        raise InvalidInput(
            f"model_uri: '{model_uri}' is registered, and versions do not change. Update the model it was registered "
            "from, by its URI runs:/<run id>/<path> or models:/m-<id>, and register it again."
        )
    given = checked(parse(list(requirement_list))).lines
    if uris.is_local(model_uri):
        _change(uris.local_path(model_uri), operation, given)
        return
    fetched = fetch(model_uri)
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        folder = Path(scratch)
        for name in _FILES:
            if (fetched / name).is_file():
                shutil.copyfile(fetched / name, folder / name)  # what is downloaded may be read-only
        _change(folder, operation, given)
        _upload(folder, model_uri, Model.load(fetched))


def _change(folder: Path, operation: str, given: list[str]) -> None:
    before = recorded(folder)
    names = {name_of(line) for line in given}
    lines = [line for line in before.lines if name_of(line) not in names]
    if operation == "add":
        lines += given
    elif unknown := sorted(names - {name_of(line) for line in before.lines}):
        _log.warning("The model does not require %s: nothing to remove.", ", ".join(unknown))
    constraints = [line for line in before.constraints if name_of(line) not in names]
    if (folder / CONSTRAINTS_FILE).is_file():
        (folder / CONSTRAINTS_FILE).write_text("\n".join(constraints), encoding="utf-8")
        lines.append(f"-c {CONSTRAINTS_FILE}")
    rewrite_lines(folder, lines)


def _upload(folder: Path, model_uri: str, model: Model) -> None:
    client = MlkeepClient()
    if model.model_id is not None:
        client.log_model_artifacts(model.model_id, str(folder))
        return
    if not model_uri.startswith("runs:/"):
        raise InvalidInput(
            f"model_uri: '{model_uri}' cannot be changed there: give a local folder, runs:/<run id>/<path> or "
            "models:/m-<id>."
        )
    run_id, _, path = model_uri.removeprefix("runs:/").strip("/").partition("/")
    client.log_artifacts(run_id, str(folder), path or None)
