"""How busy this machine is: processors, memory, disk and network. A megabyte has a million bytes, as in MLflow."""

from __future__ import annotations

import os

import psutil  # type: ignore[import-untyped]  # it has no annotations

from mlkeep.sdk.system_metrics.source import MEGABYTE, Sample, Source


def sources() -> list[Source]:
    """All of them, each with a memory of its own."""
    return [
        Source("the processors", Processors().sample),
        Source("the memory", memory),
        Source("the disk", disk),
        Source("the network", Network().sample),
    ]


class Processors:
    """How much of their time all processors were busy since the sample before."""

    def __init__(self) -> None:
        self._before = (0.0, 0.0)

    def sample(self) -> Sample:
        """The first sample tells of all the time since the machine was started."""
        times = psutil.cpu_times()
        # Linux counts the time of guests a second time, as that of users.
        total = sum(times) - getattr(times, "guest", 0) - getattr(times, "guest_nice", 0)
        idle = times.idle + getattr(times, "iowait", 0)
        passed, rested = total - self._before[0], idle - self._before[1]
        if passed <= 0:  # within one tick of the clock that counts
            return {}
        self._before = (total, idle)
        return {"cpu_utilization_percentage": min(max(100 * (passed - rested) / passed, 0), 100)}


class Network:
    """What all its interfaces received and sent since the first sample."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None

    def sample(self) -> Sample:
        counted = psutil.net_io_counters()
        if counted is None:  # a machine without any
            return {}
        received, sent = counted.bytes_recv, counted.bytes_sent
        first = self._first = self._first or (received, sent)
        return {
            "network_receive_megabytes": (received - first[0]) / MEGABYTE,
            "network_transmit_megabytes": (sent - first[1]) / MEGABYTE,
        }


def memory() -> Sample:
    """The memory that is in use."""
    told = psutil.virtual_memory()
    return {"system_memory_usage_megabytes": told.used / MEGABYTE, "system_memory_usage_percentage": told.percent}


def disk() -> Sample:
    """The file system of the root folder."""
    told = psutil.disk_usage(os.sep)
    return {
        "disk_usage_percentage": told.percent,
        "disk_usage_megabytes": told.used / MEGABYTE,
        "disk_available_megabytes": told.free / MEGABYTE,
    }
