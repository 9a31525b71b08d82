"""XGBoost: boosters, and the estimators with scikit-learn's interface.

Formats: `ubj` (the default), `json`, and `xgb`, which is the name MLflow 2 gives its files. XGBoost has had no format of
that name since 2.1, which is binary JSON (UBJSON) like `ubj`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sklearn.exceptions import NotFittedError

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import inspecting, model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.keywords import AsFunction, refuse_unknown
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("xgboost"):
    import xgboost

    from mlkeep.flavors.xgboost_data import as_matrix, check_columns, plain_example

FLAVOR_NAME = "xgboost"
LOADER_MODULE = "mlflow.xgboost"
_FORMATS = ("ubj", "json", "xgb")
_BOOSTER = "xgboost.core.Booster"
_VERSION = f"XGBoost {xgboost.__version__}"
_BASES = (xgboost.Booster, xgboost.XGBModel)


def get_default_pip_requirements() -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    # The same code comes as two distributions, of which the second has no part for GPUs.
    lines = [pinned(name) for name in ("xgboost", "xgboost-cpu")]
    return [next((line for line in lines if "==" in line), lines[0])]


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
    **kwargs: Any,
) -> None:
    """Save a `Booster` or an estimator such as `XGBClassifier` as the model folder `path`.

    `model_format` is one of XGBoost's own: `ubj`, `json`, or the older `xgb`. The input example may be a `DMatrix`. A
    class of one's own, derived from an estimator, is found again where it is imported before the model is loaded, or is
    in `code_paths`. There are no other arguments.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: the format is unknown, or this is no model of XGBoost, or not a trained one.
        TypeError: there is no such argument.
    """
    refuse_unknown("save_model", kwargs)
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
    **kwargs: Any,
) -> ModelInfo:
    """Log a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    refuse_unknown("log_model", kwargs)
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    return model_logging.log(destination, lambda path, model: _save(xgb_model, path, ceremony, model_format, model))


def load_model(model_uri: str | Path, dst_path: str | None = None) -> Any:
    """The model at `model_uri`, of the class it was saved as.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        InvalidInput: its class is neither one of XGBoost nor a derived one that this program knows.
        Damaged: its file cannot be read.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    own = model.flavors.get(FLAVOR_NAME) or {"data": conf.get("data")}
    return wrap(_load(folder, own))


def wrap(model: Any) -> Any:
    """`model` as a function of frames, arrays and matrices, with its parameters as keywords."""
    return _AsFunction(model)


class _AsFunction(AsFunction):
    """Answers (n_rows,) or (n_rows, n_classes)."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._is_booster = isinstance(model, xgboost.Booster)
        self._columns = (model if self._is_booster else model.get_booster()).feature_names

    def answer(self, data: Any, keywords: dict[str, Any]) -> Any:
        """What the model answers.

        Raises:
            InvalidInput: the data does not fit the model.
        """
        if keywords.get("validate_features", True):
            check_columns(self._columns, data)
        if isinstance(data, xgboost.DMatrix) and not self._is_booster:
            raise InvalidInput(f"{type(self.model).__name__} predicts on frames and arrays, not on a DMatrix.")
        try:
            return self.model.predict(as_matrix(data) if self._is_booster else data, **keywords)
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"XGBoost cannot predict on this data: {inspecting.first_line(error)}") from error


def _save(xgb_model: Any, path: str | Path, ceremony: saving.Ceremony, model_format: str, model: Model | None) -> Model:
    if model_format not in _FORMATS:
        raise InvalidInput(f"model_format: {model_format!r} is unknown; choose one of {', '.join(_FORMATS)}.")
    if not isinstance(xgb_model, _BASES):
        raise InvalidInput(
            f"xgb_model: expected an xgboost.Booster or an estimator of xgboost, found {type(xgb_model).__name__}."
        )
    file = f"model.{model_format}"

    def write(folder: Path) -> saving.Written:
        _write(xgb_model, folder / file)
        conf = {
            "data": file,
            "model_class": inspecting.name_of(type(xgb_model)),
            "model_format": model_format,
            "xgb_version": xgboost.__version__,
        }
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc={"loader_module": LOADER_MODULE, "data": file},
            modules={"xgboost", type(xgb_model).__module__},
            defaults=get_default_pip_requirements(),
        )

    if ceremony.input_example is not None:
        ceremony = msgspec.structs.replace(ceremony, input_example=plain_example(ceremony.input_example))
    return saving.save(
        path, ceremony, write, lambda _folder, data, params: wrap(xgb_model).predict(data, params), model
    )


def _write(xgb_model: Any, path: Path) -> None:
    # XGBoost chooses the format by the name, and warns of names it does not know, such as model.xgb.
    named = path if path.suffix == ".json" else path.with_suffix(".ubj")
    try:
        xgb_model.save_model(named)
    except (NotFittedError, xgboost.core.XGBoostError) as error:
        raise InvalidInput(f"xgb_model: XGBoost cannot save it: {inspecting.first_line(error)}") from error
    named.rename(path)


def _load(folder: Path, conf: Mapping[str, Any]) -> Any:
    path = inspecting.data_file(folder, conf)
    named = conf.get("model_class") or _BOOSTER
    kind = inspecting.class_named(named, _BASES, folder, conf.get("code"))
    content = bytearray(path.read_bytes())
    if not content:  # XGBoost would end the process
        raise inspecting.unreadable(path, _VERSION, ValueError("it is empty"))
    try:
        loaded = kind()
        # From memory, XGBoost looks at the content and not at the name to know the format.
        loaded.load_model(content)
    except ValueError as error:
        raise inspecting.unreadable(path, _VERSION, error) from error
    except TypeError as error:
        raise InvalidInput(f"model_class: {named!r} does not fit the model in {path.name}: {error}.") from error
    return loaded
