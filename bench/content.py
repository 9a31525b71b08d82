"""What every server is filled and loaded with: runs and series that are the same each time and for all.

Run `number` has 20 params, 20 metrics and 5 tags. Values are spread so that the searches of the benchmark find what they
say: `metric_00` is anywhere in [0, 1), `param_00` is one of 100 texts, `param_01` one of 10.
"""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass

import msgspec

STARTED_MS = 1_700_000_000_000
PARAMS, METRICS, TAGS = 20, 20, 5
PARAM_KEYS = tuple(f"param_{number:02}" for number in range(PARAMS))
METRIC_KEYS = tuple(f"metric_{number:02}" for number in range(METRICS))
TAG_KEYS = tuple(f"tag_{number:02}" for number in range(TAGS))


@dataclass(frozen=True, slots=True)
class RunContent:
    """A run with all that is logged to it."""

    name: str
    start_ms: int
    end_ms: int
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def run(number: int) -> RunContent:
    """The run of this number; one second after the run before it."""
    source = random.Random(number)
    start_ms = STARTED_MS + number * 1000
    choices = (100, 10, *(1000,) * (PARAMS - 2))
    return RunContent(
        f"run-{number:07}",
        start_ms,
        start_ms + 500,
        {key: f"v{source.randrange(count)}" for key, count in zip(PARAM_KEYS, choices, strict=True)},
        {key: source.random() for key in METRIC_KEYS},
        {key: f"v{source.randrange(20)}" for key in TAG_KEYS},
    )


@dataclass(frozen=True, slots=True)
class SeriesContent:
    """Points of a series: steps count up, a point comes every 50 ms or so, values fall with noise, as a loss does."""

    steps: list[int]
    timestamps_ms: list[int]
    values: list[float]


def series(first: int, count: int, *, bits: int = 32) -> SeriesContent:
    """Points `first` and following of a series.

    Values are exact in 32 bits, as those that come from a tensor are, or fill all of their 64.
    """
    source = random.Random(first)
    steps = list(range(first, first + count))
    values = [0.1 + 2 * math.exp(-step / 200_000) + source.gauss(0, 0.05) for step in steps]
    if bits == 32:
        values = list(struct.unpack(f"<{count}f", struct.pack(f"<{count}f", *values)))
    return SeriesContent(steps, [STARTED_MS + step * 50 + source.randrange(10) for step in steps], values)


def log_batch_json(run_id: str, key: str, points: SeriesContent) -> bytes:
    """Body of `log-batch`: a series as MLflow's clients send it."""
    listed = zip(points.values, points.timestamps_ms, points.steps, strict=True)
    metrics = [{"key": key, "value": value, "timestamp": time, "step": step} for value, time, step in listed]
    return msgspec.json.encode({"run_id": run_id, "metrics": metrics})


def log_batch_columns(run_id: str, key: str, points: SeriesContent) -> bytes:
    """Body of `log-batch` as `application/msgpack`: the columns of a series, little-endian."""
    count = len(points.steps)
    columns = {
        "key": key,
        "steps": struct.pack(f"<{count}q", *points.steps),
        "timestamps": struct.pack(f"<{count}q", *points.timestamps_ms),
        "values": struct.pack(f"<{count}d", *points.values),
    }
    return msgspec.msgpack.encode({"run_id": run_id, "columns": [columns]})


def create_run(content: RunContent, experiment_id: str) -> bytes:
    """Body of `runs/create`."""
    told = {"experiment_id": experiment_id, "start_time": content.start_ms, "run_name": content.name}
    return msgspec.json.encode(told)


def log_all(content: RunContent, run_id: str) -> bytes:
    """Body of `log-batch`: all params, metrics and tags of a run."""
    metrics = [
        {"key": key, "value": value, "timestamp": content.start_ms, "step": 0} for key, value in content.metrics.items()
    ]
    params = [{"key": key, "value": value} for key, value in content.params.items()]
    tags = [{"key": key, "value": value} for key, value in content.tags.items()]
    return msgspec.json.encode({"run_id": run_id, "metrics": metrics, "params": params, "tags": tags})


def finish(content: RunContent, run_id: str) -> bytes:
    """Body of `runs/update`: the run is over."""
    return msgspec.json.encode({"run_id": run_id, "status": "FINISHED", "end_time": content.end_ms})
