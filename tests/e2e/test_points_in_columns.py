"""Many points at once: `log-batch` as MessagePack with points in columns, and the client that sends it."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from mlkeep.core import limits
from mlkeep.core.entities import Metric, Param, RunTag
from mlkeep.core.errors import InvalidInput, NotFound

PATH = "/api/2.0/mlflow/runs/log-batch"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepServer]:
    server = MlkeepServer(tmp_path_factory.mktemp("server"))
    yield server
    server.end()


@pytest.fixture
def client(server: MlkeepServer) -> MlkeepClient:
    return MlkeepClient(tracking_uri=server.url)


@pytest.fixture
def run_id(client: MlkeepClient) -> str:
    return client.create_run("0").info.run_id


def log(server: MlkeepServer, body: object, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and message of the answer to a body, which is written as MessagePack if it is none."""
    connection = server.connect(timeout_s=60)
    try:
        sent = body if isinstance(body, bytes) else msgspec.msgpack.encode(body)
        connection.request("POST", PATH, sent, {"Content-Type": "application/msgpack", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()).get("message", "")
    finally:
        connection.close()


def column(key: str = "loss", count: int = 3, **other: Any) -> dict[str, Any]:
    steps = list(range(count))
    return {"key": key, "steps": steps, "timestamps": steps, "values": [step / 7 for step in steps], **other}


@pytest.mark.parametrize("count", [3, 64, 10_000])
@pytest.mark.parametrize("way", [{}, {"Upgrade": "the usual way"}], ids=["short way", "usual way"])
def test_columns_are_numbers_or_binary(
    server: MlkeepServer, client: MlkeepClient, run_id: str, count: int, way: dict[str, str]
) -> None:
    numbers = column("numbers", count)
    binary = {
        "key": "binary",
        "steps": struct.pack(f"<{count}q", *numbers["steps"]),
        "timestamps": struct.pack(f"<{count}q", *numbers["timestamps"]),
        "values": struct.pack(f"<{count}d", *numbers["values"]),
    }
    assert log(server, {"run_id": run_id, "columns": [numbers, binary]}, way) == (200, "")
    for key in ("numbers", "binary"):
        history = client.get_metric_history(run_id, key)
        assert [(point.step, point.timestamp, point.value) for point in history] == [
            (i, i, i / 7) for i in range(count)
        ]


def test_a_batch_in_columns_has_params_and_tags_too(server: MlkeepServer, client: MlkeepClient, run_id: str) -> None:
    body = {
        "run_id": run_id,
        "columns": [column("few", 2), column("many", 100), column("few", 1, dataset_name="d", dataset_digest="1")],
        "params": [{"key": "lr", "value": "1"}],
        "tags": [{"key": "mlflow.runName", "value": "named"}],
    }
    assert log(server, body) == (200, "")
    run = client.get_run(run_id)
    assert run.data.metrics == {"few": 1 / 7, "many": 99 / 7}
    assert (run.data.params, run.info.run_name) == ({"lr": "1"}, "named")


def test_odd_values_are_kept(server: MlkeepServer, client: MlkeepClient, run_id: str) -> None:
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1]
    odd = {"key": "odd", "steps": [-(2**63), 2**63 - 1, 0, 0, 0, 0], "timestamps": [0, 1, 2, 3, 4, 5], "values": values}
    assert log(server, {"run_id": run_id, "columns": [odd]}) == (200, "")
    history = client.get_metric_history(run_id, "odd")
    assert [repr(point.value) for point in history] == ["nan", "inf", "-inf", "0.0", "5e-324", "1.0"]
    assert [point.step for point in history] == odd["steps"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"columns": [column(), column(steps=[1] * 10)]}, "10 steps but 3 values"),
        ({"columns": [column(), column(steps=[1] * 10)]}, "'columns[1].steps'"),
        ({"columns": [column(timestamps=[])]}, "\"0 timestamps but 3 values\" for parameter 'columns[0].timestamps'"),
        ({"columns": [column(timestamps=[1, 2, -3])]}, "value -3 for parameter 'columns[0].timestamps[2]'"),
        (
            {"columns": [column(values=b"123")]},
            "\"3 bytes\" for parameter 'columns[0].values' supplied: binary columns",
        ),
        (
            {"columns": [column(steps=[1, 2, "x"])]},
            "value \"x\" for parameter 'columns[0].steps[2]' supplied: expected int",
        ),
        ({"columns": [column(values=[1, 2, None])]}, "value null for parameter 'columns[0].values[2]'"),
        ({"columns": [column(steps=[1, 2, 2**63])]}, "for parameter 'columns[0].steps[2]'"),
        ({"columns": [column(), column("a?b")]}, "value \"a?b\" for parameter 'columns[1].key'"),
        ({"columns": [column(), column("k" * 251)]}, "251 characters"),
        ({"columns": [column(), {"steps": []}]}, "Missing value for required parameter 'columns[1].key'"),
        ({"columns": [column(), column(model_id="m-nobody")]}, "value 'm-nobody' for parameter 'model_id'"),
        ({"columns": [column(count=1_001, model_id="m-nobody")]}, "at most 1000 points of logged models"),
        ({"columns": [column(nope=1)]}, "for parameter 'columns[0]' supplied: Object contains unknown field `nope`"),
        ({"columns": {}}, "parameter 'columns'"),
        ({"columns": [column("k", 0)] * 100_001}, "at most 100000 columns. Got 100001"),
        ({"columns": [column()], "params": [{"key": "p"}] * 101}, "at most 100 params. Got 101"),
        ({"columns": [column()], "params": [{"key": "p", "value": "a\0"}]}, "'params[0].value'"),
        ({"columns": [column()], "tags": [{"key": ""}]}, "'tags[0].key'"),
        ({"run_id": ""}, "Missing value for required parameter 'run_id'"),
        ({"more": 1}, "unknown field `more`"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    server: MlkeepServer, client: MlkeepClient, run_id: str, fields: dict[str, Any], told: str
) -> None:
    status, message = log(server, {"run_id": run_id, "tags": [{"key": "never", "value": "1"}], **fields})
    assert (status, told in message) == (400, True), message
    data = client.get_run(run_id).data
    assert (data.metrics, "never" in data.tags) == ({}, False)


