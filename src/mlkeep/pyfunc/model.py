"""The classes Python models derive from, under MLflow's names."""

from mlkeep.flavors.python_model import PythonModel, PythonModelContext

__all__ = ["PythonModel", "PythonModelContext"]
