"""scikit-learn: estimators and pipelines.

Formats: `skops` (the default for all that it holds whole), which holds no code and so can be loaded from people one does
not trust, and which MLflow reads since 3.11; `cloudpickle` (what the rest is saved with), which every release of MLflow
reads; and `pickle`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sklearn

from mlkeep.flavors import estimator_files, model_logging, saving
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

FLAVOR_NAME = "sklearn"
LOADER_MODULE = "mlflow.sklearn"
SERIALIZATION_FORMAT_SKOPS = estimator_files.SKOPS
SERIALIZATION_FORMAT_PICKLE = estimator_files.PICKLE
SERIALIZATION_FORMAT_CLOUDPICKLE = estimator_files.CLOUDPICKLE
SUPPORTED_SERIALIZATION_FORMATS = estimator_files.FORMATS

_log = logging.getLogger(__name__)


def get_default_pip_requirements(include_cloudpickle: bool = False, include_skops: bool = False) -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    names = ["scikit-learn"] + ["cloudpickle"] * include_cloudpickle + ["skops"] * include_skops
    return [pinned(name) for name in names]


def get_default_conda_env(include_cloudpickle: bool = False, include_skops: bool = False) -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements(include_cloudpickle, include_skops)])


def save_model(
    sk_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    serialization_format: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    pyfunc_predict_fn: str = "predict",
    metadata: Mapping[str, Any] | None = None,
    skops_trusted_types: list[str] | None = None,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save an estimator as the model folder `path`.

    `pyfunc_predict_fn` is the method that answers when the model is called as a function. With an input example and no
    signature, the signature is inferred from what `predict` answers; `signature=False` forgoes it.

    Without a format it is saved with skops if that gives the same estimator back, made only of types that skops or
    `skops_trusted_types` trusts; else with cloudpickle, and a warning says why.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: the format is unknown; or, with skops asked for, the estimator holds types that neither skops nor
            `skops_trusted_types` trusts (the message lists them).
        Forbidden: it takes a pickle, and pickles are forbidden here.
    """
    ceremony = saving.Ceremony.of(locals())
    _save(sk_model, path, ceremony, serialization_format, pyfunc_predict_fn, skops_trusted_types, mlflow_model)


def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    pyfunc_predict_fn: str = "predict",
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    name: str | None = None,
    skops_trusted_types: list[str] | None = None,
) -> ModelInfo:
    """Log an estimator: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    return model_logging.log(
        destination,
        lambda path, model: _save(
            sk_model, path, ceremony, serialization_format, pyfunc_predict_fn, skops_trusted_types, model
        ),
    )


def load_model(model_uri: str | Path, dst_path: str | None = None) -> Any:
    """The estimator at `model_uri`.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        Forbidden: it is a pickle, and pickles are forbidden here.
        InvalidInput: it is a skops file with types nobody trusts.
        Damaged: its file cannot be read.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return estimator_files.read(folder, conf)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - estimators have no configuration
    """The estimator in `folder`; see `mlkeep.flavors.table.Loader`."""
    # Folders of MLflow 1 name the file in the python_function flavor only.
    return estimator_files.read(folder, model.flavors.get(FLAVOR_NAME, conf))


def _save(
    sk_model: Any,
    path: str | Path,
    ceremony: saving.Ceremony,
    serialization_format: str | None,
    pyfunc_predict_fn: str,
    skops_trusted_types: list[str] | None,
    model: Model | None,
) -> Model:
    estimator_files.checked_format(serialization_format)

    def write(folder: Path) -> saving.Written:
        file = estimator_files.write(sk_model, folder, serialization_format, skops_trusted_types)
        pyfunc = {"loader_module": LOADER_MODULE, "model_path": file.name, "predict_fn": pyfunc_predict_fn}
        if not hasattr(sk_model, pyfunc_predict_fn):
            _log.warning(
                "%s has no method %r: the model can be loaded, but not called as a function.",
                type(sk_model).__name__,
                pyfunc_predict_fn,
            )
            pyfunc = {}
        conf = {
            "pickled_model": file.name,
            "serialization_format": file.serialization_format,
            "skops_trusted_types": file.trusted,
            "sklearn_version": sklearn.__version__,
        }
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc=pyfunc or None,
            modules=file.modules,
            pickles=file.pickles,
            defaults=[*get_default_pip_requirements(), *([pinned(file.requirement)] if file.requirement else [])],
        )

    return saving.save(path, ceremony, write, lambda _folder, data, _params: sk_model.predict(data), model)