def test_a_body_that_is_not_messagepack_or_too_large_is_refused(server: MlkeepServer, run_id: str) -> None:
    status, told = log(server, b"\xc1")
    assert (status, told.partition(":")[0]) == (400, "The request body is not valid MessagePack")
    large = column(values=bytes(limits.MAX_COLUMNS_BODY_BYTES))
    assert log(server, {"run_id": run_id, "columns": [large]}) == (
        413,
        "The request body is larger than 16777216 bytes, the most this server takes: send less at once.",
    )


def test_the_client_logs_a_great_many_points_in_few_requests(
    server: MlkeepServer, client: MlkeepClient, run_id: str
) -> None:
    def requests() -> int:
        return sum(PATH in line for line in server.output.splitlines())

    before = requests()
    points = [Metric(f"k{i % 7}", i / 3, i, i) for i in range(60_000)]
    params, tags = [Param(f"p{i}", str(i)) for i in range(150)], [RunTag(f"t{i}", "1") for i in range(250)]
    client.log_batch(run_id, points, params, tags, synchronous=True)
    server.until(lambda: requests() == before + 3)
    assert len(client.get_metric_history(run_id, "k3")) == 8_571
    data = client.get_run(run_id).data
    assert (data.metrics["k2"], len(data.params), len(data.tags)) == (59_999 / 3, 150, 251)


def test_the_client_says_what_is_wrong_in_columns_too(client: MlkeepClient, run_id: str) -> None:
    good = [Metric("loss", 0.5, 1, i) for i in range(1_500)]
    for bad, told in ((Metric("loss", 0.5, 1, 2**63), "64 bits"), (Metric("a?b", 0.5, 1), "columns\\[1\\].key")):
        with pytest.raises(InvalidInput, match=told):
            client.log_batch(run_id, [*good, bad], synchronous=True)
    with pytest.raises(NotFound, match="nobody"):
        client.log_batch("nobody", good)
    assert client.get_run(run_id).data.metrics == {}


def test_points_of_models_go_in_parts(client: MlkeepClient, run_id: str) -> None:
    model = client.create_logged_model("0", "m")
    client.log_batch(run_id, [Metric("loss", 0.5, 1, i, model_id=model.model_id) for i in range(2_500)])
    assert len(client.get_metric_history(run_id, "loss")) == 2_500
