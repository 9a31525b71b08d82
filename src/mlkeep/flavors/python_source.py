"""What a model of Python code is made of, and how that gets into a folder."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import compression, model_script, pickling, python_model, saving
from mlkeep.flavors.hinted import checked_example, hinted, takes_shape_of_example
from mlkeep.flavors.loader_modules import load_with
from mlkeep.flavors.local_modules import copy_modules, imported_by, local_modules
from mlkeep.flavors.model_artifacts import artifact_paths, checked_artifacts, copy_artifacts, copy_into
from mlkeep.flavors.pyfunc_model import PyFuncModel
from mlkeep.flavors.python_model import PythonModel
from mlkeep.models.mlmodel import Model
from mlkeep.models.model_code import is_python_model
from mlkeep.models.model_config import read_config
from mlkeep.models.requirements import pinned
from mlkeep.models.type_hints import TypeHints, is_from_example

ModelConfig = str | Path | Mapping[str, Any]
"""A model's configuration, or the path of a YAML file with it."""

PythonCode = PythonModel | Callable[[Any], Any] | str | Path
"""What `python_model` can be: an instance, a function of one argument, or the path of a script."""

_INSTEAD_OF_PICKLES = "Give the path of a script that makes the model as python_model, or a module as loader_module."

_log = logging.getLogger(__name__)


def default_requirements() -> list[str]:
    """What every Python model needs, pinned as installed."""
    return [pinned("cloudpickle")]


class PythonSource:
    """A Python model or a loader module, with what belongs to it; the arguments are those of `save_model`.

    Raises:
        InvalidInput: neither or both are given.
    """

    def __init__(
        self,
        loader_module: str | None,
        data_path: str | Path | None,
        model: PythonCode | None,
        artifacts: Mapping[str, str] | None,
        model_config: ModelConfig | None,
        streamable: bool | None,
        *,
        infer_code_paths: bool = False,
    ) -> None:
        by_loader = loader_module is not None or data_path is not None
        by_model = model is not None or artifacts is not None
        if by_loader == by_model or (by_loader and loader_module is None) or (by_model and model is None):
            raise InvalidInput(
                "Give either python_model (with artifacts, if it has any) or loader_module (with data_path, if it "
                f"needs data); found loader_module={loader_module!r}, data_path={data_path!r}, python_model={model!r}, "
                f"artifacts={artifacts!r}."
            )
        self._loader_module = loader_module
        self._data_path = data_path
        self._script = _script(model)
        self._given = model
        self._artifacts = checked_artifacts(artifacts)
        self._pickle = _pickle_file()
        self.config = read_config(model_config)
        self._streamable = streamable
        self._infer_code_paths = infer_code_paths

    def save(self, path: str | Path, ceremony: saving.Ceremony, model: Model | None) -> Model:
        """Write the model folder `path`; see `saving.save`."""
        with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch, _importable(ceremony.code_paths):
            if self._loader_module is not None:
                ceremony = self._with_local_modules(ceremony, {self._loader_module}, Path(scratch))
                return saving.save(path, ceremony, self._write_data, self._predict_with_loader, model)
            described = Model() if model is None else model
            self._model, self._is_hinted = self._made(), False
            ceremony = self._with_hints(ceremony, described)
            ceremony = self._with_local_modules(ceremony, self._roots(Path(scratch)), Path(scratch))
            return saving.save(path, ceremony, self._write_model, self._predict_with_model, described)

    def _made(self) -> Any:
        if self._script is not None:
            return model_script.model_of_script(self._script, self.config)
        if is_python_model(self._given):
            return self._given
        if isinstance(self._given, type) or not callable(self._given):
            raise InvalidInput(
                "python_model: expected an instance of a PythonModel, a function of one argument, or the path of a "
                f"script that calls mlkeep.models.set_model, found {self._given!r}."
            )
        return python_model.model_of_function(self._given)

    def _with_hints(self, ceremony: saving.Ceremony, described: Model) -> saving.Ceremony:
        """The ceremony with the signature that the hints of `predict` give, if they give one."""
        hints = getattr(self._model, "predict_type_hints", None) or TypeHints()
        if is_from_example(hints.input):
            described.type_hint_from_example = takes_shape_of_example(ceremony.input_example)
            if ceremony.input_example is None and ceremony.signature is None:
                _log.warning("predict takes TypeFromExample, but there is no input_example: its input is not checked.")
            return ceremony
        found = hinted(hints, ceremony.input_example)
        if found is None:
            return ceremony
        if ceremony.signature is not None:
            _log.warning("Ignoring the signature: the type hints of predict say what the model takes.")
        described.is_signature_from_type_hint = self._is_hinted = True
        example = ceremony.input_example
        return msgspec.structs.replace(
            ceremony,
            signature=found.signature,
            input_example=None if example is None else checked_example(example, found.hint),
            example_is_checked=True,
        )

    def _roots(self, scratch: Path) -> set[str]:
        """The modules from which following imports begins."""
        if not self._infer_code_paths:
            return set()
        if self._script is not None:
            return imported_by(self._script)
        return pickling.dump(self._model, scratch / python_model.PICKLE_FILE) | {type(self._model).__module__}

    def _with_local_modules(self, ceremony: saving.Ceremony, roots: set[str], scratch: Path) -> saving.Ceremony:
        if not self._infer_code_paths:
            return ceremony
        folder = scratch / "modules"
        folder.mkdir()
        found = copy_modules(local_modules(roots), folder)
        given = [Path(path) for path in ceremony.code_paths or ()]
        added = [str(path) for path in found if path.name not in {one.name for one in given}]
        _log.info("Modules that come with the model: %s", sorted(path.name for path in found) or "none")
        return msgspec.structs.replace(ceremony, code_paths=[*map(str, given), *added])

    def _write_model(self, folder: Path) -> saving.Written:
        conf: dict[str, Any] = {
            "cloudpickle_version": cloudpickle.__version__,
            "streamable": python_model.streams(self._model),
            **self._common(),
        }
        if self._artifacts:
            conf["artifacts"] = copy_artifacts(self._artifacts, folder)
        if self._script is not None:
            return _write_script(self._script, folder, conf)
        conf |= {"loader_module": python_model.LOADER_MODULE, **self._pickle}
        with python_model.hints_noted(self._model):
            hinted_function = python_model.predicting(self._model) if self._is_hinted else None
            modules = pickling.dump(
                self._model, folder / conf["python_model"], hinted=hinted_function, instead=_INSTEAD_OF_PICKLES
            )
        compression.compress(folder / conf["python_model"], conf.get("python_model_compression"))
        return saving.Written(
            flavors={},
            pyfunc=conf,
            modules=modules,
            defaults=default_requirements(),
            pickles=[conf["python_model"]],
        )

    def _write_data(self, folder: Path) -> saving.Written:
        conf: dict[str, Any] = {"loader_module": self._loader_module, **self._common()}
        if self._data_path is not None:
            source = Path(self._data_path)
            copy_into(source, folder / "data" / source.name)
            conf["data"] = f"data/{source.name}"
        modules = {str(self._loader_module)}
        return saving.Written(flavors={}, pyfunc=conf, modules=modules, defaults=default_requirements())

    def _common(self) -> dict[str, Any]:
        return {
            "code": None,
            **({"config": self.config} if self.config is not None else {}),
            **({"streamable": self._streamable} if self._streamable is not None else {}),
        }

    def _predict_with_model(self, folder: Path, data: Any, params: dict[str, Any] | None) -> Any:
        conf = {"artifacts": {name: {"path": path} for name, path in artifact_paths(self._artifacts).items()}}
        config = self.config or {}
        if self._script is not None:
            return python_model.loaded(self._model, folder, conf, config).predict(data, params)
        # A copy, as it will be loaded: load_context must not leave its traces in the caller's object.
        return python_model.load_pyfunc(folder, Model(), {**conf, **self._pickle}, config).predict(data, params)

    def _predict_with_loader(self, folder: Path, data: Any, params: dict[str, Any] | None) -> Any:
        conf = {} if self._data_path is None else {"data": f"data/{Path(self._data_path).name}"}
        loaded = load_with(str(self._loader_module), folder, {**conf, **self._common()}, self.config or {})
        return PyFuncModel(Model(), loaded).predict(data, params)


