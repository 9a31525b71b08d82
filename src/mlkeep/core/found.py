"""Runs as they are found and told: what was logged to them in lists, as it is read and sent."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from mlkeep.core.entities import RunInfo, RunInputs, RunOutputs

LatestPoint: TypeAlias = tuple[str, float, int, int]
"""The latest point of a metric of a run: key, value (perhaps NaN or infinite), timestamp in milliseconds, step."""


class FoundRun(msgspec.Struct, frozen=True):
    """A run with everything that was asked for: the latest point of each metric, params and tags as (key, value)."""

    info: RunInfo
    metrics: list[LatestPoint] = []
    params: list[tuple[str, str]] = []
    tags: list[tuple[str, str]] = []
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()
