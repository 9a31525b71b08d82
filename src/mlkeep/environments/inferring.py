"""What a model that is saved already needs, found by loading it and predicting its example."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlkeep.core.settings import flag
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.pyfunc import get_default_pip_requirements, load_model
from mlkeep.flavors.saving import CODE
from mlkeep.flavors.table import PYFUNC, flavor_named
from mlkeep.models.imports import ImportWatch, followed
from mlkeep.models.mlmodel import Model
from mlkeep.models.pickled_names import modules_in_pickle
from mlkeep.models.requirements import OWN_REQUIREMENT, inferred
from mlkeep.models.uv_project import exported, uv_project

_PICKLES = (".pkl", ".pickle", ".pth")

_log = logging.getLogger(__name__)


def infer_pip_requirements(
    model_uri: str,
    flavor: str,
    fallback: Sequence[str] | None = None,
    timeout: int | None = None,  # noqa: ARG001 - no process is started that could be waited for
    extra_env_vars: Mapping[str, str] | None = None,
    uv_project_dir: str | Path | None = None,
    uv_groups: Sequence[str] | None = None,
    uv_extras: Sequence[str] | None = None,
) -> list[str]:
    """The requirement lines of a model, pinned as installed here, without mlkeep's own.

    The model is loaded, in this process, and predicts its example, if it has one; `extra_env_vars` are set meanwhile.
    If that fails, `fallback` is the answer, unless MLFLOW_REQUIREMENTS_INFERENCE_RAISE_ERRORS is true. In a project of
    uv the answer is what its lock file says.

    Raises:
        NotFound: there is no such model.
        Exception: what loading or predicting raised, if there is no `fallback`.
    """
    if (project := uv_project(uv_project_dir, uv_groups, uv_extras)) is not None:
        return _without_own(exported(project).lines)
    folder = fetch(model_uri)
    model = Model.load(folder)
    defaults = (
        get_default_pip_requirements() if flavor == PYFUNC else flavor_named(flavor).get_default_pip_requirements()
    )
    before = {name: os.environ.get(name) for name in extra_env_vars or {}}
    os.environ.update(extra_env_vars or {})
    try:
        with ImportWatch() as watch:
            _use(folder, model)
    except Exception:
        if fallback is None or flag("REQUIREMENTS_INFERENCE_RAISE_ERRORS"):
            raise
        _log.warning("The requirements of %s are not inferred: it cannot be used here.", model_uri, exc_info=True)
        return list(fallback)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    pickles = (path for path in folder.rglob("*") if path.suffix in _PICKLES)
    named = {module for path in pickles for module in modules_in_pickle(path)}
    return _without_own(inferred(followed(named, folder / CODE), defaults, seen=watch.modules).lines)


def _use(folder: Path, model: Model) -> None:
    loaded = load_model(folder, suppress_warnings=True)
    example = model.load_input_example(folder)
    if example is not None:
        loaded.predict(example, params=model.load_input_example_params(folder))


def _without_own(lines: list[str]) -> list[str]:
    return [line for line in lines if line != OWN_REQUIREMENT]
