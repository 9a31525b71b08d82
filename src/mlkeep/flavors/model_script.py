"""Models that are a script: running it, and what it finds when it says `import mlflow`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.flavors import python_model
from mlkeep.models import model_code, model_config
from mlkeep.models.mlmodel import Model

LOADER_MODULE = "mlflow.pyfunc.loaders.code_model"
"""What folders with a script name as the module that loads them."""

CODE_KEY = "model_code_path"
"""Where the script was, of which only the last part counts: the copy in the folder has the same name."""


def model_of_script(script: Path, config: dict[str, Any] | None) -> Any:
    """What the script hands to `set_model`; a function made a `PythonModel`.

    The script runs as a module of its own, each time anew. `config` is what its `ModelConfig` holds; with None that
    holds what the script says itself. Where MLflow is not installed, `import mlflow` gives mlkeep while the script runs.

    Raises:
        InvalidInput: it cannot be run, or calls `set_model` never or with something else.
    """
    spec = importlib.util.spec_from_file_location(f"code_model_{uuid.uuid4().hex}", script)
    if spec is None or spec.loader is None:
        raise InvalidInput(f"{script} is not a Python script: its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    # Where pickles, dataclasses and pydantic look for the module of a class.
    sys.modules[module.__name__] = module
    try:
        return _announced_by(module, spec.loader, script, config)
    except BaseException:
        del sys.modules[module.__name__]
        raise


def _announced_by(module: ModuleType, loader: Loader, script: Path, config: dict[str, Any] | None) -> Any:
    try:
        with model_code.listening() as announced, model_config.configured(config), _written_for_mlflow(script):
            loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InvalidInput(f"Failed to run user code from {script}. Error: {_told(error)}") from error
    if not announced:
        raise InvalidInput(f"{script} does not say what the model is: call mlkeep.models.set_model(model) in it.")
    model = announced[-1]
    return model if model_code.is_python_model(model) else python_model.model_of_function(model)


def load_pyfunc(
    folder: Path,
    model: Model,  # noqa: ARG001 - all is in the settings of the python_function flavor
    conf: Mapping[str, Any],
    model_config: dict[str, Any],
) -> python_model.LoadedPythonModel:
    """The model of the script in `folder`, its context loaded; see `mlkeep.flavors.table.Loader`.

    Raises:
        InvalidInput: there is no script, or it cannot be run.
    """
    # The path was written on the machine that saved the model, which may have had another separator.
    script = folder / str(conf.get(CODE_KEY, "")).replace("\\", "/").rpartition("/")[2]
    if not script.is_file():
        raise InvalidInput(f"MLmodel in {folder}: there is no script {script.name!r} beside it ({CODE_KEY}).")
    # A model without a configuration leaves the script its own; MLflow fails there.
    return python_model.loaded(model_of_script(script, model_config or None), folder, conf, model_config)


def _told(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "mlflow":
        return (
            f"{error}. The script needs a part of MLflow that mlkeep has not: install mlflow, or write the script for "
            "mlkeep (import mlkeep)."
        )
    return error.message if isinstance(error, MlkeepException) else f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _written_for_mlflow(script: Path) -> Iterator[None]:
    """Makes a script that is written for MLflow announce its model here."""
    if "mlflow" not in script.read_text(encoding="utf-8", errors="replace"):
        yield
    elif "mlflow" in sys.modules or importlib.util.find_spec("mlflow") is not None:
        with _handed_out_by_mlflow():
            yield
    else:
        with _standing_in():
            yield


@contextlib.contextmanager
def _handed_out_by_mlflow() -> Iterator[None]:
    """Has an MLflow that is installed hand out mlkeep's `set_model` and `ModelConfig`."""
    ours = {"set_model": model_code.set_model, "ModelConfig": model_config.ModelConfig}
    replaced: list[tuple[ModuleType, str, Any]] = []
    importlib.import_module("mlflow.models")
    for module in (sys.modules.get("mlflow.models"), sys.modules.get("mlflow.models.model")):
        replaced += [(module, name, getattr(module, name)) for name in ours if module and hasattr(module, name)]
    for module, name, _ in replaced:
        setattr(module, name, ours[name])
    try:
        yield
    finally:
        for module, name, theirs in replaced:
            setattr(module, name, theirs)


@contextlib.contextmanager
def _standing_in() -> Iterator[None]:
    finder = _StandIn()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.given:
            sys.modules.pop(name, None)


class _StandIn:
    """Gives mlkeep's modules for MLflow's names."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002 - the import system's signature
        if fullname.partition(".")[0] != "mlflow":
            return None
        home = f"mlkeep{fullname.removeprefix('mlflow')}"
        if importlib.util.find_spec(home) is None:
            return None
        self.given.append(fullname)
        return ModuleSpec(fullname, _SecondName(home))  # type: ignore[arg-type]  # a loader by its methods


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
