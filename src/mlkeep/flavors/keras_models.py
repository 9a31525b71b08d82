"""What the flavors of Keras and TensorFlow share: Keras's files, and Keras models as functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed

with needed("keras"):
    import keras  # isort: skip - the one to name where neither is there
    import h5py

MODULE_FILE = "keras_module.txt"
KERAS_FILE = "model.keras"
H5_FILE = "model.h5"
EXPORTED = "model"
"""The folder of a model exported by Keras 3, or saved as a SavedModel by Keras 2."""

_TAKEN = (np.ndarray, list, tuple, dict)


class KerasFunction:
    """A Keras model as a function of frames, arrays, and lists, tuples or dicts of arrays (one for each input)."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def get_raw_model(self) -> Any:
        """The Keras model."""
        return self.model

    def predict(self, data: Any) -> Any:
        """What the model answers: a frame with the same index for a frame, else arrays."""
        if isinstance(data, pd.DataFrame):
            return as_frame(self.model.predict(data.to_numpy(), verbose=0), data.index)
        if not isinstance(data, _TAKEN):
            raise InvalidInput(
                f"Unsupported input data type: {type(data).__name__}. A Keras model takes a DataFrame, a numpy array, or a "
                "list, tuple or dict of arrays."
            )
        return self.model.predict(data, verbose=0)


def as_frame(answer: Any, index: pd.Index[Any]) -> Any:
    """`answer` as a frame with the rows `index`, if it is one array of at most two dimensions; else as it is."""
    return pd.DataFrame(answer, index=index) if isinstance(answer, np.ndarray) and answer.ndim <= 2 else answer


def load_keras_file(
    folder: Path, options: Mapping[str, Any] | None = None, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The Keras model whose file lies in `folder`, as `.keras` or as HDF5.

    `options` go to `keras.models.load_model`; code inside the file (a `Lambda` layer of a Python lambda) is refused
    unless they hold `safe_mode=False`.

    Raises:
        InvalidInput: there is no such file, Keras 3 does not read its format, or it holds code or needs classes that
            are not given.
    """
    given = dict(options or {})
    objects = {**(custom_objects or {}), **(given.pop("custom_objects", None) or {})}
    path = _file_in(folder)
    if path.suffix == ".h5" and given.get("safe_mode", True):
        _refuse_code_in_h5(path)
    try:
        return keras.models.load_model(path, custom_objects=objects, **given)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Keras cannot load {path.name}: {error}{_hint(str(error))}") from error


def _hint(message: str) -> str:
    if "safe_mode" in message:
        return " With mlkeep that is load_model_kwargs={'safe_mode': False} (keras_model_kwargs for tensorflow)."
    if "custom_objects" in message or "Could not locate" in message:
        return " Import the module that defines the class before loading, or pass it in custom_objects."
    return ""


def _file_in(folder: Path) -> Path:
    for name in (KERAS_FILE, H5_FILE):
        if (folder / name).is_file():
            return folder / name
    if (folder / EXPORTED).is_dir():
        raise InvalidInput(
            f"{folder / EXPORTED} is a SavedModel written by Keras 2, which Keras {keras.__version__} cannot turn into a "
            "model: load it with the Keras it was saved with and save it again, or call it with "
            "tensorflow.saved_model.load."
        )
    raise InvalidInput(f"{folder} holds no Keras model: expected {KERAS_FILE} or {H5_FILE}.")


def _refuse_code_in_h5(path: Path) -> None:
    # Not every Keras 3 honours safe_mode for HDF5, whose Lambda layers hold marshalled code.
    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config", "")
    if any(name.endswith("Lambda") for name in _named(_parsed(config), "class_name")):
        raise InvalidInput(
            f"{path.name} holds a Lambda layer, which is Python code and runs when it is loaded. If you trust the file, "
            "load it with safe_mode=False: keras_model_kwargs={'safe_mode': False}."
        )


def _parsed(config: str | bytes) -> object:
    try:
        return json.loads(config or "null")
    except ValueError:
        # Keras will say so.
        return None


def check_model(model: Any) -> None:
    """See that `model` is a Keras model.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(model, keras.Model):
        raise InvalidInput(f"model: expected a keras.Model, found {type(model).__name__}.")


def registered_names(config: object) -> Iterator[str]:
    """The names of registered classes and functions (`package>Name`) that the configuration of a model uses."""
    return _named(config, "registered_name")


def _named(config: object, key: str) -> Iterator[str]:
    if isinstance(config, Mapping):
        if isinstance(name := config.get(key), str):
            yield name
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _named(item, key)
