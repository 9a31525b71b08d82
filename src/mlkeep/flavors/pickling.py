"""Pickles that MLflow reads, MLflow's pickles read here, and the policy that forbids them."""

from __future__ import annotations

import bz2
import dis
import gzip
import importlib
import io
import lzma
import os
import pickle
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import cloudpickle
from cloudpickle.cloudpickle import subimport

from mlkeep.core.errors import Forbidden, InvalidInput, MlkeepException
from mlkeep.flavors import python_model
from mlkeep.flavors.type_hint_pickles import FuncInfo, validate_model_input
from mlkeep.models.signature import ModelSignature

POLICY_VARIABLES = ("MLKEEP_ALLOW_PICKLE", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION")
_NO = {"0", "false", "no", "off"}

_OURS: dict[tuple[str, str], Any] = {
    (python_model.LOADER_MODULE, "PythonModel"): python_model.PythonModel,
    (python_model.LOADER_MODULE, "PythonModelContext"): python_model.PythonModelContext,
    (python_model.LOADER_MODULE, "_FunctionPythonModel"): python_model.FunctionModel,
    ("mlflow.models.signature", "ModelSignature"): ModelSignature,
    ("mlflow.models.signature", "_TypeHints"): python_model.TypeHints,
    ("mlflow.exceptions", "MlflowException"): MlkeepException,
    ("mlflow.pyfunc.utils.data_validation", "FuncInfo"): FuncInfo,
    ("mlflow.pyfunc.utils.data_validation", "_validate_model_input"): validate_model_input,
}
"""What MLflow's pickles of Python models refer to, and our counterparts (observed with MLflow 2.22 and 3.17)."""

_BY_MLFLOWS_NAME = {
    python_model.PythonModel: (python_model.LOADER_MODULE, "PythonModel"),
    python_model.PythonModelContext: (python_model.LOADER_MODULE, "PythonModelContext"),
}
"""Classes of ours that our pickles call by MLflow's name, so that MLflow can read them."""

_DECOMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "lzma": lzma.decompress,
    "bzip2": bz2.decompress,
    "gzip": gzip.decompress,
}


def dump(value: object, path: Path, *, by_value: bool = True) -> set[str]:
    """Pickle `value` into `path`; gives the modules the pickle will import when it is read.

    With `by_value`, what is defined in a script or a notebook is part of the pickle (cloudpickle).
    """
    buffer = io.BytesIO()
    pickler = Pickler(buffer) if by_value else _PlainPickler(buffer)
    pickler.dump(value)
    path.write_bytes(buffer.getvalue())
    return pickler.modules - {"builtins", "__main__"}


def load(path: Path, compression: str | None = None) -> Any:
    """The value pickled in `path`. This runs code the pickle chooses: read only what comes from people you trust.

    Raises:
        Forbidden: the policy of this process forbids pickles.
        InvalidInput: the compression is unknown, or the pickle needs a module of MLflow that mlkeep has no part for.
    """
    check_allowed(path)
    content = path.read_bytes()
    if compression is not None:
        if compression not in _DECOMPRESSORS:
            raise InvalidInput(
                f"python_model_compression: {compression!r} is unknown; expected {sorted(_DECOMPRESSORS)}."
            )
        content = _DECOMPRESSORS[compression](content)
    return Unpickler(io.BytesIO(content)).load()


def check_allowed(path: Path) -> None:
    """See that the policy allows reading the pickle at `path`.

    Raises:
        Forbidden: it does not.
    """
    for variable in POLICY_VARIABLES:
        if os.environ.get(variable, "").strip().lower() in _NO:
            raise Forbidden(
                f"{path.name} is a pickle, and loading a pickle runs whatever code is in it; {variable}="
                f"{os.environ[variable]} forbids that. Save the model in a format that holds no code "
                "(scikit-learn: serialization_format='skops'), or set the variable to 1 if you trust the file."
            )


class _ByName:
    """Stands in a pickle for a module that need not exist here."""

    def __init__(self, module: str) -> None:
        self.module = module


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickles our modules and public classes under MLflow's names, and notes the modules it meets."""

    def __init__(self, file: IO[bytes], protocol: int | None = None) -> None:
        super().__init__(file, protocol)
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, _ByName):
            return subimport, (obj.module,)
        if isinstance(obj, type) and obj in _BY_MLFLOWS_NAME:
            module, name = _BY_MLFLOWS_NAME[obj]
            return getattr, (_ByName(module), name)
        self.modules.update(_modules_of(obj))
        if isinstance(obj, types.ModuleType) and _is_in(obj.__name__, "mlkeep"):
            # Code that says `mlkeep.log_metric`, or `mlflow.log_metric` where mlkeep bears that name.
            return subimport, (f"mlflow{obj.__name__.removeprefix('mlkeep')}",)
        return super().reducer_override(obj)


class _PlainPickler(pickle.Pickler):
    """Notes the modules it meets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        self.modules.update(_modules_of(obj))
        return NotImplemented


def _modules_of(obj: Any) -> Iterator[str]:
    if isinstance(obj, types.ModuleType):
        yield obj.__name__
        return
    if isinstance(obj, types.FunctionType):
        yield from _imported_in(obj.__code__)
    module = getattr(obj, "__module__", None)
    if isinstance(module, str):
        yield module


def _imported_in(code: types.CodeType) -> Iterator[str]:
    """Modules that a function imports in its body, which a pickle of the function cannot show."""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME" and isinstance(step.argval, str):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _imported_in(constant)


class Unpickler(pickle.Unpickler):
    """Reads what `Pickler`, or MLflow's, wrote."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _OURS:
            return _OURS[module, name]
        if (module, name) == ("cloudpickle.cloudpickle", "subimport"):
            return _import_by_name
        if _is_in(module, "mlflow"):
            return getattr(_import_by_name(module), name)
        return super().find_class(module, name)


def _import_by_name(module: str) -> types.ModuleType:
    """`module`; one of MLflow's may be ours, where ours has a part in pickles or MLflow has none of this name."""
    if module == python_model.LOADER_MODULE:
        return python_model
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        if not _is_in(module, "mlflow"):
            raise
    try:
        return importlib.import_module(f"mlkeep{module.removeprefix('mlflow')}")
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"The pickle needs {module}, which mlkeep has no counterpart for: install mlflow to load it."
        ) from error


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
