"""Modules as graphs (`model.pt2`, as `torch.export` makes them): what the module does with tensors, without its code."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import pickle_policy
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.pytorch import archives, devices
from mlkeep.flavors.pytorch.inputs import Inputs

with needed("pytorch"):
    import torch

FILE = "model.pt2"

_log = logging.getLogger(__name__)


def write(model: Any, data: Path, inputs: Inputs) -> bool:
    """Write the graph of `model`, in evaluation mode and on the processor, into `data`.

    It takes any number of rows if the module can; else a warning says how many it takes. Gives whether the file holds a
    pickle that runs code, as it does for tensors of classes other than torch's own.

    Raises:
        InvalidInput: the module has no graph; the message says why.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise InvalidInput("A TorchScript module is a graph already, of another kind: save it without a format.")
    there = devices.of(model).type == "cpu"
    with evaluating(model if there else copy.deepcopy(model).cpu()) as still:
        exported = _export(still, inputs)
    torch.export.save(exported, data / FILE)
    return archives.code_in_graph(data / FILE) is not None


def read(data: Path, device: str | None) -> Any:
    """The graph in `data` as a module (a `GraphModule`), on `device`.

    Raises:
        Damaged: the file is not what was written.
        Forbidden: it holds code, and pickles are forbidden here.
    """
    path = data / FILE
    if archives.code_in_graph(path) is not None:
        pickle_policy.check_allowed(path)
    try:
        exported = torch.export.load(path)
    except (RuntimeError, AssertionError, KeyError, ValueError) as error:
        raise archives.broken(path, error) or error from error
    if device is not None and torch.device(device).type != "cpu":
        from torch.export.passes import move_to_device_pass

        exported = move_to_device_pass(exported, device)
    return exported.module()


@contextlib.contextmanager
def evaluating(model: Any) -> Iterator[Any]:
    """`model` in evaluation mode, without gradients; afterwards each part of it is in the mode it was in."""
    before = [(part, part.training) for part in model.modules()]
    if not isinstance(model, torch.fx.GraphModule):
        # A loaded graph is in evaluation mode, and says no to being told so.
        model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for part, training in before:
            part.training = training


def _export(model: Any, inputs: Inputs) -> Any:
    first: Exception | None = None
    for tensors, dims in _attempts(inputs):
        try:
            exported = torch.export.export(model, tensors, dynamic_shapes=dims)
            # Tracing compares shapes, but not all types.
            exported.module()(*tensors)
        except Exception as error:  # noqa: BLE001 - tracing calls the user's code
            first = first or error
            continue
        if dims is None:
            _log.warning(
                "The graph takes only inputs of the shapes %s: with other numbers of rows the module has no graph.",
                [list(tensor.shape) for tensor in tensors],
            )
        return exported
    raise InvalidInput(_told(model, inputs, first)) from first


def _attempts(inputs: Inputs) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """What to export with: all open dimensions, then only the rows, then none."""
    rows_only = tuple(tuple(dim for dim in dims if dim == 0) for dims in inputs.open_dims)
    for open_dims in dict.fromkeys((inputs.open_dims, rows_only)):
        if any(open_dims):
            rows = torch.export.Dim("rows")
            dims = tuple(
                {dim: rows if dim == 0 else _other_dim(f"dim{n}_{dim}") for dim in each}
                for n, each in enumerate(open_dims)
            )
            yield tuple(map(_at_least_two, inputs.tensors, open_dims)), _by_argument(dims)
    yield inputs.tensors, None


def _other_dim(name: str) -> Any:
    """An open dimension other than the rows: torch finds its limits (from 2.6 on), as convolutions have some."""
    return getattr(torch.export.Dim, "AUTO", None) or torch.export.Dim(name)


def _by_argument(dims: tuple[dict[int, Any], ...]) -> Any:
    return tuple(each or None for each in dims)


def _at_least_two(tensor: Any, open_dims: tuple[int, ...]) -> Any:
    """`tensor` with two rows if it has one: one row tells torch that there is never another."""
    return torch.cat([tensor, tensor]) if 0 in open_dims and len(tensor) == 1 else tensor


def _told(model: Any, inputs: Inputs, error: Exception | None) -> str:
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).strip()
    message = f"{type(model).__name__} could not be exported as a graph: {reason}"
    taken = next((tensor.dtype for tensor in model.parameters()), None)
    for tensor in inputs.tensors:
        if tensor.is_floating_point() and taken is not None and taken.is_floating_point and tensor.dtype != taken:
            name = str(taken).removeprefix("torch.")
            return f"{message} (the example is {tensor.dtype}, the weights are {taken}: give example.astype('{name}'))"
    return message
