"""Models as Python functions, under MLflow's names."""

from mlkeep.environments.archives import build_model_env
from mlkeep.flavors.pyfunc import (
    FLAVOR_NAME,
    PyFuncModel,
    PythonModel,
    PythonModelContext,
    get_default_conda_env,
    get_default_pip_requirements,
    get_model_dependencies,
    load_model,
    log_model,
    save_model,
)

__all__ = [
    "FLAVOR_NAME",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "build_model_env",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "get_model_dependencies",
    "load_model",
    "log_model",
    "save_model",
]
