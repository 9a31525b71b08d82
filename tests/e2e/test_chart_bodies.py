"""A chart as it travels: JSON, or msgpack with columns of plain bytes."""

from __future__ import annotations

import json
import math
from array import array
from typing import Any

import msgspec
import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from mlkeep.core.entities import Metric

PATH = "/api/mlkeep/1/metrics/chart"
MSGPACK = "application/msgpack"


def ask(server: MlkeepServer, body: Any, **headers: str) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer."""
    connection = server.connect()
    connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    try:
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


@pytest.fixture
def run_id(server: MlkeepServer) -> str:
    """A run with ten points, of which two are not finite."""
    client = MlkeepClient(tracking_uri=server.url)
    run_id = client.create_run("0").info.run_id
    odd = {8: math.nan, 9: math.inf}
    points = [Metric("m", odd.get(step, step / 4), step, step) for step in range(10)]
    client.log_batch(run_id, points, synchronous=True)
    return run_id


def test_json_has_columns_of_numbers(server: MlkeepServer, run_id: str) -> None:
    status, kind, body = ask(server, {"run_ids": [run_id], "keys": ["m"], "from": "0", "to": 9, "buckets": 3})
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == {
        "width": 4,
        "series": [
            {
                "run_id": run_id,
                "key": "m",
                "n": 10,
                "exact": False,
                "x": [0, 4, 8],
                "last": [0.75, 1.75, "Infinity"],
                "min": [0.0, 1.0, None],
                "max": [0.75, 1.75, None],
                "mean": [0.375, 1.375, None],
                "count": [4, 4, 2],
                "nan": {"x": [8, 9], "kind": ["NaN", "Infinity"]},
            }
        ],
    }


@pytest.mark.parametrize("accept", [MSGPACK, f"text/html, {MSGPACK};q=0.9, application/json;q=0.1"])
def test_msgpack_has_columns_of_bytes(server: MlkeepServer, run_id: str, accept: str) -> None:
    status, kind, body = ask(server, {"run_ids": [run_id], "keys": ["m"], "from": 4, "buckets": 2}, Accept=accept)
    assert (status, kind) == (200, MSGPACK)
    (series,) = msgspec.msgpack.decode(body)["series"]
    kinds = series["nan"].pop("kind")
    integers = {name: list(array("q", series[name])) for name in ("x", "count")}
    doubles = {name: list(map(repr, array("d", series[name]))) for name in ("last", "min", "max", "mean")}
    assert (integers, list(array("q", series["nan"]["x"])), kinds) == (
        {"x": [4, 8], "count": [4, 2]},
        [8, 9],
        ["NaN", "Infinity"],
    )
    assert doubles == {
        "last": ["1.75", "inf"],
        "min": ["1.0", "nan"],
        "max": ["1.75", "nan"],
        "mean": ["1.375", "nan"],
    }


def test_what_is_wrong_is_told_in_json(server: MlkeepServer) -> None:
    status, kind, body = ask(server, {"run_ids": ["r"], "keys": ["m"], "from": 2, "to": 1}, Accept=MSGPACK)
    assert (status, kind, json.loads(body)["error_code"]) == (400, "application/json", "INVALID_PARAMETER_VALUE")
