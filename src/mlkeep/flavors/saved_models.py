"""TensorFlow's SavedModels: loading them, and calling them with numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.keras_models import as_frame

with needed("tensorflow"):
    import tensorflow as tf

_SIGNATURE = "serving_default"
_KERAS = "serve"
"""The method that answers of a model exported by Keras."""


def load_saved_model(folder: Path, options: Mapping[str, Any] | None = None) -> Any:
    """The object saved in `folder`; `options` go to `tf.saved_model.load`.

    Raises:
        InvalidInput: it is no SavedModel, or it has no part with the tags that `options` ask for.
    """
    try:
        return tf.saved_model.load(str(folder), **(options or {}))
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidInput(f"TensorFlow cannot load {folder.name}: {error}") from error


class SavedModelFunction:
    """A SavedModel as a function of frames, arrays and lists (its one input), or dicts of arrays (inputs by name)."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._by_name: Callable[..., Any] | None = getattr(model, "signatures", {}).get(_SIGNATURE)
        self._call = _callable_of(model)
        if self._call is None and self._by_name is None:
            raise InvalidInput(
                "The SavedModel cannot be called: save a tf.Module with a decorated __call__, or pass the functions it "
                "offers as saved_model_kwargs={'signatures': ...}."
            )

    def get_raw_model(self) -> Any:
        """What TensorFlow loads."""
        return self.model

    def predict(self, data: Any) -> Any:
        """What the model answers: a frame with the same index for a frame, else an array or a dict of arrays."""
        if isinstance(data, pd.DataFrame):
            return as_frame(self._answer(data.to_numpy()), data.index)
        if isinstance(data, (np.ndarray, list, dict)):
            return self._answer(data)
        raise InvalidInput(
            f"Unsupported input data type: {type(data).__name__}. A SavedModel takes a DataFrame, a numpy array, a list, or a "
            "dict of arrays."
        )

    def _answer(self, data: Any) -> Any:
        named = {} if self._by_name is None else self._by_name.structured_input_signature[1]  # type: ignore[attr-defined]  # a function of TensorFlow
        if isinstance(data, dict):
            given = {name: _tensor(value, named.get(name)) for name, value in data.items()}
            by_keyword = self._by_name is not None and not hasattr(self.model, _KERAS)
            return _plain(self._by_name(**given) if by_keyword else self._called(given))  # type: ignore[misc]  # it is there
        if len(named) != 1:
            return _plain(self._called(_tensor(data, None)))
        ((name, spec),) = named.items()
        tensor = _tensor(data, spec)
        return _plain(self._by_name(**{name: tensor}) if self._call is None else self._call(tensor))  # type: ignore[misc]  # one of both is there

    def _called(self, argument: Any) -> Any:
        if self._call is None:
            raise InvalidInput("The SavedModel has several inputs: give a dict of arrays by their names.")
        return self._call(argument)


def _callable_of(model: Any) -> Callable[..., Any] | None:
    found: Callable[..., Any] | None = getattr(model, _KERAS, None) or (model if callable(model) else None)
    return found


def _tensor(value: Any, spec: Any) -> Any:
    # Frames hold 64 bits where models mostly want 32, and TensorFlow converts nothing by itself.
    return tf.constant(value) if spec is None else tf.cast(tf.constant(value), spec.dtype)


def _plain(answer: Any) -> Any:
    return tf.nest.map_structure(lambda part: part.numpy() if isinstance(part, tf.Tensor) else part, answer)
