"""Which distributions a model needs: what its files refer to, pinned as installed, or what the caller says."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from mlkeep.core.errors import InvalidInput
from mlkeep.models.distributions import installed, source_of
from mlkeep.models.installed import installed_version
from mlkeep.version import __version__

PipRequirements: TypeAlias = str | Path | Iterable[str]
"""The path of a requirements file, or its lines."""

CondaEnv: TypeAlias = str | Path | Mapping[str, Any]
"""The path of a conda environment file, or its content."""

OWN_REQUIREMENT = f"mlkeep=={__version__}"
_OWN_NAMES = {"mlkeep", "mlflow", "mlflow-skinny"}
"""Any of these is enough to load the folder."""

_NOT_NEEDED = {"mlkeep", "mlflow", "mlflow-skinny", "mlflow-tracing", "setuptools", "pip", "wheel"}
_FILE_OPTION = re.compile(r"(-r|--requirement|-c|--constraint)(?:[ =]\s*)?(.*)")

_log = logging.getLogger(__name__)


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
        InvalidInput: a file that is named cannot be read, or a line is no requirement.
    """
    return _with_own(checked(parse(pip_requirements)))


def inferred(
    modules: Iterable[str],
    defaults: Sequence[str],
    extra_pip_requirements: PipRequirements | None = None,
    *,
    seen: Iterable[str] = (),
) -> Requirements:
    """mlkeep, the distributions that provide `modules`, the flavor's `defaults` and the caller's extra lines.

    `seen` are modules that were imported while the model predicted: a distribution only seen is left out if another one
    that is listed brings it along. What the model's own files name is always pinned: a pickle written with one release of
    a package need not load with the next. Modules of the standard library, and those no distribution provides (a
    script's own), add nothing. A later line for a distribution replaces an earlier one.
    """
    extra = Requirements([]) if extra_pip_requirements is None else checked(parse(extra_pip_requirements))
    by_name = {name_of(line): line for line in _lines_for(_providers(modules).values())}
    by_name |= {name_of(line): line for line in defaults}
    only_seen = {name: spelt for name, spelt in _providers(seen).items() if name not in by_name}
    implied = _implied((*by_name, *only_seen)) if only_seen else frozenset()
    for line in _lines_for(spelt for name, spelt in only_seen.items() if name not in implied):
        by_name[name_of(line)] = line
    lines = sorted(by_name.values(), key=str.lower)
    by_name = {name_of(line): line for line in lines} | {name_of(line): line for line in extra.lines}
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


def checked(requirements: Requirements) -> Requirements:
    """The same, if each line can be one. Raises InvalidInput."""
    for line in requirements.lines:
        bare = line.partition(" --")[0].strip()
        if line.startswith("-") or re.search(r"[/\\$]|^\.|\.whl$", bare):  # an option, a URL or a path
            continue
        try:
            Requirement(bare)
        except InvalidRequirement as error:
            raise InvalidInput(
                f"pip_requirements: {line!r} is no requirement, such as 'pandas==2.2.3' or 'scipy>=1.10,<2': "
                f"{str(error).splitlines()[0].strip()}."
            ) from error
    return requirements


def name_of(line: str) -> str:
    """The canonical name of the distribution a line asks for; the line itself if it is an option, or a URL that does not tell."""
    bare = line.partition(" --")[0].strip()
    try:
        return canonicalize_name(Requirement(bare).name)
    except InvalidRequirement:
        pass
    try:
        return parse_wheel_filename(unquote(re.split(r"[/\\]", re.split("[?#]", bare)[0])[-1]))[0]
    except InvalidWheelFilename:
        return line


def _parse_lines(lines: Iterable[str], base: Path, above: Sequence[Path] = ()) -> Requirements:
    found: list[str] = []
    constraints: list[str] = []
    for text in _logical(lines):
        option = _FILE_OPTION.fullmatch(text)
        if option is None or "://" in option[2]:
            found.append(text)
        elif option[1] in {"-r", "--requirement"}:
            path = (base / option[2]).resolve()
            if path in above:
                raise InvalidInput(f"pip_requirements: {path.name} includes itself, by the line {text!r}.")
            nested = _parse_lines(_read_lines(path), path.parent, [*above, path])
            found += nested.lines
            constraints += nested.constraints
        else:
            constraints += _logical(_read_lines(base / option[2]))
    return Requirements(found, constraints)


def _logical(lines: Iterable[str]) -> Iterator[str]:
    """Lines without comments, those that go on after a backslash in one piece, and no empty ones."""
    begun = ""
    for line in lines:
        text = begun + re.sub(r"(^|\s)#.*", "", line).strip()
        begun = text[:-1].rstrip() + " " if text.endswith("\\") else ""
        if text and not begun:
            yield text
    if begun.strip():
        yield begun.strip()


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(f"pip_requirements: cannot read {path}: {error.strerror}.") from error


def _with_own(requirements: Requirements) -> Requirements:
    if any(name_of(line) in _OWN_NAMES for line in requirements.lines):
        return requirements
    return Requirements([OWN_REQUIREMENT, *requirements.lines], requirements.constraints)


def _providers(modules: Iterable[str]) -> dict[str, str]:
    """The distributions that modules come from: their canonical names, and as they spell them themselves."""
    there = installed()
    named = [name for name in modules if name and name.partition(".")[0] not in sys.stdlib_module_names]
    found = {distribution for name in named for distribution in there.of_module(name)}
    found |= {distribution for name in named if (distribution := there.installed_in_place(name)) is not None}
    by_name = {canonicalize_name(distribution): distribution for distribution in found}
    return {name: distribution for name, distribution in by_name.items() if name not in _NOT_NEEDED}


def _implied(names: Iterable[str]) -> frozenset[str]:
    """What mlkeep and the distributions of these names bring along."""
    there = installed()
    return there.needed_by("mlkeep").union(*(there.needed_by(name) for name in names))


def _lines_for(distributions: Iterable[str]) -> Iterator[str]:
    for name in distributions:
        source = source_of(name)
        if source == "":
            _log.warning(
                "%s is installed from a folder or file of this machine, so the model's requirements do not list it: give "
                "its modules in code_paths, or a place to install it from in extra_pip_requirements.",
                name,
            )
        else:
            yield source or pinned(name)
