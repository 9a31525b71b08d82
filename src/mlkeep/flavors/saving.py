"""What saving a model of any flavor has in common: one function that writes a whole folder."""

from __future__ import annotations

import copy
import logging
import os
import platform
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import pandas as pd

from mlkeep.core.errors import AlreadyExists, InvalidInput, MlkeepException
from mlkeep.core.settings import flag
from mlkeep.flavors.secrets_read import secrets_read, write_names
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.digests import digests
from mlkeep.models.enforcement import enforce_schema
from mlkeep.models.environment import ENV_FILES, stated_conda, write_environment
from mlkeep.models.example import InputExample
from mlkeep.models.imports import ImportWatch, followed
from mlkeep.models.inference import infer_param_schema, infer_schema, not_inferred
from mlkeep.models.locking import locked
from mlkeep.models.mlmodel import MLMODEL_FILE, Model
from mlkeep.models.requirements import (
    CondaEnv,
    PipRequirements,
    Requirements,
    check_exclusive,
    inferred,
    stated,
)
from mlkeep.models.schema import Schema
from mlkeep.models.signature import ModelSignature
from mlkeep.models.uv_project import copy_project_files, exported, uv_project

_log = logging.getLogger(__name__)

CODE = "code"
"""The folder of modules that come with a model."""

EXTRA_FILES = "extra_files"
"""The folder of what its user put beside a model."""

Signature: TypeAlias = ModelSignature | Literal[False] | None
"""A signature, None to infer one from the input example, or False for none."""


class Written(msgspec.Struct, frozen=True):
    """What a flavor wrote into the folder.

    `flavors` are its own settings, `pyfunc` those of the python_function flavor (None if the model cannot be called as a
    function), `modules` what its files import when they are read, `defaults` the requirement lines the flavor always
    has, `pickles` the files, as paths below the folder, that run code when they are read.
    """

    flavors: dict[str, dict[str, Any]]
    pyfunc: dict[str, Any] | None
    modules: set[str]
    defaults: list[str]
    pickles: list[str] = []


class Ceremony(msgspec.Struct, frozen=True):
    """What every flavor lets its caller say; the names are MLflow's.

    `example_is_checked` says that the input example is known to be what the signature means.
    """

    signature: Signature = None
    input_example: Any = None
    conda_env: CondaEnv | None = None
    pip_requirements: PipRequirements | None = None
    extra_pip_requirements: PipRequirements | None = None
    code_paths: Iterable[str] | None = None
    extra_files: Iterable[str] | None = None
    metadata: Mapping[str, Any] | None = None
    example_is_checked: bool = False
    uv_project_path: str | Path | None = None
    uv_groups: Iterable[str] | None = None
    uv_extras: Iterable[str] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Ceremony:
        """What a function was called with, of what belongs here: `given` are its `locals()`."""
        return cls(**{name: given[name] for name in cls.__struct_fields__ if name in given})


