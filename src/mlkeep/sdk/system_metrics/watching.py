"""The runs whose machine is watched by this process."""

from __future__ import annotations

import importlib
import os

from mlkeep.core.errors import MlkeepException
from mlkeep.sdk import recording
from mlkeep.sdk.doors import door_to, hasty_door_to
from mlkeep.sdk.modes import Mode, mode
from mlkeep.sdk.system_metrics import nvidia, settings
from mlkeep.sdk.system_metrics.monitor import LogPoints, SystemMonitor
from mlkeep.sdk.system_metrics.settings import Sampling
from mlkeep.sdk.system_metrics.source import Source
from mlkeep.wire.metrics import MetricInput
from mlkeep.wire.runs import GetRun, LogBatch

_monitors: dict[str, SystemMonitor] = {}


def wanted(asked: bool | None) -> Sampling | None:
    """How the machine is to be watched during a run; None if it is not to be.

    Raises:
        MlkeepException: psutil is not installed.
        InvalidInput: a setting says what cannot be.
    """
    if not settings.is_wanted(asked):
        return None
    try:
        importlib.import_module("psutil")  # only for who wants it
    except ImportError as error:
        raise MlkeepException(
            "System metrics need psutil, which is not installed: pip install psutil, or start the run without them "
            "(log_system_metrics=False, or disable_system_metrics_logging())."
        ) from error
    return settings.sampling()


def watch(run_id: str, tracking_uri: str, sampling: Sampling, *, is_resumed: bool = False) -> None:
    """Log system metrics to a run of this process until `unwatch`. Steps of a run that goes on go on, too.

    Nothing is watched if this process logs nothing to the run.
    """
    if (log := _log_function(run_id, tracking_uri)) is None:
        return
    unwatch(run_id)

    def first_step() -> int:
        return next_step(run_id, tracking_uri, sampling.prefix) if is_resumed else 0

    monitor = _monitors[run_id] = SystemMonitor(log, sampling, _sources, first_step)
    monitor.start()


def unwatch(run_id: str) -> None:
    """Log no more system metrics to a run, if any were."""
    if (monitor := _monitors.pop(run_id, None)) is not None:
        monitor.stop()


def unwatch_all() -> None:
    """Log no more system metrics."""
    for run_id in list(_monitors):
        unwatch(run_id)


def next_step(run_id: str, tracking_uri: str, prefix: str) -> int:
    """The step after the last one under which system metrics were logged to a run. Raises MlkeepException."""
    recording.flush(tracking_uri)
    recorder = recording.recorder_of(run_id)
    request = GetRun(run_id=run_id if recorder is None else recorder.server_run_id)
    points = hasty_door_to(tracking_uri).call(request).run.data.metrics
    steps = [point.step or 0 for point in points if f"{point.key.rpartition('/')[0]}/" == prefix]
    return max(steps, default=-1) + 1


def _sources() -> list[Source]:
    from mlkeep.sdk.system_metrics import host  # it loads psutil

    return [*host.sources(), *nvidia.sources()]


def _log_function(run_id: str, tracking_uri: str) -> LogPoints | None:
    if recording.recorder_of(run_id) is not None:
        return lambda at_ms, step, values: _log(run_id, at_ms, step, values)
    if mode() is Mode.DIRECT:
        return lambda at_ms, step, values: _log_at_once(run_id, tracking_uri, at_ms, step, values)
    return None


def _log(run_id: str, at_ms: int, step: int, values: dict[str, float]) -> bool:
    if (recorder := recording.recorder_of(run_id)) is None:  # it was ended by its id
        return False
    recorder.log(at_ms, step, values)
    return True


def _log_at_once(run_id: str, tracking_uri: str, at_ms: int, step: int, values: dict[str, float]) -> bool:
    points = [MetricInput(key=key, value=value, timestamp=at_ms, step=step) for key, value in values.items()]
    door_to(tracking_uri).call(LogBatch(run_id=run_id, metrics=points))
    return True


# A forked child has the monitors, but not their threads, nor the runs.
os.register_at_fork(after_in_child=_monitors.clear)
