"""Points in columns are read, or what is wrong is told; nothing else can happen, whatever the bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mlkeep.core.errors import InvalidInput
from mlkeep.services.call import Settings
from mlkeep.services.logged import log_columns
from mlkeep.storage.contract import Logged
from mlkeep.storage.series.points import Points
from mlkeep.wire.msgpack import from_msgpack

GOOD = {
    "run_id": "r",
    "columns": [{"key": "k", "steps": [1, -1], "timestamps": b"\1" + bytes(15), "values": [1, 2.5]}],
    "params": [{"key": "p", "value": "1"}],
    "tags": [{"key": "t"}],
}
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


def logged(body: bytes) -> Logged:
    return log_columns(Settings(artifact_root="s3://root"), from_msgpack(body))


def test_a_body_becomes_points_params_and_tags() -> None:
    found = logged(msgspec.msgpack.encode(GOOD))
    assert [(columns.key, *_listed(columns.points)) for columns in found.columns] == [("k", [1, -1], [1, 0], [1, 2.5])]
    assert replace(found, columns=()) == Logged(run_id="r", points=[], columns=(), params={"p": "1"}, tags={"t": ""})


def _listed(points: Points) -> tuple[list[int], list[int], list[float]]:
    return points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist()


@given(st.data())
def test_any_value_in_any_place_is_taken_or_refused(data: st.DataObject) -> None:
    body: Any = msgspec.msgpack.decode(msgspec.msgpack.encode(GOOD))
    place = data.draw(st.sampled_from(["run_id", "columns", "params", "tags", "more", "key", "steps", "timestamps"]))
    inside = body["columns"][0] if place in {"key", "steps", "timestamps", "values"} else body
    inside[place] = data.draw(VALUES)
    with suppress(InvalidInput):
        logged(msgspec.msgpack.encode(body))


@given(st.data())
def test_any_bytes_are_taken_or_refused(data: st.DataObject) -> None:
    body = bytearray(msgspec.msgpack.encode(GOOD))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InvalidInput):
        logged(bytes(body[: data.draw(st.integers(0, len(body)))]))


@pytest.mark.parametrize("nested", [lambda value: [value], lambda value: {"a": value}])
def test_what_is_nested_too_deeply_is_refused(nested: Callable[[object], object]) -> None:
    value: object = 1
    for _ in range(200):
        value = nested(value)
    with pytest.raises(InvalidInput):
        logged(msgspec.msgpack.encode({**GOOD, "tags": value}))
    with pytest.raises(InvalidInput):
        logged(b"\x91" * 1_000_000)
