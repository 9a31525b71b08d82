"""Modules that come with a model, beside modules of the same name that are imported already."""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from mlkeep.flavors import pickle_policy
from mlkeep.flavors.table import is_code
from mlkeep.models.inside import inside

_log = logging.getLogger(__name__)

_swapping = threading.RLock()


def code_folder(folder: Path, conf: Mapping[str, Any]) -> Path | None:
    """The folder of modules that came with the model in `folder`, if any did that may be imported.

    Where pickles are forbidden, those of a model that is data may not: whatever anything imports later would come from
    there, so that a folder need not hold a pickle to run code.

    Raises:
        InvalidInput: it is not inside `folder`.
    """
    if not conf.get("code"):
        return None
    path = inside(folder, conf["code"], "code").resolve()
    is_allowed = pickle_policy.forbidden_by() is None or is_code(conf)
    return path if is_allowed and path.is_dir() else None


def add_code(code: Path | None) -> None:
    """Modules in `code` can be imported from here on, and come before others that are not imported yet."""
    if code is not None and str(code) not in sys.path:
        sys.path.insert(0, str(code))
        importlib.invalidate_caches()


def warn_of_other_modules(code: Path | None) -> None:
    """Say in the log which modules of the model will not be used, because others of their names are imported."""
    for name, file in _others(code).items():
        _log.warning(
            "The model comes with its own module %s, but another is imported already (%s), and is used: load the model "
            "in a new process, or with mlkeep.pyfunc.load_model.",
            name,
            file,
        )


@contextlib.contextmanager
def own_modules(code: Path | None) -> Iterator[None]:
    """What is imported under this comes from `code` where that has it, even if another module of the name is imported.

    Afterwards the name means that other module again: it belongs to the program, or to another model. Files that are the
    same in both places are not read again.
    """
    with _swapping:
        others = _others(code)
        aside = {name: module for top in others for name, module in _with_submodules(top).items()}
        for name in aside:
            del sys.modules[name]
        try:
            yield
        finally:
            if aside:
                for top in others:
                    for name in _with_submodules(top):
                        del sys.modules[name]
                sys.modules.update(aside)
        for name, file in others.items():
            _log.warning(
                "The model uses the module %s that came with it, beside another one that was imported before (%s); what it "
                "imports of that name while it predicts is the other one.",
                name,
                file,
            )


def _others(code: Path | None) -> dict[str, str]:
    """Top modules in `code` of which another is imported that differs, with the file of that."""
    found: dict[str, str] = {}
    for path in sorted(code.iterdir()) if code is not None else ():
        for name, module in _with_submodules(path.stem if path.suffix == ".py" else path.name).items():
            file = getattr(module, "__file__", None)
            if code is not None and file is not None and _differs(name, Path(file), code):
                found.setdefault(name.partition(".")[0], file)
    return found


def _differs(name: str, file: Path, code: Path) -> bool:
    if file.resolve().is_relative_to(code):
        return False
    parts = name.split(".")
    own = code.joinpath(*parts, file.name) if file.name == "__init__.py" else code.joinpath(*parts[:-1], file.name)
    # A module that only one of them has may be one that the other does not need; what is there is compared.
    return own.is_file() and (not file.is_file() or own.read_bytes() != file.read_bytes())


def _with_submodules(top: str) -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in sys.modules.items()
        if (name == top or name.startswith(f"{top}.")) and module is not None
    }
