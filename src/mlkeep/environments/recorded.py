"""What a model folder says of its environment."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from mlkeep.core.errors import InvalidInput
from mlkeep.core.yaml_text import read_yaml
from mlkeep.models.environment import CONDA_FILE, CONSTRAINTS_FILE, PYTHON_ENV_FILE, REQUIREMENTS_FILE
from mlkeep.models.requirements import name_of, parse

_OWN = "mlkeep"


class RecordedEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """A Python, as `3.11.7` or less of it, and what is installed in it. `folder` is that of the model."""

    folder: Path
    python: str
    lines: list[str]
    constraints: list[str]

    @property
    def minor(self) -> str:
        """The release of Python that counts: patches of it do not matter for packages."""
        return ".".join(self.python.split(".")[:2])

    @property
    def suits_this_python(self) -> bool:
        """Whether the Python that runs here is of the same release."""
        return self.minor == ".".join(map(str, sys.version_info[:2]))

    def with_overrides(self, overrides: Iterable[str]) -> RecordedEnvironment:
        """The same with other lines for some distributions, or more of them."""
        given = parse(list(overrides)).lines
        replaced = {name_of(line) for line in given}
        kept = [line for line in self.lines if name_of(line) not in replaced]
        free = [line for line in self.constraints if name_of(line) not in replaced]
        return msgspec.structs.replace(self, lines=[*kept, *given], constraints=free)

    def installable(self, own: str, own_version: str) -> list[str]:
        """The lines as they can be installed: mlkeep from `own`, a path, and the model's own files by their whole path.

        A line that pins another version of mlkeep stays as it is.
        """
        lines = self.absolute_lines(self.folder.resolve())
        others = [line for line in lines if name_of(line) != _OWN]
        listed = next((line for line in lines if name_of(line) == _OWN), None)
        if listed is not None and (pinned := re.search(r"==\s*([\w.+!-]+)", listed)) and pinned[1] != own_version:
            return lines
        extras = re.search(r"\[[^\]]*\]", listed or "")
        return [f"mlkeep{extras[0] if extras else ''} @ {Path(own).absolute().as_uri()}", *others]

    def absolute_lines(self, folder: Path) -> list[str]:
        """The lines, with the model's own files by their whole path where the model lies in `folder`."""
        return [line if self._own_file(line) is None else str(folder / line) for line in self.lines]

    def digest(self, *more: str) -> str:
        """32 hexadecimal digits that are the same for environments that are the same."""
        files = [
            hashlib.sha256(path.read_bytes()).hexdigest()
            for line in self.lines
            if (path := self._own_file(line)) is not None
        ]
        told = [self.minor, platform.machine(), sys.platform, self.lines, self.constraints, files, more]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    def _own_file(self, line: str) -> Path | None:
        """The file of the model folder that a line installs, such as a wheel."""
        if "://" in line or not line.endswith((".whl", ".tar.gz", ".zip")):
            return None
        path = (self.folder / line).resolve()
        return path if path.is_file() and path.is_relative_to(self.folder.resolve()) else None


def recorded(folder: Path, python_version: object = None) -> RecordedEnvironment:
    """The environment of the model in `folder`. `python_version` is what its MLmodel says, for folders that have no more.

    Raises:
        InvalidInput: there is no `requirements.txt`, and no `conda.yaml` with requirements, or they cannot be read.
    """
    conda = _read_yaml(folder / CONDA_FILE)
    listed = (folder / REQUIREMENTS_FILE).is_file()
    if not listed and not conda:
        raise InvalidInput(
            f"The model in '{folder}' does not say what it needs: it has neither {REQUIREMENTS_FILE} nor {CONDA_FILE}. "
            "Save it again, or write a requirements.txt into it."
        )
    dependencies = conda.get("dependencies") or []
    if listed:
        found = parse(folder / REQUIREMENTS_FILE)
    else:
        pip = [line for item in dependencies if isinstance(item, dict) for line in item.get("pip") or []]
        found = parse([line for line in pip if not line.startswith("-c")])
        if (folder / CONSTRAINTS_FILE).is_file():
            found = msgspec.structs.replace(found, constraints=parse(folder / CONSTRAINTS_FILE).lines)
    of_conda = next((str(item) for item in dependencies if re.match(r"python\s*=", str(item))), "")
    python = (
        str(_read_yaml(folder / PYTHON_ENV_FILE).get("python") or "")
        or of_conda.partition("=")[2].strip("= ")
        or str(python_version or "")
        or platform.python_version()
    )
    return RecordedEnvironment(folder=folder, python=python, lines=found.lines, constraints=found.constraints)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    return content if isinstance(content, dict) else {}
