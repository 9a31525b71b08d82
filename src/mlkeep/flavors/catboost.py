"""CatBoost: models, classifiers, regressors and rankers, in CatBoost's own formats."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import inspecting, model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.keywords import AsFunction, refuse_unknown
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("catboost"):
    import catboost

FLAVOR_NAME = "catboost"
LOADER_MODULE = "mlflow.catboost"
_FILE = "model.cb"
_DEFAULT_FORMAT = "cbm"
_WHOLE = (_DEFAULT_FORMAT, "json")
_FOR_OTHERS = ("onnx", "coreml")
"""Formats CatBoost reads again, but without the names of features; of a classifier it then answers other shapes."""

_OPTIONS = {"format", "export_parameters", "pool"}
_CLASSES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(catboost.CatBoostClassifier, catboost.CatBoostRegressor, catboost.CatBoostRanker),
        catboost.CatBoost,  # last: the others are derived from it
    )
}

_log = logging.getLogger(__name__)


def get_default_pip_requirements() -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    return [pinned("catboost")]


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    cb_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
    **kwargs: Any,
) -> None:
    """Save a `CatBoost` model, classifier, regressor or ranker as the model folder `path`.

    `format`, `export_parameters` and `pool` are given to the model's own `save_model`. The format is one CatBoost reads
    again: `cbm` (the default), `json`, or `onnx` and `coreml`, which keep only what it takes to predict. There are no
    other arguments.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: the format is none of these, or this is no model of CatBoost, or not a trained one.
        TypeError: there is no such argument.
    """
    _save(cb_model, path, saving.Ceremony.of(locals()), _options("save_model", kwargs), mlflow_model)


def log_model(
    cb_model: Any,
    artifact_path: str | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    options = _options("log_model", kwargs)
    return model_logging.log(destination, lambda path, model: _save(cb_model, path, ceremony, options, model))


def load_model(model_uri: str | Path, dst_path: str | None = None) -> Any:
    """The model at `model_uri`, of the class it was saved as.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        InvalidInput: its class is neither one of CatBoost nor a derived one that this program knows.
        Damaged: its file cannot be read.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    own = model.flavors.get(FLAVOR_NAME) or {"data": conf.get("data")}
    return _AsFunction(_load(folder, own))


class _AsFunction(AsFunction):
    def answer(self, data: Any, keywords: dict[str, Any]) -> Any:
        """What the model answers.

        Raises:
            InvalidInput: the data does not fit the model.
        """
        try:
            return self.model.predict(data, **keywords)
        except catboost.CatBoostError as error:
            raise InvalidInput(f"CatBoost cannot predict on this data: {inspecting.first_line(error)}") from error


def _options(function: str, given: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown(function, {name: value for name, value in given.items() if name not in _OPTIONS})
    options = {name: value for name, value in given.items() if name in _OPTIONS}
    chosen = options.setdefault("format", _DEFAULT_FORMAT)
    if chosen not in {*_WHOLE, *_FOR_OTHERS}:
        raise InvalidInput(
            f"format: {chosen!r} is none that CatBoost reads again; choose one of {', '.join(_WHOLE + _FOR_OTHERS)}."
        )
    return options


def _save(
    cb_model: Any, path: str | Path, ceremony: saving.Ceremony, options: Mapping[str, Any], model: Model | None
) -> Model:
    if not isinstance(cb_model, catboost.CatBoost):
        raise InvalidInput(f"cb_model: expected a catboost.CatBoost or derived, found {type(cb_model).__name__}.")
    if options["format"] in _FOR_OTHERS:
        _log.warning(
            "format=%r keeps no names of features, and of classifiers CatBoost answers in another shape when it has read "
            "the model again; %s keep the model whole.",
            *(options["format"], " and ".join(_WHOLE)),
        )

    def write(folder: Path) -> saving.Written:
        try:
            cb_model.save_model(str(folder / _FILE), **options)
        except catboost.CatBoostError as error:
            raise InvalidInput(f"cb_model: CatBoost cannot save it: {inspecting.first_line(error)}") from error
        return saving.Written(
            flavors={FLAVOR_NAME: _described(cb_model, options["format"])},
            pyfunc={"loader_module": LOADER_MODULE, "data": _FILE},
            modules={"catboost", type(cb_model).__module__},
            defaults=get_default_pip_requirements(),
        )

    return saving.save(
        path, ceremony, write, lambda _folder, data, params: _AsFunction(cb_model).predict(data, params), model
    )


def _described(cb_model: Any, save_format: str) -> dict[str, Any]:
    kind = type(cb_model)
    # MLflow knows CatBoost's own classes only; of a class derived from them, ours to find it again is beside.
    model_type = next(name for name, known in _CLASSES.items() if isinstance(cb_model, known))
    own = {} if kind in _CLASSES.values() else {"model_class": inspecting.name_of(kind)}
    return {
        "data": _FILE,
        "model_type": model_type,
        "save_format": save_format,
        "catboost_version": catboost.__version__,
        **own,
    }


def _load(folder: Path, conf: Mapping[str, Any]) -> Any:
    path = inspecting.data_file(folder, conf)
    try:
        loaded = _class_of(folder, conf)()
        loaded.load_model(str(path), format=conf.get("save_format") or _DEFAULT_FORMAT)
    except catboost.CatBoostError as error:
        raise inspecting.unreadable(path, f"CatBoost {catboost.__version__}", error) from error
    return loaded


def _class_of(folder: Path, conf: Mapping[str, Any]) -> type[Any]:
    if conf.get("model_class"):
        return inspecting.class_named(conf["model_class"], (catboost.CatBoost,), folder, conf.get("code"))
    model_type = conf.get("model_type") or "CatBoost"
    if model_type not in _CLASSES:
        raise InvalidInput(f"model_type: {model_type!r} is no class of catboost; expected one of {sorted(_CLASSES)}.")
    return _CLASSES[model_type]
