"""scikit-learn: estimators and pipelines.

Formats: `cloudpickle` (the default: every release of MLflow reads it), `pickle`, and `skops`, which holds no code and so
can be loaded from people one does not trust; MLflow reads it since 3.11.
"""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sklearn
import skops.io

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import model_logging, pickling, saving
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

FLAVOR_NAME = "sklearn"
LOADER_MODULE = "mlflow.sklearn"
SERIALIZATION_FORMAT_SKOPS = "skops"
SERIALIZATION_FORMAT_PICKLE = "pickle"
SERIALIZATION_FORMAT_CLOUDPICKLE = "cloudpickle"
SUPPORTED_SERIALIZATION_FORMATS = [
    SERIALIZATION_FORMAT_SKOPS,
    SERIALIZATION_FORMAT_PICKLE,
    SERIALIZATION_FORMAT_CLOUDPICKLE,
]
_PICKLES = {SERIALIZATION_FORMAT_PICKLE, SERIALIZATION_FORMAT_CLOUDPICKLE}

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

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: the format is unknown; or, with skops, the estimator holds types that neither skops nor
            `skops_trusted_types` trusts (the message lists them).
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
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf)


def load_pyfunc(folder: Path, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - estimators have no configuration
    """The estimator in `folder`; see `mlkeep.flavors.table.Loader`."""
    flavors = Model.load(folder).flavors
    # Folders of MLflow 1 name the file in the python_function flavor only.
    return _load(folder, flavors.get(FLAVOR_NAME, {"pickled_model": conf.get("model_path") or conf.get("data")}))


def _save(
    sk_model: Any,
    path: str | Path,
    ceremony: saving.Ceremony,
    serialization_format: str | None,
    pyfunc_predict_fn: str,
    skops_trusted_types: list[str] | None,
    model: Model | None,
) -> Model:
    chosen = serialization_format or SERIALIZATION_FORMAT_CLOUDPICKLE
    if chosen not in SUPPORTED_SERIALIZATION_FORMATS:
        raise InvalidInput(
            f"serialization_format: {chosen!r} is unknown; choose one of {SUPPORTED_SERIALIZATION_FORMATS}."
        )
    trusted = sorted(skops_trusted_types) if skops_trusted_types else None

    def write(folder: Path) -> saving.Written:
        file = "model.skops" if chosen == SERIALIZATION_FORMAT_SKOPS else "model.pkl"
        modules = _dump(sk_model, folder / file, chosen, trusted)
        pyfunc = {"loader_module": LOADER_MODULE, "model_path": file, "predict_fn": pyfunc_predict_fn}
        if not hasattr(sk_model, pyfunc_predict_fn):
            _log.warning(
                "%s has no method %r: the model can be loaded, but not called as a function.",
                type(sk_model).__name__,
                pyfunc_predict_fn,
            )
            pyfunc = {}
        conf = {
            "pickled_model": file,
            "serialization_format": chosen,
            "skops_trusted_types": trusted,
            "sklearn_version": sklearn.__version__,
        }
        return saving.Written(
            flavors={FLAVOR_NAME: conf},
            pyfunc=pyfunc or None,
            modules=modules,
            pickles=[file] if chosen in _PICKLES else [],
            defaults=get_default_pip_requirements(
                include_cloudpickle=chosen == SERIALIZATION_FORMAT_CLOUDPICKLE,
                include_skops=chosen == SERIALIZATION_FORMAT_SKOPS,
            ),
        )

    return saving.save(path, ceremony, write, lambda _folder, data, _params: sk_model.predict(data), model)


def _dump(sk_model: Any, path: Path, chosen: str, trusted: list[str] | None) -> set[str]:
    if chosen in _PICKLES:
        return pickling.dump(sk_model, path, by_value=chosen == SERIALIZATION_FORMAT_CLOUDPICKLE)
    skops.io.dump(sk_model, path)
    _check_trusted(path, trusted)
    with zipfile.ZipFile(path) as archive:
        return set(_modules_named(json.loads(archive.read("schema.json"))))


def _modules_named(node: Any) -> Iterator[str]:
    """The modules of all types a skops file consists of."""
    if isinstance(node, dict):
        if isinstance(module := node.get("__module__"), str):
            yield module
        for item in node.values():
            yield from _modules_named(item)
    elif isinstance(node, list):
        for item in node:
            yield from _modules_named(item)


def _check_trusted(path: Path, trusted: list[str] | None) -> None:
    if unknown := sorted(set(skops.io.get_untrusted_types(file=path)) - set(trusted or [])):
        raise InvalidInput(
            f"{path.name} holds types that skops does not trust by itself: {unknown}. If you trust them, pass "
            f"skops_trusted_types={unknown} when saving; or save with serialization_format='cloudpickle'."
        )


def _load(folder: Path, conf: Mapping[str, Any]) -> Any:
    path = folder / str(conf.get("pickled_model") or conf.get("data") or "model.pkl")
    # Folders from before formats had names hold pickles.
    if conf.get("serialization_format", SERIALIZATION_FORMAT_PICKLE) in _PICKLES:
        return pickling.load(path)
    trusted = list(conf.get("skops_trusted_types") or [])
    _check_trusted(path, trusted)
    return skops.io.load(path, trusted=trusted)
