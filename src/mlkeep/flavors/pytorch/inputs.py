"""What goes into a module when its graph is made: from an example, or from the tensors of a signature."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed
from mlkeep.models.example import split_params
from mlkeep.models.schema import TensorSpec
from mlkeep.models.signature import ModelSignature

with needed("pytorch"):
    import torch

_ROWS = 2
_OTHER = 8
"""How long dimensions are made that a signature leaves open: the rows, and the others from here on, each longer by one,
so that no two dimensions are equal by accident."""


class Inputs(msgspec.Struct, frozen=True):
    """Tensors, one for each positional argument, and which of their dimensions may have any length.

    `open_dims[n]` are those of the tensor `n`; dimension 0 is the rows, and as long in all tensors that have it open.
    """

    tensors: tuple[Any, ...]
    open_dims: tuple[tuple[int, ...], ...]


def inputs_of(example: Any, signature: Any) -> Inputs | None:
    """What `example` or else `signature` says that goes in; None if neither says it in tensors.

    Raises:
        InvalidInput: the example has parameters, which cannot be part of a graph, or no rows.
    """
    specs = _tensor_specs(signature)
    if isinstance(signature, ModelSignature) and signature.params is not None:
        raise InvalidInput(f"a graph is made without parameters, and the signature has {signature.params!r}")
    if example is not None:
        data, params = split_params(example)
        if params:
            raise InvalidInput(f"a graph is made without parameters, and the example has {sorted(params)}")
        tensors = _tensors(data)
        return None if tensors is None else Inputs(tensors, _open_in(tensors, specs))
    if specs is None or len(specs) != 1:
        return None
    shape = [_ROWS if n == 0 and size == -1 else size for n, size in enumerate(specs[0].shape)]
    shape = [_OTHER + n if size == -1 else size for n, size in enumerate(shape)]
    tensors = (torch.from_numpy(np.zeros(shape, dtype=specs[0].type)),)
    return Inputs(tensors, _open_in(tensors, specs))


def storable(example: Any) -> Any:
    """`example` as a model folder can hold it: tensors become arrays; None for a tuple of several arrays, which it
    cannot hold."""
    if example is None:
        return None
    data, params = split_params(example)
    if isinstance(data, torch.Tensor):
        data = data.detach().cpu().numpy()
    elif _is_several(data):
        return None
    return data if params is None else (data, params)


def from_frame(frame: pd.DataFrame) -> Any:
    """The values of `frame` as one tensor of float32, (n_rows, n_columns).

    Raises:
        InvalidInput: a column holds something else than numbers.
    """
    try:
        return torch.from_numpy(np.array(frame.to_numpy(dtype=np.float32)))
    except (TypeError, ValueError) as error:
        wrong = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
        raise InvalidInput(f"Columns {wrong} hold no numbers, and a module takes float32: {error}") from error


def from_array(array: Any) -> Any:
    """`array` as a tensor of the same type.

    Raises:
        InvalidInput: torch has no such type.
    """
    try:
        # A copy: torch warns of arrays that must not be written to, and of strides that run backwards.
        return torch.from_numpy(np.array(array, order="C"))
    except TypeError as error:
        raise InvalidInput(f"An array of {array.dtype} cannot be a tensor: {error}") from error


def _tensors(data: Any) -> tuple[Any, ...] | None:
    parts = data if _is_several(data) else (data,)
    tensors = tuple(map(_tensor, parts))
    if any(tensor is None for tensor in tensors):
        return None
    if any(tensor.ndim and not len(tensor) for tensor in tensors):
        raise InvalidInput("the input example has no rows")
    return tensors


def _tensor(part: Any) -> Any:
    if isinstance(part, torch.Tensor):
        return part.detach().cpu()
    if isinstance(part, pd.DataFrame):
        return from_frame(part)
    return from_array(part) if isinstance(part, np.ndarray) else None


def _is_several(data: Any) -> bool:
    return (
        isinstance(data, (tuple, list))
        and bool(data)
        and all(isinstance(one, (torch.Tensor, np.ndarray)) for one in data)
    )


def _tensor_specs(signature: Any) -> list[TensorSpec] | None:
    inputs = signature.inputs if isinstance(signature, ModelSignature) else None
    specs = [spec for spec in inputs.inputs if isinstance(spec, TensorSpec)] if inputs is not None else []
    return specs or None


def _open_in(tensors: tuple[Any, ...], specs: list[TensorSpec] | None) -> tuple[tuple[int, ...], ...]:
    """The open dimensions: those of the signature, else the first, where all tensors agree on its length."""
    if specs is not None and len(specs) == len(tensors):
        return tuple(tuple(n for n, size in enumerate(spec.shape) if size == -1) for spec in specs)
    agree = len({len(tensor) for tensor in tensors if tensor.ndim}) == 1
    return tuple((0,) if agree and tensor.ndim else () for tensor in tensors)
