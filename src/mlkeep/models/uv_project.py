"""Requirements of a model that is made inside a project of uv: what its lock file says."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.core.settings import flag
from mlkeep.models.requirements import PipRequirements, Requirements, name_of, parse, stated
from mlkeep.models.uv import call_uv, reason_of

LOCK_FILE = "uv.lock"
PROJECT_FILE = "pyproject.toml"
_FILES = (LOCK_FILE, PROJECT_FILE, ".python-version")

_log = logging.getLogger(__name__)


class UvProject(msgspec.Struct, frozen=True):
    """A folder with `uv.lock` and `pyproject.toml`, and the lines its lock file gives for this choice of groups and extras."""

    folder: Path
    lines: list[str]


def uv_project(
    path: str | Path | None = None, groups: Iterable[str] | None = None, extras: Iterable[str] | None = None
) -> UvProject | None:
    """The project of uv whose lock file says what a model needs; None if there is none.

    Without a `path` it is the working folder, if it is such a project and MLFLOW_UV_AUTO_DETECT is not false; where
    its lock file cannot be used then, or there are groups and extras but no project, that is told in the log.

    Raises:
        InvalidInput: `path` is no such project, or the lock file does not fit it or the groups and extras.
        NotInstalled: `path` is given, and there is no uv.
    """
    folder = Path.cwd() if path is None else Path(path)
    missing = [name for name in (PROJECT_FILE, LOCK_FILE) if not (folder / name).is_file()]
    if path is None:
        if missing or not flag("UV_AUTO_DETECT", default=True):
            if groups or extras:
                _log.warning(
                    "uv_groups and uv_extras are ignored, because '%s' is not used as a project of uv: give uv_project_path.",
                    folder,
                )
            return None
        try:
            return UvProject(folder, _export(folder, groups or (), extras or ()))
        except MlkeepException as error:
            _log.warning("%s The model's imports are looked at instead.", error)
            return None
    if missing:
        raise InvalidInput(
            f"uv_project_path: there is no {missing[0]} in '{folder}'. Give the folder of the project, after `uv lock`."
        )
    return UvProject(folder, _export(folder, groups or (), extras or ()))


def exported(project: UvProject, extra_pip_requirements: PipRequirements | None = None) -> Requirements:
    """mlkeep, what the project has locked, and the caller's extra lines, which replace those of the same name."""
    extra = Requirements([]) if extra_pip_requirements is None else parse(extra_pip_requirements)
    replaced = {name_of(line) for line in extra.lines}
    kept = [line for line in project.lines if name_of(line) not in replaced]
    return Requirements(stated([*kept, *extra.lines]).lines, extra.constraints)


def copy_project_files(project: UvProject, folder: Path) -> None:
    """Put the files that make the project's environment again into a model folder, unless MLFLOW_LOG_UV_FILES is false."""
    if flag("LOG_UV_FILES", default=True):
        for name in _FILES:
            if (project.folder / name).is_file():
                shutil.copy2(project.folder / name, folder / name)


def _export(folder: Path, groups: Iterable[str], extras: Iterable[str]) -> list[str]:
    done = call_uv(
        [
            *("export", "--quiet", "--frozen", "--project", folder, "--no-hashes", "--no-header", "--no-annotate"),
            *("--no-dev", "--no-emit-project", "--no-emit-workspace"),
            *(part for group in groups for part in ("--group", group)),
            *(part for extra in extras for part in ("--extra", extra)),
        ]
    )
    if done.returncode:
        raise InvalidInput(
            f"uv cannot say what '{folder / LOCK_FILE}' locks: {reason_of(done.stderr)} Run `uv lock`, or give "
            "pip_requirements."
        )
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    local = [line for line in lines if line.startswith(("-e", ".", "/", "file:"))]
    if local:
        _log.warning(
            "The project %s depends on folders of this machine, which the model's requirements do not list: %s. Give "
            "their modules in code_paths.",
            folder,
            ", ".join(local),
        )
    return [line for line in lines if line not in local]
