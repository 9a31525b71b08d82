"""Environments of conda."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from mlkeep.core.errors import InvalidInput, NotInstalled
from mlkeep.core.settings import setting
from mlkeep.environments.recorded import RecordedEnvironment
from mlkeep.models.environment import CONDA_FILE
from mlkeep.models.uv import reason_of


def find_conda() -> str:
    """The path of conda, mamba or micromamba: below `MLFLOW_CONDA_HOME`, of `CONDA_EXE`, or on PATH.

    Raises:
        NotInstalled: there is none.
    """
    if home := setting("CONDA_HOME"):
        candidates = [str(Path(home) / "bin" / "conda")]
    else:
        candidates = [os.environ.get("CONDA_EXE", ""), "conda", "mamba", "micromamba"]
    for candidate in candidates:
        if candidate and (found := shutil.which(candidate)):
            return found
    raise NotInstalled(
        "There is no conda here (looked at MLFLOW_CONDA_HOME, CONDA_EXE and PATH): install it, or use --env-manager uv or "
        "virtualenv, which build the same environment from the model's requirements.txt."
    )


def make_conda(folder: Path, wanted: RecordedEnvironment) -> None:
    """Make an environment in `folder` with what the model's `conda.yaml` lists; what pip is to install is left out.

    Raises:
        NotInstalled: there is no conda.
        InvalidInput: conda cannot make it.
    """
    conda = find_conda()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(_without_pip(wanted), file)
        file.flush()
        command = [conda, "env", "create", "--quiet", "--prefix", str(folder), "--file", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise InvalidInput(f"conda cannot make the model's environment: {reason_of(done.stderr)}")


def _without_pip(wanted: RecordedEnvironment) -> dict[str, Any]:
    try:
        content = yaml.safe_load((wanted.folder / CONDA_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {"channels": ["conda-forge"], "dependencies": [f"python={wanted.python}"]}
    others = [item for item in content.get("dependencies") or [] if not isinstance(item, dict)]
    if not any(str(item).startswith("pip") for item in others):
        others.append("pip")
    return {"channels": content.get("channels") or ["conda-forge"], "dependencies": others}
