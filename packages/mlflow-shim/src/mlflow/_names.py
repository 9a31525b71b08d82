"""Which module an `mlflow.*` name means: one of this package, else one that mlkeep makes public.

mlkeep's modules appear under their second name as the same objects, so classes and module state exist once.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import mlkeep

if TYPE_CHECKING:
    from importlib.abc import Loader  # costs more than all of this package when it is loaded

INSIDE = {
    "mlflow.entities.model_registry": "mlkeep.entities.model_registry",
    "mlflow.models.model": "mlkeep.models.model",
    "mlflow.models.model_config": "mlkeep.models.model_config",
    "mlflow.models.resources": "mlkeep.models.resources",
    "mlflow.models.signature": "mlkeep.models.signature",
    "mlflow.pyfunc.context": "mlkeep.pyfunc.context",
    "mlflow.pyfunc.loaders": "mlkeep.pyfunc.loaders",
    "mlflow.pyfunc.model": "mlkeep.pyfunc.model",
    "mlflow.pyfunc.utils": "mlkeep.pyfunc.utils",
    "mlflow.tracking.fluent": "mlkeep.tracking.fluent",
    "mlflow.types.schema": "mlkeep.types.schema",
    "mlflow.types.type_hints": "mlkeep.types.type_hints",
}
"""Modules inside mlkeep's public ones that MLflow has by the same name. All others there are mlkeep's own affair."""

_HERE = Path(__file__).parent


def home_of(name: str) -> str | None:
    """The module of mlkeep that `name` stands for; None if there is none."""
    first = name.removeprefix("mlflow.")
    if "." in first:
        return INSIDE.get(name)
    is_public = first in mlkeep.__all__ and find_spec(f"mlkeep.{first}") is not None
    return f"mlkeep.{first}" if is_public else None


def is_module(name: str) -> bool:
    """Whether `name` can be imported."""
    return _own(name) is not None or home_of(name) is not None


def missing(name: str) -> str:
    """What to tell who asks for a name that is not here."""
    return (
        f"'{name}' is not offered: mlkeep {mlkeep.__version__} stands in for MLflow here (the package "
        "mlkeep-mlflow-shim), and does not have it."
    )


def install() -> None:
    """Look `mlflow.*` up here first: other finders would load mlkeep's files a second time, under another name."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def refuse_official(path: Sequence[str]) -> None:
    """Raises ImportError: a distribution that owns the name `mlflow` is installed in a folder of `path`."""
    for folder in path:
        for kind in ("mlflow", "mlflow_skinny"):
            for found in Path(folder).glob(f"{kind}-*.dist-info"):
                raise ImportError(
                    f"Both mlkeep-mlflow-shim and the official MLflow ({found}) are installed, and only one package "
                    "can be called 'mlflow'. Uninstall mlflow, mlflow-skinny, mlflow-tracing and mlkeep-mlflow-shim, "
                    "then install the one you want: their files may have overwritten each other."
                )


def _own(name: str) -> ModuleSpec | None:
    """The module of this package that `name` is."""
    *folders, _ = name.removeprefix("mlflow.").split(".")
    found = PathFinder.find_spec(name, [str(_HERE.joinpath(*folders))])
    # A folder without __init__.py, such as `tracking`, only adds modules to one of mlkeep's.
    return found if found is not None and found.loader is not None else None


class _Finder:
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - of the parent, which may be mlkeep's folder
        target: ModuleType | None = None,  # noqa: ARG002 - for reloading
    ) -> ModuleSpec | None:
        if not fullname.startswith("mlflow."):
            return None
        if (own := _own(fullname)) is not None:
            return own
        if (home := home_of(fullname)) is not None:
            return ModuleSpec(fullname, cast("Loader", _SecondName(home)))
        # The name of the module that is missing in truth; with the name asked for, `from mlflow import x` would
        # swallow the message.
        raise ModuleNotFoundError(missing(fullname), name=f"mlkeep.{fullname.removeprefix('mlflow.')}")


class _SecondName:
    """Gives a module that exists under another name."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the import system's signature
        module = importlib.import_module(self._home)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the spec of the second name there
