"""Models as Python functions, under MLflow's names."""

from mlkeep.environments.archives import build_model_env
from mlkeep.flavors.prediction_context import Context, set_prediction_context
from mlkeep.flavors.pyfunc import (
    CODE,
    DATA,
    ENV,
    FLAVOR_NAME,
    MAIN,
    PY_VERSION,
    PyFuncModel,
    PythonModel,
    PythonModelContext,
    add_to_model,
    get_default_conda_env,
    get_default_pip_requirements,
    get_model_dependencies,
    load_model,
    load_pyfunc,
    log_model,
    save_model,
)
from mlkeep.flavors.spark_udf import spark_udf

__all__ = [
    "CODE",
    "DATA",
    "ENV",
    "FLAVOR_NAME",
    "MAIN",
    "PY_VERSION",
    "Context",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "add_to_model",
    "build_model_env",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "get_model_dependencies",
    "load_model",
    "load_pyfunc",
    "log_model",
    "save_model",
    "set_prediction_context",
    "spark_udf",
]
