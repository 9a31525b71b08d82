"""The classes Python models derive from, under MLflow's names."""

from mlkeep.flavors.pyfunc import get_default_conda_env, get_default_pip_requirements
from mlkeep.flavors.python_model import PythonModel, PythonModelContext

__all__ = ["PythonModel", "PythonModelContext", "get_default_conda_env", "get_default_pip_requirements"]
