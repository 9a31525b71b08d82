"""What modules are pickled with unless told otherwise; MLflow has a module of the same name."""

from mlkeep.flavors.pytorch.pickle_module import Pickler, Unpickler, dump, load

__all__ = ["Pickler", "Unpickler", "dump", "load"]