def _script(model: object) -> Path | None:
    """The path of the script that `model` is, if it is one."""
    if not isinstance(model, (str, Path)):
        return None
    if not Path(model).is_file():
        raise InvalidInput(
            f"The provided model path '{model}' does not exist: python_model as text is the path of a Python script."
        )
    if Path(model).suffix != ".py":
        raise InvalidInput(f"python_model: {os.fspath(model)!r} is not a Python script; its name must end in .py.")
    return Path(model)


def _write_script(script: Path, folder: Path, conf: dict[str, Any]) -> saving.Written:
    shutil.copy2(script, folder / script.name)
    conf |= {"loader_module": model_script.LOADER_MODULE, model_script.CODE_KEY: str(script.resolve())}
    modules = imported_by(script)
    for file in local_modules(modules).values():
        modules |= imported_by(file)
    return saving.Written(flavors={}, pyfunc=conf, modules=modules, defaults=default_requirements())


def _pickle_file() -> dict[str, Any]:
    """What MLmodel says of the pickle: its name, and how it is compressed if that is asked for."""
    asked = compression.asked_compression()
    named = {"python_model": python_model.PICKLE_FILE + compression.suffix(asked)}
    return named if asked is None else {**named, "python_model_compression": asked}


@contextlib.contextmanager
def _importable(code_paths: Iterable[str] | None) -> Iterator[None]:
    """Modules that come with the model can be imported while it is saved, after those that can be anyway."""
    added = [str(Path(path).resolve().parent) for path in code_paths or ()]
    sys.path += added
    try:
        yield
    finally:
        for path in added:
            sys.path.reverse()
            sys.path.remove(path)
            sys.path.reverse()
