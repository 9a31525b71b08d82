"""Modules as functions of frames and arrays."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.pytorch.graphs import evaluating
from mlkeep.flavors.pytorch.inputs import from_array, from_frame

with needed("pytorch"):
    import torch


class AsFunction:
    """`model` as a function of a frame or an array, with its parameters as keywords of `forward`."""

    def __init__(self, model: Any, device: Any) -> None:
        self.model = model.to(device)
        self.device = device

    def get_raw_model(self) -> Any:
        """The module."""
        return self.model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the module answers in evaluation mode: a frame with the same index for a frame, whose values go in as
        float32; an array for an array, which goes in as it is.

        Raises:
            InvalidInput: `data` is neither, the module does not take its type or a parameter, or answers otherwise
                than with one tensor.
        """
        if isinstance(data, pd.DataFrame):
            answer = self._answer(from_frame(data), params or {})
            if answer.ndim > 2:
                raise InvalidInput(
                    f"The module answers a tensor of shape {answer.shape}, which is no frame: predict on an array."
                )
            return pd.DataFrame(answer, index=data.index)
        if isinstance(data, np.ndarray):
            return self._answer(from_array(data), params or {})
        raise InvalidInput(
            f"A PyTorch model takes a pandas.DataFrame or a numpy.ndarray, not {type(data).__name__}: convert the data, "
            "for example with numpy.asarray(data, dtype='float32')."
        )

    def _answer(self, given: Any, params: dict[str, Any]) -> Any:
        self._check_known(params)
        with evaluating(self.model):
            try:
                answer = self.model(given.to(self.device), **params)
            except RuntimeError as error:
                if (told := self._other_type(given)) is not None:
                    raise InvalidInput(told) from error
                raise
        if not isinstance(answer, torch.Tensor):
            raise InvalidInput(
                f"The module answers with {type(answer).__name__}; as a function it must answer with one tensor. Use "
                "mlkeep.pytorch.load_model, or log a module that returns only the tensor."
            )
        answer = answer.detach().cpu()
        return (answer.float() if answer.dtype == torch.bfloat16 else answer).numpy()

    def _check_known(self, params: dict[str, Any]) -> None:
        if params and isinstance(self.model, torch.fx.GraphModule):
            raise InvalidInput(
                f"params {sorted(params)}: the model was saved as a graph, which takes none; save it with "
                "serialization_format='pickle' or 'safetensors'."
            )
        if not params or isinstance(self.model, torch.jit.ScriptModule):
            # Python cannot tell what TorchScript takes.
            return
        taken = inspect.signature(self.model.forward).parameters
        if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values()):
            return
        if unknown := sorted(params.keys() - taken.keys()):
            raise InvalidInput(f"params {unknown}: {type(self.model).__name__}.forward has none of these.")

    def _other_type(self, given: Any) -> str | None:
        taken = next((tensor.dtype for tensor in self.model.parameters() if tensor.is_floating_point()), None)
        if taken is None or not given.is_floating_point() or given.dtype == taken:
            return None
        name = str(taken).removeprefix("torch.")
        return f"The data is {given.dtype}, the weights are {taken}: give data.astype('{name}')."