def save(
    path: str | Path,
    ceremony: Ceremony,
    write: Callable[[Path], Written],
    predict: Callable[[Path, Any, dict[str, Any] | None], Any],
    model: Model | None = None,
) -> Model:
    """Write a model folder: `write` puts the flavor's files into it, everything else happens here.

    `predict(folder, data, params)` is called on the input example when a signature is to be inferred. The folder
    appears under its name only when it is complete; missing parents are made.

    Raises:
        AlreadyExists: there is something at `path` already (an empty folder is not).
        InvalidInput: the input example cannot be written, or does not match the signature; or an argument is of the
            wrong kind.
        ValueError: more than one of `conda_env`, `pip_requirements` and `extra_pip_requirements` is given.
    """
    check_exclusive(ceremony.conda_env, ceremony.pip_requirements, ceremony.extra_pip_requirements)
    _check_kinds(ceremony)
    target = Path(path)
    _refuse_existing(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        described = _fill(folder, ceremony, write, predict, Model() if model is None else model)
        folder.replace(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return described


def _check_kinds(ceremony: Ceremony) -> None:
    signature, metadata = ceremony.signature, ceremony.metadata
    if signature is not None and signature is not False and not isinstance(signature, ModelSignature):
        raise InvalidInput(
            f"signature: expected what mlkeep.models.infer_signature gives, False for none, or None to have it inferred "
            f"from the input example; found {signature!r}."
        )
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata: expected a dict, found {metadata!r}.")


def _refuse_existing(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AlreadyExists(f"Path '{target}' already exists and is not empty")


def _fill(
    folder: Path,
    ceremony: Ceremony,
    write: Callable[[Path], Written],
    predict: Callable[[Path, Any, dict[str, Any] | None], Any],
    model: Model,
) -> Model:
    code = CODE if _copy_all(ceremony.code_paths, folder, CODE, "code_paths") else None
    extra_files = _copy_all(ceremony.extra_files, folder, EXTRA_FILES, "extra_files")
    written = write(folder)
    # What is written from here on, people and commands change later.
    files = digests(folder, _files_of_model(folder))
    example = None if ceremony.input_example is None else InputExample(ceremony.input_example)
    if example is not None:
        example.write(folder)
        model.saved_input_example_info = example.info
    with secrets_read() as names, ImportWatch() as watch:
        model.signature = _signature(ceremony, example, lambda data, params: predict(folder, data, params))
    model.env_vars = write_names(folder, names)
    _write_environment(folder, ceremony, written, watch.modules)
    for name, conf in written.flavors.items():
        extra = {"extra_files": [{"path": file} for file in extra_files]} if extra_files else {}
        model.add_flavor(name, **conf, code=code, **extra)
    if written.pyfunc is not None:
        conf = {"env": dict(ENV_FILES), "python_version": platform.python_version(), **written.pyfunc}
        model.add_flavor(PYFUNC, **conf | ({"code": code} if code else {}))
    if ceremony.metadata is not None:
        model.metadata = dict(ceremony.metadata)
    model.mark_as_ours(pickles=written.pickles, files=files)
    model.model_size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    model.save(folder / MLMODEL_FILE)
    return model


def _files_of_model(folder: Path) -> list[str]:
    paths = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
    return [path.as_posix() for path in paths if path.parts[0] != EXTRA_FILES]


def _write_environment(folder: Path, ceremony: Ceremony, written: Written, seen: set[str]) -> None:
    conda: dict[str, Any] | None = None
    project = None
    requirements: Requirements
    if ceremony.uv_project_path is not None and (
        ceremony.conda_env is not None or ceremony.pip_requirements is not None
    ):
        _log.warning("uv_project_path is ignored: pip_requirements or conda_env say what the model needs.")
    if ceremony.conda_env is not None:
        conda, requirements = stated_conda(ceremony.conda_env)
    elif ceremony.pip_requirements is not None:
        requirements = stated(ceremony.pip_requirements)
    elif (project := uv_project(ceremony.uv_project_path, ceremony.uv_groups, ceremony.uv_extras)) is not None:
        requirements = exported(project, ceremony.extra_pip_requirements)
    else:
        modules = followed(written.modules, folder / CODE) | _modules_of_example(ceremony.input_example)
        requirements = inferred(modules, written.defaults, ceremony.extra_pip_requirements, seen=seen)
    if flag("LOCK_MODEL_DEPENDENCIES"):
        requirements = locked(requirements)
    write_environment(folder, requirements, conda)
    if project is not None:
        copy_project_files(project, folder)


def _modules_of_example(example: Any) -> set[str]:
    parts = example if isinstance(example, tuple) else (example,)
    return {type(part).__module__ for part in parts}


def _copy_all(sources: Iterable[str] | None, folder: Path, into: str, field: str) -> list[str]:
    """Copy files and folders into `folder/into`; their new paths, relative to `folder`."""
    copied = []
    for source in map(Path, sources or []):
        target = folder / into / source.name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy2(source, target)
        else:
            raise InvalidInput(f"{field}: there is no file or folder {os.fspath(source)!r}.")
        copied.append(f"{into}/{source.name}")
    return copied


def _signature(
    ceremony: Ceremony, example: InputExample | None, predict: Callable[[Any, dict[str, Any] | None], Any]
) -> ModelSignature | None:
    if ceremony.signature is False:
        return None
    if example is None:
        if ceremony.signature is None and flag("REQUIRE_SIGNATURE"):
            not_inferred(
                "The model has neither a signature nor an input example to infer one from.", instead="an input example"
            )
        return ceremony.signature
    if ceremony.signature is not None:
        if not ceremony.example_is_checked:
            _check_example(example.data, ceremony.signature)
        return ceremony.signature
    # A copy: a model may change what it is given, and the example belongs to the caller.
    data, params = copy.deepcopy((example.data, example.params))
    try:
        output = predict(data, params)
    except Exception as error:  # noqa: BLE001 - the model is the user's, and saving it does not depend on this
        said = " ".join(str(error).split())
        not_inferred(
            f"No signature could be inferred: predicting on the input example failed with {type(error).__name__}: {said}.",
            error,
            instead="an input example that the model can predict (with the log at level DEBUG you see where it failed)",
        )
        return None
    inputs = infer_schema(example.data, "inputs")
    return ModelSignature(
        inputs=inputs,
        outputs=None if output is None else _output_schema(output, inputs),
        params=infer_param_schema(example.params) if example.params else None,
    )


def _output_schema(output: Any, inputs: Schema) -> Schema:
    # Where columns go in, an array of one dimension that comes out is a column.
    if isinstance(output, np.ndarray) and output.ndim == 1 and not inputs.is_tensor_spec():
        return infer_schema(pd.Series(output), "outputs")
    return infer_schema(output, "outputs")


def _check_example(data: Any, signature: ModelSignature) -> None:
    if signature.inputs is None:
        return
    try:
        enforce_schema(data, signature.inputs)
    except MlkeepException as error:
        raise InvalidInput(
            f"Input example does not match the model signature: {error.message} Give an example the signature accepts, "
            "or leave the signature out to have it inferred."
        ) from error
