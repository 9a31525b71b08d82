"""statsmodels: results of fitted models. There is no format for them but a pickle."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import model_logging, pickle_policy, pickling, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.inside import inside
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned

with needed("statsmodels"):
    import statsmodels
    from statsmodels.tsa.base.tsa_model import TimeSeriesModel

FLAVOR_NAME = "statsmodels"
LOADER_MODULE = "mlflow.statsmodels"
_FILE = "model.statsmodels"
_INSTEAD = "statsmodels has no other format; results.params and a Python model that uses them may do."


def get_default_pip_requirements() -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    return [pinned("statsmodels")]


def get_default_conda_env() -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements()])


def save_model(
    statsmodels_model: Any,
    path: str | Path,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    mlflow_model: Model | None = None,
    remove_data: bool = False,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
    extra_files: Iterable[str] | None = None,
) -> None:
    """Save the results of a fitted model as the model folder `path`, as a pickle.

    With `remove_data` what they were fitted to is left out of the file; the results in memory keep it.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: these are no results of statsmodels.
        Forbidden: pickles are forbidden here.
    """
    _save(statsmodels_model, path, saving.Ceremony.of(locals()), remove_data, mlflow_model)


def log_model(
    statsmodels_model: Any,
    artifact_path: str | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    registered_model_name: str | None = None,
    remove_data: bool = False,
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
) -> ModelInfo:
    """Log a model: with `artifact_path` into the active run, else as a logged model called `name`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    return model_logging.log(
        destination, lambda path, model: _save(statsmodels_model, path, ceremony, remove_data, model)
    )


def load_model(model_uri: str | Path, dst_path: str | None = None) -> Any:
    """The results at `model_uri`.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        Forbidden: pickles are forbidden here.
        Damaged: the pickle cannot be read.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return pickling.load(inside(folder, conf.get("data") or _FILE, "data"))


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - results have no configuration
    """The results in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    return AsFunction(pickling.load(inside(folder, conf.get("data") or _FILE, "data")))


class AsFunction:
    """Results as a function of a frame with the regressors; of a time series, of a frame that says from when to when."""

    def __init__(self, results: Any) -> None:
        self._results = results

    def get_raw_model(self) -> Any:
        """The results."""
        return self._results

    def predict(self, data: Any) -> Any:
        """What the results predict.

        For a time series `data` is a frame of one row, with the first and the last point to predict in the columns
        `start` and `end`: positions or dates.

        Raises:
            InvalidInput: a time series is asked in another way.
        """
        if not isinstance(self._results.model, TimeSeriesModel):
            return self._results.predict(data)
        if not isinstance(data, pd.DataFrame) or len(data) != 1 or not {"start", "end"} <= set(data.columns):
            told = f"shape {data.shape}, columns {list(data.columns)}" if isinstance(data, pd.DataFrame) else type(data)
            raise InvalidInput(
                "prediction dataframes for a TimeSeriesModel must have exactly one row and include columns called start "
                f"and end; found {told}."
            )
        return self._results.predict(start=data["start"].iloc[0], end=data["end"].iloc[0])


def _save(
    statsmodels_model: Any,
    path: str | Path,
    ceremony: saving.Ceremony,
    remove_data: bool,
    model: Model | None,
) -> Model:
    if not (hasattr(statsmodels_model, "remove_data") and hasattr(statsmodels_model, "model")):
        raise InvalidInput(
            f"statsmodels_model: expected the results that fit() gives, found {type(statsmodels_model).__name__}."
        )

    def write(folder: Path) -> saving.Written:
        pickle_policy.check_writing(type(statsmodels_model).__name__, _INSTEAD)
        results = _without_data(statsmodels_model) if remove_data else statsmodels_model
        return saving.Written(
            flavors={FLAVOR_NAME: {"data": _FILE, "statsmodels_version": statsmodels.__version__}},
            pyfunc={"loader_module": LOADER_MODULE, "data": _FILE},
            modules=pickling.dump(results, folder / _FILE, by_value=False, instead=_INSTEAD),
            defaults=get_default_pip_requirements(),
            pickles=[_FILE],
        )

    return saving.save(
        path, ceremony, write, lambda _folder, data, _params: AsFunction(statsmodels_model).predict(data), model
    )


def _without_data(results: Any) -> Any:
    """A copy; statsmodels would take the data away from the caller's own results."""
    copied = pickle.loads(pickle.dumps(results))  # noqa: S301 - of an object of this process
    copied.remove_data()
    return copied
