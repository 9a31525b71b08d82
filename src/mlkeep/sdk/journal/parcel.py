"""What goes into one request of points, params and tags."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable

from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal.records import Points
from mlkeep.wire.binary import little_endian
from mlkeep.wire.columns import Column, LogColumns
from mlkeep.wire.message import KeyValueInput, key_value_inputs
from mlkeep.wire.runs import LogBatch

YIELDED_RECORDS = 512
"""Records after which the interpreter is offered to others. Unasked they would wait for it for 5 ms."""


class Parcel:
    """Points by series, and params and tags: of those that were set twice the last one."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str, str], tuple[array[int], array[int], array[float]]] = {}
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._count = 0

    def add(self, record: Points) -> None:
        """Add the points of a record. Raises InvalidInput: their step or time does not fit into 64 bits."""
        at_ms, step, series_of = record.at_ms, record.step, self._series
        about = (record.model_id, record.dataset_name, record.dataset_digest)
        try:
            for key, value in record.values.items():
                series = series_of.get((key, *about))
                if series is None:
                    series = series_of[(key, *about)] = (array("q"), array("q"), array("d"))
                series[0].append(step)
                series[1].append(at_ms)
                series[2].append(value)
        except OverflowError:
            raise InvalidInput(f"The step {step} or the time {at_ms} does not fit into 64 bits.") from None
        self._count += 1
        if self._count % YIELDED_RECORDS == 0:
            time.sleep(0)

    def label(self, params: Iterable[KeyValueInput], tags: Iterable[KeyValueInput]) -> None:
        """Add params and tags."""
        self._params |= {param.key: param.value for param in params}
        self._tags |= {tag.key: tag.value for tag in tags}

    def send(self, door: Door, run_id: str) -> None:
        """Have all of it stored, in one request where the server takes columns. Raises MlkeepException."""
        params, tags = key_value_inputs(self._params), key_value_inputs(self._tags)
        if self._series:
            door.log_columns(LogColumns(run_id=run_id, columns=self._columns(), params=params, tags=tags))
        else:
            door.call(LogBatch(run_id=run_id, params=params, tags=tags))

    def _columns(self) -> list[Column]:
        return [
            Column(
                key=key,
                steps=little_endian(steps),
                timestamps=little_endian(times),
                values=little_endian(values),
                model_id=model_id,
                dataset_name=name,
                dataset_digest=digest,
            )
            for (key, model_id, name, digest), (steps, times, values) in self._series.items()
        ]
