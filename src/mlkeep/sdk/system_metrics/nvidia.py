"""How busy NVIDIA's GPUs are, by the library of their driver and its bindings, the package nvidia-ml-py."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable
from typing import Any

from mlkeep.sdk.system_metrics.source import MEGABYTE, Sample, Source

_log = logging.getLogger("mlkeep")


def sources() -> list[Source]:
    """What the GPUs of this machine tell; nothing if there is no GPU, no driver or no nvidia-ml-py."""
    try:
        library: Any = importlib.import_module("pynvml")
    except ImportError:
        _log.debug("GPUs are not looked for: nvidia-ml-py is not installed.")
        return []
    try:
        library.nvmlInit()
        handles = [library.nvmlDeviceGetHandleByIndex(number) for number in range(library.nvmlDeviceGetCount())]
    except library.NVMLError as error:
        _log.debug("There are no GPUs of NVIDIA: %s", error)
        return []
    return [
        Source(f"the {what} of GPU {number}", functools.partial(_told, library, handle, f"gpu_{number}", read))
        for number, handle in enumerate(handles)
        for what, read in _READINGS.items()
    ]


def _told(library: Any, handle: Any, gpu: str, read: Callable[[Any, Any], Sample]) -> Sample:
    try:
        values = read(library, handle)
    except library.NVMLError_NotSupported:  # not every GPU tells everything
        return {}
    return {f"{gpu}_{name}": value for name, value in values.items()}


def _memory(library: Any, handle: Any) -> Sample:
    told = library.nvmlDeviceGetMemoryInfo(handle)
    return {
        "memory_usage_megabytes": told.used / MEGABYTE,
        "memory_usage_percentage": 100 * told.used / told.total,
    }


def _utilization(library: Any, handle: Any) -> Sample:
    return {"utilization_percentage": library.nvmlDeviceGetUtilizationRates(handle).gpu}


def _power(library: Any, handle: Any) -> Sample:
    milliwatts = library.nvmlDeviceGetPowerUsage(handle)
    watts = {"power_usage_watts": milliwatts / 1000}
    try:
        limit = library.nvmlDeviceGetEnforcedPowerLimit(handle)
    except library.NVMLError_NotSupported:
        return watts
    return {**watts, "power_usage_percentage": 100 * milliwatts / limit}


_READINGS: dict[str, Callable[[Any, Any], Sample]] = {
    "memory": _memory,
    "utilization": _utilization,
    "power": _power,
}
