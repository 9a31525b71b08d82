"""A decorator of MLflow's that scripts may use."""

from mlkeep.flavors.python_model import pyfunc

__all__ = ["pyfunc"]
