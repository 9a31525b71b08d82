"""On which device a loaded model computes."""

from __future__ import annotations

import os
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.inspecting import first_line

with needed("pytorch"):
    import torch

VARIABLES = ("MLKEEP_DEFAULT_PREDICTION_DEVICE", "MLFLOW_DEFAULT_PREDICTION_DEVICE")
"""The environment variables that name the device of models loaded as functions."""


def checked(device: Any, where: str) -> str | None:
    """The name of `device`, which `where` names; None for none. A number counts GPUs, -1 is the processor.

    Raises:
        InvalidInput: torch knows no such device, or it is not in this machine.
    """
    if device is None or device == "":
        return None
    if str(device).removeprefix("-").isdigit():
        device = "cpu" if int(device) < 0 else f"cuda:{int(device)}"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InvalidInput(
            f"{where}: torch cannot use the device {str(device)!r} here ({first_line(error)}) Name one that "
            "is in this machine, such as 'cpu'."
        ) from error
    return str(torch.device(device))


def for_prediction(configured: Any) -> str:
    """The device of a model that is loaded as a function: the configured one, else that of the environment, else a GPU
    if there is one.

    Raises:
        InvalidInput: it is not in this machine.
    """
    if (device := checked(configured, "model_config, device")) is not None:
        return device
    for variable in VARIABLES:
        if (device := checked(os.environ.get(variable), variable)) is not None:
            return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def of(module: Any) -> Any:
    """Where the weights of `module` are; the processor if it has none."""
    first = next((tensor for tensors in (module.parameters(), module.buffers()) for tensor in tensors), None)
    return torch.device("cpu") if first is None else first.device
