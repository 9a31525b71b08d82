"""Whether and how system metrics are logged: settings of this program and of those started from it."""

from __future__ import annotations

import os

import msgspec

from mlkeep.core.names import check_key
from mlkeep.core.settings import flag, number, setting

DEFAULT_INTERVAL_S = 10
LEAST_INTERVAL_S = 0.1
DAY_S = 86_400


class Sampling(msgspec.Struct, frozen=True):
    """How often a sample is taken, how many of them make one point of a metric, and how the keys begin."""

    interval_s: float = DEFAULT_INTERVAL_S
    samples: int = 1
    prefix: str = "system/"


def enable_system_metrics_logging() -> None:
    """Log system metrics to runs that are started from now on, unless `start_run` is told otherwise."""
    _put("ENABLE_SYSTEM_METRICS_LOGGING", "true")


def disable_system_metrics_logging() -> None:
    """Log no system metrics to runs that are started from now on, unless `start_run` is told otherwise."""
    _put("ENABLE_SYSTEM_METRICS_LOGGING", "false")


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Take a sample every `interval` seconds, from 0.1 on, in runs that are started from now on. None is 10."""
    _put("SYSTEM_METRICS_SAMPLING_INTERVAL", interval)


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """Log the mean of so many samples, in runs that are started from now on. None is 1."""
    _put("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", samples)


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Log under `system/<node_id>/`, to tell the machines of one run apart. None is under `system/`."""
    _put("SYSTEM_METRICS_NODE_ID", node_id)


def is_wanted(asked: bool | None) -> bool:
    """Whether a run gets system metrics: what it was asked for, else what is set. Raises InvalidInput."""
    return flag("ENABLE_SYSTEM_METRICS_LOGGING") if asked is None else asked


def sampling() -> Sampling:
    """How system metrics are sampled. Raises InvalidInput: a setting says what cannot be."""
    node_id = setting("SYSTEM_METRICS_NODE_ID")
    prefix = f"system/{node_id}/" if node_id else "system/"
    check_key(f"{prefix}network_transmit_megabytes", "node_id")
    return Sampling(
        interval_s=number("SYSTEM_METRICS_SAMPLING_INTERVAL", DEFAULT_INTERVAL_S, least=LEAST_INTERVAL_S, most=DAY_S),
        samples=int(number("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", 1, least=1, most=DAY_S)),
        prefix=prefix,
    )


def _put(name: str, value: object) -> None:
    for variable in (f"MLFLOW_{name}", f"MLKEEP_{name}"):
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = str(value)
