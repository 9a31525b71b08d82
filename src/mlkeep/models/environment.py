"""The files that say in which environment a model runs: requirements, constraints, conda and virtualenv."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlkeep.core.errors import InvalidInput
from mlkeep.core.yaml_text import read_yaml, write_yaml
from mlkeep.models.installed import installed_version
from mlkeep.models.requirements import CondaEnv, Requirements, stated

REQUIREMENTS_FILE = "requirements.txt"
CONSTRAINTS_FILE = "constraints.txt"
CONDA_FILE = "conda.yaml"
PYTHON_ENV_FILE = "python_env.yaml"
ENV_FILES = {"conda": CONDA_FILE, "virtualenv": PYTHON_ENV_FILE}
"""What the python_function flavor says of them."""


def write_environment(folder: Path, requirements: Requirements, conda_env: Mapping[str, Any] | None = None) -> None:
    """Write the four files (constraints only if there are any); `conda_env` replaces the generated `conda.yaml`."""
    lines = list(requirements.lines)
    if requirements.constraints:
        _write(folder / CONSTRAINTS_FILE, "\n".join(requirements.constraints))
        lines.append(f"-c {CONSTRAINTS_FILE}")
    _write(folder / REQUIREMENTS_FILE, "\n".join(lines))
    _write(folder / CONDA_FILE, _yaml(conda_env or conda_environment(lines)))
    python_env = {
        "python": platform.python_version(),
        "build_dependencies": [
            f"{name}=={version}" for name in ("pip", "setuptools", "wheel") if (version := installed_version(name))
        ],
        "dependencies": [f"-r {REQUIREMENTS_FILE}"],
    }
    _write(folder / PYTHON_ENV_FILE, _yaml(python_env))


def rewrite_lines(folder: Path, lines: list[str]) -> None:
    """Replace the lines of `requirements.txt`, and those of `conda.yaml` if there is one; what else it lists stays.

    Raises:
        InvalidInput: `conda.yaml` is not YAML.
    """
    _write(folder / REQUIREMENTS_FILE, "\n".join(lines))
    conda = folder / CONDA_FILE
    if conda.is_file():
        content = _read_conda(conda)
        others = [item for item in content.get("dependencies") or [] if not _is_pip(item)]
        _write(conda, _yaml({**content, "dependencies": [*others, {"pip": lines}]}))


def conda_environment(lines: list[str]) -> dict[str, Any]:
    """A conda environment with this Python and pip, that installs `lines`."""
    pip = installed_version("pip")
    return {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [
            f"python={platform.python_version()}",
            f"pip<={pip}" if pip else "pip",
            {"pip": lines},
        ],
    }


def stated_conda(conda_env: CondaEnv) -> tuple[dict[str, Any], Requirements]:
    """A conda environment given by the caller, and the requirements in it (none means none but mlkeep).

    Raises:
        InvalidInput: it is neither a dict nor the path of a readable file that holds one.
    """
    content = _read_conda(Path(conda_env)) if isinstance(conda_env, (str, Path)) else conda_env
    if not isinstance(content, Mapping):
        raise InvalidInput(f"conda_env: expected a dict or the path of a YAML file with one, not {content!r}.")
    others = [item for item in content.get("dependencies") or [] if not _is_pip(item)]
    listed = [line for item in content.get("dependencies") or [] if _is_pip(item) for line in item["pip"]]
    requirements = stated(listed)
    environment = {**content, "dependencies": [*others, {"pip": requirements.lines}]}
    if not any(str(item).startswith("pip") for item in others):
        environment["dependencies"].insert(len(others), "pip")
    return environment, requirements


def _read_conda(path: Path) -> Any:
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(f"conda_env: cannot read {path}: {error}") from error


def _is_pip(item: object) -> bool:
    return isinstance(item, Mapping) and "pip" in item


def _yaml(content: Mapping[str, Any]) -> str:
    return str(write_yaml(content, sort_keys=False))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
