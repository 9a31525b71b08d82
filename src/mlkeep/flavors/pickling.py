"""Pickles that MLflow reads, and MLflow's pickles read here."""

from __future__ import annotations

import dis
import importlib
import io
import pickle
import struct
import types
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import cloudpickle
from cloudpickle.cloudpickle import subimport

from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.flavors import pickle_policy, python_model
from mlkeep.flavors.compression import damaged, read_plain
from mlkeep.flavors.type_hint_pickles import FuncInfo, validate_model_input
from mlkeep.models.signature import ModelSignature
from mlkeep.models.type_hints import TypeHints

_OURS: dict[tuple[str, str], Any] = {
    (python_model.LOADER_MODULE, "PythonModel"): python_model.PythonModel,
    (python_model.LOADER_MODULE, "PythonModelContext"): python_model.PythonModelContext,
    (python_model.LOADER_MODULE, "_FunctionPythonModel"): python_model.FunctionModel,
    ("mlflow.models.signature", "ModelSignature"): ModelSignature,
    ("mlflow.models.signature", "_TypeHints"): TypeHints,
    ("mlflow.exceptions", "MlflowException"): MlkeepException,
    ("mlflow.pyfunc.utils.data_validation", "FuncInfo"): FuncInfo,
    ("mlflow.pyfunc.utils.data_validation", "_validate_model_input"): validate_model_input,
}
"""What MLflow's pickles of Python models refer to, and our counterparts (observed with MLflow 2.22 and 3.17)."""

_BY_MLFLOWS_NAME = {
    python_model.PythonModel: (python_model.LOADER_MODULE, "PythonModel"),
    python_model.PythonModelContext: (python_model.LOADER_MODULE, "PythonModelContext"),
    TypeHints: ("mlflow.models.signature", "_TypeHints"),
    python_model.pyfunc: ("mlflow.pyfunc.utils", "pyfunc"),
}
"""What of ours our pickles call by MLflow's name, so that MLflow can read them."""

_HOMES = {
    python_model.LOADER_MODULE: "mlkeep.flavors.python_model",
    "mlflow.models.signature": "mlkeep.models.signature",
    "mlflow.pyfunc.utils": "mlkeep.pyfunc.utils",
}
"""Modules that pickles of either name, and that are ours here even where MLflow is installed."""


def dump(value: object, path: Path, *, by_value: bool = True, hinted: object = None, instead: str = "") -> set[str]:
    """Pickle `value` into `path`; gives the modules the pickle will import when it is read.

    With `by_value`, what is defined in a script or a notebook is part of the pickle (cloudpickle). `hinted` is a function
    in it whose input MLflow is to check by its type hints. `instead` is what an error advises, as for `pickle_policy.check_writing`.

    Raises:
        Forbidden: the policy of this process forbids pickles.
    """
    pickle_policy.check_writing(type(value).__name__, instead)
    buffer = io.BytesIO()
    pickler = Pickler(buffer, hinted=hinted) if by_value else _PlainPickler(buffer)
    pickler.dump(value)
    path.write_bytes(buffer.getvalue())
    return pickler.modules - {"builtins", "__main__"}


def types_in(value: object) -> frozenset[str]:
    """The names of the classes and functions a pickle of `value` would refer to; empty if it cannot be pickled."""
    pickler = Pickler(_Nowhere())
    try:
        pickler.dump(value)
    except Exception:  # noqa: BLE001 - the object's own code runs; whether it can be pickled is asked when it is
        return frozenset()
    return frozenset(pickler.names)


class _Nowhere(io.BytesIO):
    def write(self, content: Any) -> int:
        return len(content)


def load(path: Path, compression: str | None = None) -> Any:
    """The value pickled in `path`. This runs code the pickle chooses: read only what comes from people you trust.

    Raises:
        Forbidden: the policy of this process forbids pickles.
        NotFound: there is no such file.
        Damaged: it ends too early, or is no pickle.
        InvalidInput: the compression is unknown, or the pickle needs a module of MLflow that mlkeep has no part for.
    """
    pickle_policy.check_allowed(path)
    plain = read_plain(path, compression)
    try:
        return Unpickler(io.BytesIO(plain)).load()
    except (pickle.UnpicklingError, EOFError, struct.error) as error:
        raise damaged(path, "as a pickle", error) from error


class _ByName:
    """Stands in a pickle for a module that need not exist here."""

    def __init__(self, module: str) -> None:
        self.module = module


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickles our modules and public classes under MLflow's names, and notes the modules it meets."""

    def __init__(self, file: IO[bytes], protocol: int | None = None, *, hinted: object = None) -> None:
        super().__init__(file, protocol)
        self.modules: set[str] = set()
        self.names: set[str] = set()
        self._hinted = hinted

    def reducer_override(self, obj: Any) -> Any:
        named = obj if isinstance(obj, (type, types.FunctionType)) else type(obj)
        self.names.add(f"{named.__module__}.{named.__qualname__}")
        if isinstance(obj, _ByName):
            return subimport, (obj.module,)
        if isinstance(obj, types.FunctionType) and obj is self._hinted:
            self._hinted = None
            return python_model.pyfunc, (_copy_of(obj),)
        if isinstance(obj, (type, types.FunctionType)) and obj in _BY_MLFLOWS_NAME:
            module, name = _BY_MLFLOWS_NAME[obj]
            return getattr, (_ByName(module), name)
        self.modules.update(_modules_of(obj))
        if isinstance(obj, types.ModuleType) and _is_in(obj.__name__, "mlkeep"):
            # Code that says `mlkeep.log_metric`, or `mlflow.log_metric` where mlkeep bears that name.
            return subimport, (f"mlflow{obj.__name__.removeprefix('mlkeep')}",)
        return super().reducer_override(obj)


def _copy_of(function: types.FunctionType) -> types.FunctionType:
    copy = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    for name in ("__annotations__", "__doc__", "__module__", "__qualname__"):
        setattr(copy, name, getattr(function, name))
    copy.__dict__.update(function.__dict__)
    return copy


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
    if module in _HOMES:
        return importlib.import_module(_HOMES[module])
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
