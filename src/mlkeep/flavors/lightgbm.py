"""LightGBM: boosters, and the estimators with scikit-learn's interface.

A `Booster` is saved in LightGBM's own text format, `model.lgb`. An estimator, which is more than its booster, is saved
with skops if that gives it back whole, else as a pickle.
"""

from __future__ import annotations

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

with needed("lightgbm"):
    import lightgbm

from mlkeep.flavors import estimator_files, lightgbm_text

FLAVOR_NAME = "lightgbm"
LOADER_MODULE = "mlflow.lightgbm"
_BOOSTER_FILE = "model.lgb"
_BOOSTER = "lightgbm.basic.Booster"
_BASES = (lightgbm.Booster, lightgbm.LGBMModel)
_TRUSTED = {
    *("collections.OrderedDict", _BOOSTER),
    *(f"lightgbm.sklearn.{name}" for name in ("LGBMClassifier", "LGBMModel", "LGBMRanker", "LGBMRegressor")),
}
"""What skops does not trust by itself, but LightGBM's estimators are made of."""

_OPTIONS_OF_BOOSTER = {"num_iteration", "start_iteration", "importance_type"}


def get_default_pip_requirements(include_cloudpickle: bool = False, include_skops: bool = False) -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    names = ["lightgbm"] + ["cloudpickle"] * include_cloudpickle + ["skops"] * include_skops
    return [pinned(name) for name in names]


def get_default_conda_env(include_cloudpickle: bool = False, include_skops: bool = False) -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements(include_cloudpickle, include_skops)])


def save_model(
    lgb_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    serialization_format: str | None = None,
    skops_trusted_types: list[str] | None = None,
    extra_files: Iterable[str] | None = None,
    **kwargs: Any,
) -> None:
    """Save a `Booster` or an estimator such as `LGBMClassifier` as the model folder `path`.

    `serialization_format` (`skops`, `cloudpickle`, `pickle`) and `skops_trusted_types` are for estimators, as those of
    `mlkeep.sklearn.save_model`; LightGBM's own types need not be named. A booster is always text, and `num_iteration`,
    `start_iteration` and `importance_type` are given to its `save_model`. There are no other arguments.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: the format is unknown; this is no model of LightGBM, or one without trees; or, with skops, it holds
            types that nobody trusts.
        Forbidden: it takes a pickle, and pickles are forbidden here.
        TypeError: there is no such argument.
    """
    chosen = _Chosen(lgb_model, serialization_format, skops_trusted_types, "save_model", kwargs)
    _save(chosen, path, saving.Ceremony.of(locals()), mlflow_model)


def log_model(
    lgb_model: Any,
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
    serialization_format: str | None = None,
    skops_trusted_types: list[str] | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    chosen = _Chosen(lgb_model, serialization_format, skops_trusted_types, "log_model", kwargs)
    return model_logging.log(destination, lambda path, model: _save(chosen, path, ceremony, model))


def load_model(model_uri: str | Path, dst_path: str | None = None) -> Any:
    """The model at `model_uri`, of the class it was saved as.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        Forbidden: it is a pickle, and pickles are forbidden here.
        InvalidInput: it is a skops file with types nobody trusts.
        Damaged: its file cannot be read.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    own = model.flavors.get(FLAVOR_NAME) or {"data": conf.get("data")}
    return AsFunction(_load(folder, own))


class _Chosen:
    """A model, and how it is to be saved.

    Raises:
        InvalidInput: it is none of LightGBM, or the format is unknown.
        TypeError: `options`, the keyword arguments of `function`, has one that does not exist, or not for this model.
    """

    def __init__(
        self,
        model: Any,
        serialization_format: str | None,
        trusted: list[str] | None,
        function: str,
        options: Mapping[str, Any],
    ) -> None:
        if not isinstance(model, _BASES):
            raise InvalidInput(
                f"lgb_model: expected a lightgbm.Booster or an estimator of lightgbm, found {type(model).__name__}."
            )
        self.model = model
        self.serialization_format = estimator_files.checked_format(serialization_format)
        self.trusted = sorted({*_TRUSTED, *(trusted or [])})
        taken = _OPTIONS_OF_BOOSTER if isinstance(model, lightgbm.Booster) else set()
        self.options = {name: value for name, value in options.items() if name in taken}
        refuse_unknown(function, {name: value for name, value in options.items() if name not in taken})


def _save(chosen: _Chosen, path: str | Path, ceremony: saving.Ceremony, model: Model | None) -> Model:
    write = _write_booster if isinstance(chosen.model, lightgbm.Booster) else _write_estimator
    return saving.save(
        path,
        ceremony,
        lambda folder: write(chosen, folder),
        lambda _folder, data, params: AsFunction(chosen.model).predict(data, params),
        model,
    )


def _write_booster(chosen: _Chosen, folder: Path) -> saving.Written:
    try:
        chosen.model.save_model(folder / _BOOSTER_FILE, **chosen.options)
    except lightgbm.basic.LightGBMError as error:
        raise InvalidInput(f"lgb_model: LightGBM cannot save it: {inspecting.first_line(error)}") from error
    return saving.Written(
        flavors={FLAVOR_NAME: _described(chosen, _BOOSTER_FILE)},
        pyfunc={"loader_module": LOADER_MODULE, "data": _BOOSTER_FILE},
        modules={"lightgbm", type(chosen.model).__module__},
        defaults=get_default_pip_requirements(),
    )


def _write_estimator(chosen: _Chosen, folder: Path) -> saving.Written:
    file = estimator_files.write(chosen.model, folder, chosen.serialization_format, chosen.trusted)
    conf = {
        **_described(chosen, file.name),
        "serialization_format": file.serialization_format,
        "skops_trusted_types": file.trusted,
    }
    return saving.Written(
        flavors={FLAVOR_NAME: conf},
        pyfunc={"loader_module": LOADER_MODULE, "data": file.name},
        modules={"lightgbm", *file.modules},
        pickles=file.pickles,
        defaults=get_default_pip_requirements(
            include_cloudpickle=file.requirement == "cloudpickle", include_skops=file.requirement == "skops"
        ),
    )


def _described(chosen: _Chosen, file: str) -> dict[str, Any]:
    return {
        "data": file,
        "model_class": inspecting.name_of(type(chosen.model)),
        "lgb_version": lightgbm.__version__,
    }


def _load(folder: Path, conf: Mapping[str, Any]) -> Any:
    path = inspecting.data_file(folder, conf)
    # Boosters have no other format than their own, though MLflow names one of estimators beside it.
    if (conf.get("model_class") or _BOOSTER) != _BOOSTER and path.suffix != ".lgb":
        return estimator_files.read(folder, conf)
    kind = inspecting.class_named(conf.get("model_class") or _BOOSTER, _BASES[:1], folder, conf.get("code"))
    text = lightgbm_text.read(path)
    try:
        return kind(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise inspecting.unreadable(path, f"LightGBM {lightgbm.__version__}", error) from error
