"""Looking at what a folder says of its model, before anything is read or made of it.

A folder names a class, and who wrote it may want another one to be called. So only classes of the framework, and those
derived from them, are ever made; and a name alone does not get a module imported that is not the framework's own. The
class of one's own is found if the program has imported it, or if it is in the code that came with the model, which is
run only where pickles are allowed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import Damaged, Forbidden, InvalidInput, NotFound
from mlkeep.flavors import pickle_policy
from mlkeep.models.inside import inside

_WHERE_IN_SOURCE = re.compile(r"^(\[[\d:]+\] )?(\S+?:\d+: )?")


def data_file(folder: Path, conf: Mapping[str, Any], default: str | None = None) -> Path:
    """The file of the model in `folder` that `conf`, the settings of a flavor, names as `data`, else `default`.

    Raises:
        InvalidInput: it names none, or one outside the folder.
        NotFound: it is missing.
    """
    named = conf.get("data") or default
    path = inside(folder, named, "data")
    if not path.is_file():
        raise NotFound(f"The model needs the file {named}, which is not in {folder}.")
    return path


def unreadable(path: Path, framework: str, error: Exception) -> Damaged:
    """The error for a file that the framework (its name and version) cannot read, with the first line of its own."""
    return Damaged(
        f"{path.name} in {path.parent} cannot be read by {framework}: {first_line(error)} The file is damaged, or another "
        "release wrote it; get it again from where the model was logged, or save it anew."
    )


def first_line(error: object) -> str:
    """What a library says, as one sentence: without place in its source, and without stack."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return f"{_WHERE_IN_SOURCE.sub('', line).strip().rstrip('.:')}."


def name_of(kind: type) -> str:
    """What a folder calls a class: its module and its name."""
    return f"{kind.__module__}.{kind.__name__}"


def is_of_package(module: str, package: str) -> bool:
    """Whether `module` is `package` or below it."""
    return module == package or module.startswith(f"{package}.")


def class_named(named: object, bases: tuple[type, ...], folder: Path, code: object) -> type[Any]:
    """The class that the MLmodel in `folder` calls `named`, if it is one of `bases` or derived from one.

    `code` is the folder of modules that came with the model, as the flavor's settings name it.

    Raises:
        InvalidInput: it is no such class, or it is one of the user's own that is not imported.
        Forbidden: it is in the code that came with the model, and code from folders is forbidden here.
    """
    module, _, name = str(named).rpartition(".")
    package = bases[0].__module__.partition(".")[0]
    if is_of_package(module, package):
        found = _imported(module, name)
    else:
        found = _derived(str(named), bases)
        if found is None and (file := _in_code(folder, code, module)) is not None:
            _check_allowed(file, named)
            found = _imported(module, name)
        if found is None:
            raise InvalidInput(
                f"model_class: {named!r} is no class of {package}, and this program has no such class derived from one. If "
                f"it is yours, import {module or 'its module'} before you load the model, or save the model with "
                "code_paths: what a folder names is not imported."
            )
    if not (isinstance(found, type) and issubclass(found, bases)):
        expected = " or ".join(base.__name__ for base in bases)
        raise InvalidInput(f"model_class: {named!r} is no class of {package}, or not derived from {expected}.")
    return found


def _imported(module: str, name: str) -> object:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise InvalidInput(f"model_class: {module} cannot be imported: {error}.") from error


def _derived(named: str, bases: tuple[type, ...]) -> type | None:
    """The class of that name; of several, as a notebook makes them, the one that was made last."""
    found = [kind for base in bases for kind in _below(base) if name_of(kind) == named]
    return found[-1] if found else None


def _below(base: type) -> Iterator[type]:
    kind: type
    for kind in base.__subclasses__():
        yield kind
        yield from _below(kind)


def _in_code(folder: Path, code: object, module: str) -> Path | None:
    """The file of `module` in the code that came with the model; None if it is not there."""
    parts = module.split(".")
    if not code or not all(part.isidentifier() for part in parts):
        return None
    place = inside(folder, code, "code") / Path(*parts)
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _check_allowed(file: Path, named: object) -> None:
    try:
        pickle_policy.check_allowed(file)
    except Forbidden as error:
        raise Forbidden(
            f"model_class: {named!r} is defined in {file.name}, which came with the model. Where pickles are forbidden "
            "(MLKEEP_ALLOW_PICKLE=0), such code is not run either: import the class before you load the model."
        ) from error
