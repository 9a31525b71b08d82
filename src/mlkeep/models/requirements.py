"""Which distributions a model needs: what its files refer to, pinned as installed, or what the caller says."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.models.installed import installed_version
from mlkeep.version import __version__

PipRequirements: TypeAlias = str | Path | Iterable[str]
"""The path of a requirements file, or its lines."""

CondaEnv: TypeAlias = str | Path | Mapping[str, Any]
"""The path of a conda environment file, or its content."""

OWN_REQUIREMENT = f"mlkeep=={__version__}"
_OWN_NAMES = {"mlkeep", "mlflow", "mlflow-skinny"}
"""Any of these is enough to load the folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_NEEDED = {"mlkeep", "mlflow", "mlflow-skinny", "setuptools", "pip", "wheel"}


class Requirements(msgspec.Struct, frozen=True):
    """The lines of `requirements.txt`, and those of `constraints.txt` (empty for no such file)."""

    lines: list[str]
    constraints: list[str] = []


def check_exclusive(conda_env: object, pip_requirements: object, extra_pip_requirements: object) -> None:
    """See that at most one of the three is given.

    Raises:
        ValueError: more than one is.
    """
    given = {
        "conda_env": conda_env,
        "pip_requirements": pip_requirements,
        "extra_pip_requirements": extra_pip_requirements,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ValueError(f"Only one of {', '.join(given)} can be given; found {' and '.join(named)}.")


def stated(pip_requirements: PipRequirements) -> Requirements:
    """What the caller listed, with mlkeep in front unless mlkeep or MLflow is in it.

    Raises:
        InvalidInput: a file that is named cannot be read.
    """
    return _with_own(parse(pip_requirements))


def inferred(
    modules: Iterable[str], defaults: Sequence[str], extra_pip_requirements: PipRequirements | None = None
) -> Requirements:
    """mlkeep, the distributions that provide `modules`, the flavor's `defaults` and the caller's extra lines.

    Modules of the standard library, and those no distribution provides (a script's own), add nothing.
    A later line for a distribution replaces an earlier one.
    """
    extra = Requirements([]) if extra_pip_requirements is None else parse(extra_pip_requirements)
    by_name = {_name_of(line): line for line in sorted({*_pinned_providers(modules), *defaults}, key=str.lower)}
    by_name |= {_name_of(line): line for line in extra.lines}
    return _with_own(Requirements(list(by_name.values()), extra.constraints))


def pinned(distribution: str) -> str:
    """`name==version` as installed, without a local label such as `+cpu`; the bare name if it is not installed."""
    version = installed_version(distribution)
    return f"{distribution}=={version.partition('+')[0]}" if version else distribution


def parse(pip_requirements: PipRequirements) -> Requirements:
    """Requirement lines from a file or a list; `-r` and `-c` lines are replaced by what their files say.

    Raises:
        InvalidInput: a file cannot be read, or the value is neither a path nor a list of strings.
    """
    if isinstance(pip_requirements, (str, Path)):
        return _parse_lines(_read_lines(Path(pip_requirements)), Path(pip_requirements).parent)
    lines = list(pip_requirements)
    if all(isinstance(line, str) for line in lines):
        return _parse_lines(lines, Path())
    raise InvalidInput(
        f"pip_requirements: expected a list of requirement strings or the path of a file, not {lines!r}."
    )


def _parse_lines(lines: Iterable[str], base: Path) -> Requirements:
    found: list[str] = []
    constraints: list[str] = []
    for line in lines:
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        option, _, value = text.partition(" ")
        if option in {"-r", "--requirement"}:
            path = base / value.strip()
            nested = _parse_lines(_read_lines(path), path.parent)
            found += nested.lines
            constraints += nested.constraints
        elif option in {"-c", "--constraint"}:
            constraints += [item.strip() for item in _read_lines(base / value.strip()) if item.strip()]
        elif text:
            found.append(text)
    return Requirements(found, constraints)


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(f"pip_requirements: cannot read {path}: {error.strerror}.") from error


def _with_own(requirements: Requirements) -> Requirements:
    if any(_name_of(line) in _OWN_NAMES for line in requirements.lines):
        return requirements
    return Requirements([OWN_REQUIREMENT, *requirements.lines], requirements.constraints)


def _name_of(line: str) -> str:
    """The normalised name of the distribution a line is about; the line itself for an option or a URL."""
    matched = _NAME.match(line)
    return re.sub(r"[-_.]+", "-", matched.group()).lower() if matched else line


def _pinned_providers(modules: Iterable[str]) -> set[str]:
    top = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    providers = _providers()
    names = {distribution for name in top for distribution in providers.get(name, [])[:1]}
    return {pinned(name) for name in names if name.lower() not in _NOT_NEEDED}


@functools.cache
def _providers() -> Mapping[str, list[str]]:
    """Top-level module to the distributions that provide it; reading all metadata takes a while, so only once."""
    return importlib.metadata.packages_distributions()
