"""XGBoost: boosters, and the estimators with scikit-learn's interface."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("xgboost"):
    import xgboost

FLAVOR_NAME = "xgboost"
LOADER_MODULE = "mlflow.xgboost"
_FORMATS = ("ubj", "json", "xgb")
_BOOSTER = "xgboost.core.Booster"

_log = logging.getLogger(__name__)


def get_default_pip_requirements() -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    return [pinned("xgboost")]


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    xgb_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    model_format: str = "ubj",
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save a `Booster` or an estimator such as `XGBClassifier` as the model folder `path`.

    `model_format` is one of XGBoost's own: `ubj`, `json`, or the older `xgb`.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: the format is unknown, or this is no model of XGBoost.
    """
    _save(xgb_model, path, saving.Ceremony.of(locals()), model_format, mlflow_model)


def log_model(
    xgb_model: Any,
    artifact_path: str | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    model_format: str = "ubj",
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
) -> ModelInfo:
    """Log a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    return model_logging.log(destination, lambda path, model: _save(xgb_model, path, ceremony, model_format, model))


def load_model(model_uri: str | Path, dst_path: str | None = None) -> Any:
    """The model at `model_uri`, of the class it was saved as.

    Raises:
        NotFound: there is no model, or not one of this flavor.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf)


def load_pyfunc(folder: Path, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    own = Model.load(folder).flavors.get(FLAVOR_NAME) or {"data": conf.get("data")}
    return wrap(_load(folder, own))


def wrap(model: Any) -> Any:
    """`model` as a function of frames and arrays, with its parameters as keywords."""
    return _AsFunction(model)


class _AsFunction:
    def __init__(self, model: Any) -> None:
        self.model = model
        self._known = inspect.signature(model.predict).parameters

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model answers: (n_rows,) or (n_rows, n_classes)."""
        if unknown := sorted(set(params or {}) - set(self._known)):
            _log.warning("Ignoring params %s: %s.predict has none of these.", unknown, type(self.model).__name__)
        known = {name: value for name, value in (params or {}).items() if name in self._known}
        given = xgboost.DMatrix(data) if isinstance(self.model, xgboost.Booster) else data
        return self.model.predict(given, **known)


def _save(xgb_model: Any, path: str | Path, ceremony: saving.Ceremony, model_format: str, model: Model | None) -> Model:
    if model_format not in _FORMATS:
        raise InvalidInput(f"model_format: {model_format!r} is unknown; choose one of {', '.join(_FORMATS)}.")
    if not isinstance(xgb_model, (xgboost.Booster, xgboost.XGBModel)):
        raise InvalidInput(
            f"xgb_model: expected an xgboost.Booster or an estimator of xgboost, found {type(xgb_model).__name__}."
        )
    file = f"model.{model_format}"

    def write(folder: Path) -> saving.Written:
        xgb_model.save_model(folder / file)
        conf = {
            "data": file,
            "model_class": f"{type(xgb_model).__module__}.{type(xgb_model).__name__}",
            "model_format": model_format,
            "xgb_version": xgboost.__version__,
        }
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc={"loader_module": LOADER_MODULE, "data": file},
            modules={"xgboost", type(xgb_model).__module__},
            defaults=get_default_pip_requirements(),
        )

    return saving.save(
        path, ceremony, write, lambda _folder, data, params: wrap(xgb_model).predict(data, params), model
    )


def _load(folder: Path, conf: Mapping[str, Any]) -> Any:
    module, _, name = str(conf.get("model_class") or _BOOSTER).rpartition(".")
    loaded = getattr(importlib.import_module(module), name)()
    loaded.load_model(folder / str(conf["data"]))
    return loaded
