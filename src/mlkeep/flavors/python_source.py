"""What a model of Python code is made of, and how that gets into a folder."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import yaml

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import pickling, python_model, saving
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.pyfunc_model import PyFuncModel
from mlkeep.flavors.python_model import PythonModel
from mlkeep.models.environment import REQUIREMENTS_FILE
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import pinned

ModelConfig = str | Path | Mapping[str, Any]
"""A model's configuration, or the path of a YAML file with it."""

_INSTEAD_OF_PICKLES = "Save the module that makes the model, by loader_module, data_path and code_paths."


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
        model: PythonModel | Callable[[Any], Any] | None,
        artifacts: Mapping[str, str] | None,
        model_config: ModelConfig | None,
        streamable: bool | None,
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
        self._model = model
        self._artifacts = dict(artifacts or {})
        self._config = read_config(model_config)
        self._streamable = streamable

    def save(self, path: str | Path, ceremony: saving.Ceremony, model: Model | None) -> Model:
        """Write the model folder `path`; see `saving.save`."""
        if self._loader_module is not None:
            return saving.save(path, ceremony, self._write_data, self._predict_with_loader, model)
        return saving.save(path, ceremony, self._write_model, self._predict_with_model, model)

    def _write_model(self, folder: Path) -> saving.Written:
        model = _instance(self._model)
        modules = pickling.dump(model, folder / python_model.PICKLE_FILE, instead=_INSTEAD_OF_PICKLES)
        conf: dict[str, Any] = {
            "loader_module": python_model.LOADER_MODULE,
            "python_model": python_model.PICKLE_FILE,
            "cloudpickle_version": cloudpickle.__version__,
            "streamable": type(model).predict_stream is not PythonModel.predict_stream,
            **self._common(),
        }
        if self._artifacts:
            conf["artifacts"] = _copy_artifacts(self._artifacts, folder)
        return saving.Written(
            flavors={},
            pyfunc=conf,
            modules=modules,
            defaults=default_requirements(),
            pickles=[python_model.PICKLE_FILE],
        )

    def _write_data(self, folder: Path) -> saving.Written:
        conf: dict[str, Any] = {"loader_module": self._loader_module, **self._common()}
        if self._data_path is not None:
            conf["data"] = _copy_into(Path(self._data_path), folder / "data")
        modules = {str(self._loader_module)}
        return saving.Written(flavors={}, pyfunc=conf, modules=modules, defaults=default_requirements())

    def _common(self) -> dict[str, Any]:
        return {
            "code": None,
            **({"config": self._config} if self._config is not None else {}),
            **({"streamable": self._streamable} if self._streamable is not None else {}),
        }

    def _predict_with_model(self, folder: Path, data: Any, params: dict[str, Any] | None) -> Any:
        # A copy, as it will be loaded: load_context must not leave its traces in the caller's object.
        entries = {name: {"path": path} for name, path in _artifact_paths(self._artifacts).items()}
        loaded = python_model.load_pyfunc(folder, {"artifacts": entries}, self._config or {})
        return loaded.predict(data, params)

    def _predict_with_loader(self, folder: Path, data: Any, params: dict[str, Any] | None) -> Any:
        conf = {} if self._data_path is None else {"data": f"data/{Path(self._data_path).name}"}
        loaded = load_with(str(self._loader_module), folder, {**conf, **self._common()}, self._config or {})
        return PyFuncModel(Model(), loaded).predict(data, params)


def _instance(model: Any) -> PythonModel:
    if isinstance(model, PythonModel):
        return model
    if isinstance(model, type) or not callable(model):
        raise InvalidInput(
            f"python_model: expected an instance of a PythonModel or a function of one argument, found {model!r}."
        )
    return python_model.model_of_function(model)


def _artifact_paths(artifacts: Mapping[str, str]) -> dict[str, str]:
    """Where each artifact lies in the folder; two of the same name lie in folders of their own."""
    names = [Path(str(uri).rstrip("/")).name for uri in artifacts.values()]
    return {
        key: f"artifacts/{name}" if names.count(name) == 1 else f"artifacts/{key}/{name}"
        for key, name in zip(artifacts, names, strict=True)
    }


def _copy_artifacts(artifacts: Mapping[str, str], folder: Path) -> dict[str, dict[str, str]]:
    paths = _artifact_paths(artifacts)
    for name, uri in artifacts.items():
        _copy_into(fetch(uri), (folder / paths[name]).parent)
    return {name: {"path": paths[name], "uri": str(uri)} for name, uri in artifacts.items()}


def _copy_into(source: Path, parent: Path) -> str:
    """Copy a file or folder into `parent`; its path from there on, `parent's name/its name`."""
    parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, parent / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.is_file():
        shutil.copy2(source, parent / source.name)
    else:
        raise InvalidInput(f"There is no file or folder {os.fspath(source)!r} to put into the model.")
    return f"{parent.name}/{source.name}"


def load_with(loader_module: str, folder: Path, conf: Mapping[str, Any], config: dict[str, Any]) -> Any:
    """What the function `_load_pyfunc` of a module that is not ours makes of the model in `folder`.

    Raises:
        InvalidInput: there is no such module.
    """
    try:
        module = importlib.import_module(loader_module)
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"The model is loaded by the module {loader_module!r}, which cannot be imported: {error}. Install what the "
            f"model's {REQUIREMENTS_FILE} lists, and mlflow if the module is one of MLflow's."
        ) from error
    data = str(folder / str(conf["data"])) if conf.get("data") else str(folder)
    return module._load_pyfunc(data, config) if "config" in conf else module._load_pyfunc(data)  # noqa: SLF001 - the name is the contract


def read_config(config: ModelConfig | None) -> dict[str, Any] | None:
    """A model's configuration, read from its file if need be.

    Raises:
        InvalidInput: it is not a dict.
    """
    content: Any = config
    if isinstance(config, (str, Path)):
        try:
            content = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise InvalidInput(f"model_config: cannot read {config}: {error}") from error
    if content is None:
        return None
    if not isinstance(content, Mapping):
        raise InvalidInput(f"model_config: expected a dict or the path of a YAML file with one, found {content!r}.")
    return dict(content)
