"""Requests that log, in the form in which nearly all of them come: their checks are part of decoding.

What these classes refuse is looked at again by the patient way (see `wire.decode`), which takes what else the protocol
allows, and has the words for the rest. So nothing is told of what is wrong here.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from mlkeep.core import limits
from mlkeep.wire.message import Int64, KeyValueInput, Request
from mlkeep.wire.metrics import LogMetric, MetricInput
from mlkeep.wire.runs import LogBatch, LogParam, SetTag

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=limits.MAX_INT64)]


class QuickMetric(LogMetric, frozen=True, kw_only=True, gc=False):
    run_id: _Text
    key: _Text
    value: float
    timestamp: _Time


class QuickPoint(MetricInput, frozen=True, kw_only=True, gc=False):
    key: _Text
    value: float
    timestamp: _Time
    step: Int64 = 0


class QuickPair(KeyValueInput, frozen=True, kw_only=True, gc=False):
    key: _Text


class QuickBatch(LogBatch, frozen=True, kw_only=True, gc=False):
    run_id: _Text
    metrics: list[QuickPoint] = []  # type: ignore[assignment]  # a list that nobody adds to
    params: list[QuickPair] = []  # type: ignore[assignment]
    tags: list[QuickPair] = []  # type: ignore[assignment]


class QuickParam(LogParam, frozen=True, kw_only=True, gc=False):
    run_id: _Text
    key: _Text


class QuickTag(SetTag, frozen=True, kw_only=True, gc=False):
    run_id: _Text
    key: _Text


QUICK: dict[type[Request], type[Request]] = {
    LogMetric: QuickMetric,
    LogBatch: QuickBatch,
    LogParam: QuickParam,
    SetTag: QuickTag,
}
