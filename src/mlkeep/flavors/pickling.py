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
import struct
import types
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import cloudpickle
from cloudpickle.cloudpickle import subimport

from mlkeep.core.errors import Damaged, Forbidden, InvalidInput, MlkeepException, NotFound
from mlkeep.flavors import python_model
from mlkeep.flavors.type_hint_pickles import FuncInfo, validate_model_input
from mlkeep.models.signature import ModelSignature
from mlkeep.models.type_hints import TypeHints

POLICY_VARIABLES = ("MLKEEP_ALLOW_PICKLE", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION")
_NO = {"0", "false", "no", "off"}

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

_DECOMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "lzma": lzma.decompress,
    "bzip2": bz2.decompress,
    "gzip": gzip.decompress,
}


_COMPRESSORS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "lzma": (".xz", lzma.compress),
    "bzip2": (".bz2", bz2.compress),
    "gzip": (".gz", gzip.compress),
}

COMPRESSION_VARIABLES = ("MLKEEP_LOG_MODEL_COMPRESSION", "MLFLOW_LOG_MODEL_COMPRESSION")


def asked_compression() -> str | None:
    """How pickles of Python models are to be compressed, as the environment says; None for not at all.

    Raises:
        InvalidInput: it names no compression there is.
    """
    for variable in COMPRESSION_VARIABLES:
        if asked := os.environ.get(variable, "").strip().lower():
            if asked not in _COMPRESSORS:
                raise InvalidInput(f"{variable}: {asked!r} is unknown; expected one of {sorted(_COMPRESSORS)}.")
            return asked
    return None


def suffix(compression: str | None) -> str:
    """What the name of a file ends in that is so compressed."""
    return "" if compression is None else _COMPRESSORS[compression][0]


def compress(path: Path, compression: str | None) -> None:
    """Compress the file at `path`, under the same name."""
    if compression is not None:
        path.write_bytes(_COMPRESSORS[compression][1](path.read_bytes()))


def dump(value: object, path: Path, *, by_value: bool = True, hinted: object = None, instead: str = "") -> set[str]:
    """Pickle `value` into `path`; gives the modules the pickle will import when it is read.

    With `by_value`, what is defined in a script or a notebook is part of the pickle (cloudpickle). `hinted` is a function
    in it whose input MLflow is to check by its type hints. `instead` is what an error advises, as for `check_writing`.

    Raises:
        Forbidden: the policy of this process forbids pickles.
    """
    check_writing(type(value).__name__, instead)
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
    check_allowed(path)
    if compression is not None and compression not in _DECOMPRESSORS:
        raise InvalidInput(f"python_model_compression: {compression!r} is unknown; expected {sorted(_DECOMPRESSORS)}.")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"The model needs the file {path.name}, which is not in {path.parent}.") from error
    try:
        plain = content if compression is None else _DECOMPRESSORS[compression](content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, f"as a file compressed with {compression}", error) from error
    try:
        return Unpickler(io.BytesIO(plain)).load()
    except (pickle.UnpicklingError, EOFError, struct.error) as error:
        raise _damaged(path, "as a pickle", error) from error


def _damaged(path: Path, how: str, error: Exception) -> Damaged:
    return Damaged(
        f"{path.name} in {path.parent} cannot be read {how}: {error}. The file is damaged; get it again from where the "
        "model was logged."
    )


def forbidden_by() -> str | None:
    """The setting that forbids pickles in this process, as `NAME=value`; None if they are allowed."""
    for variable in POLICY_VARIABLES:
        if os.environ.get(variable, "").strip().lower() in _NO:
            return f"{variable}={os.environ[variable]}"
    return None


def check_allowed(path: Path) -> None:
    """See that the policy allows reading the pickle at `path`.

    Raises:
        Forbidden: it does not.
    """
    if (policy := forbidden_by()) is not None:
        raise Forbidden(
            f"{path.name} is a pickle, and loading a pickle runs whatever code is in it; {policy} forbids that. Save the "
            "model in a format that holds no code (scikit-learn: serialization_format='skops'), or set the variable to 1 "
            "if you trust the file."
        )


def check_writing(what: str, instead: str = "") -> None:
    """See that the policy allows pickling `what`, such as "A RandomForestClassifier".

    `instead` is a sentence that says how to do without, if that can be done.

    Raises:
        Forbidden: it does not.
    """
    if (policy := forbidden_by()) is not None:
        ways = f"{instead} Or set" if instead else "Set"
        raise Forbidden(
            f"{what} would be saved as a pickle, which runs code when it is loaded; {policy} forbids that. {ways} the "
            "variable to 1 if those who load the model trust who saves it."
        )


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
