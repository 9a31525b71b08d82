"""What `torch.save` and `torch.load` pickle with, unless told otherwise.

Classes of a script or a notebook become part of the pickle (cloudpickle), and classes of mlkeep are called by MLflow's
names, so that MLflow reads the pickle with a module of its own that has the same name.
"""

from __future__ import annotations

import types
from typing import IO, Any

from mlkeep.flavors.pickling import Pickler, Unpickler

__all__ = ["Pickler", "Unpickler", "dump", "load"]

NAME = "mlflow.pytorch.pickle_module"
"""How folders call this module: MLflow has one of this name."""

NAMES = frozenset({NAME, "mlkeep.pytorch.pickle_module", __name__})
"""What this module may be called."""


def dump(obj: object, file: IO[bytes], protocol: int | None = None) -> None:
    """Pickle `obj` into `file`."""
    Pickler(file, protocol).dump(obj)


def load(file: IO[bytes], **kwargs: Any) -> Any:
    """The next object pickled in `file`. This runs code the pickle chooses."""
    return Unpickler(file, **kwargs).load()


def noting(modules: set[str]) -> types.ModuleType:
    """This module, with a `Pickler` that adds to `modules` those which the pickle will import when it is read."""

    class NotingPickler(Pickler):
        def __init__(self, file: IO[bytes], protocol: int | None = None) -> None:
            super().__init__(file, protocol)
            self.modules = modules

    def dump_noting(obj: object, file: IO[bytes], protocol: int | None = None) -> None:
        NotingPickler(file, protocol).dump(obj)

    made = types.ModuleType(NAME)
    vars(made).update(Pickler=NotingPickler, Unpickler=Unpickler, dump=dump_noting, load=load)
    return made
