"""What the server acknowledged is there after it was killed, once; what it did not may be sent again."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.processes import MlkeepServer, accepts
from mlkeep import MlkeepClient

pytestmark = pytest.mark.faults

WRITERS = 16
ROUNDS = 3
SEED = 20_261_121
STARTED_MS = 1_700_000_000_000

Body = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """A request, and what it writes: points as (key, step), params as (key, value)."""

    path: str
    body: Body
    points: tuple[tuple[str, int], ...] = ()
    params: tuple[tuple[str, str], ...] = ()


@dataclass
class Writer:
    """A client with one connection that writes until the server is gone; no two writers write the same thing."""

    name: str
    run_id: str
    acknowledged: list[Write] = field(default_factory=list)
    unanswered: list[Write] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._writes = writes_of(self.name, self.run_id)

    def write_until_gone(self, server: MlkeepServer, told: Callable[[], object]) -> None:
        """Send again what was not answered, then go on with new requests, until the connection breaks.

        `told` is called after each acknowledgement, at once.
        """
        connection = server.connect()
        try:
            while True:
                if not self.unanswered:
                    self.unanswered.append(next(self._writes))
                status, answer = post(connection, self.unanswered[0])
                if status != 200:
                    self.refused.append((status, answer))
                    return
                self.acknowledged.append(self.unanswered.pop())
                told()
        except (http.client.HTTPException, OSError):
            return
        finally:
            connection.close()


def writes_of(writer: str, run_id: str) -> Iterator[Write]:
    """Single points, params and batches without end; the writer's name is in every key."""
    for step in itertools.count():
        for key in (f"{writer}.loss", f"{writer}.accuracy"):
            yield Write("log-metric", {"run_id": run_id, **point(key, step)}, points=((key, step),))
        param = (f"{writer}.param.{step}", str(step))
        yield Write("log-parameter", {"run_id": run_id, "key": param[0], "value": param[1]}, params=(param,))
        yield batch(writer, run_id, step)


def batch(writer: str, run_id: str, step: int) -> Write:
    points = tuple((f"{writer}.batch.{key}", step) for key in range(10))
    param = (f"{writer}.batch.param.{step}", "x" * 100)
    body = {
        "run_id": run_id,
        "metrics": [point(*each) for each in points],
        "params": [{"key": param[0], "value": param[1]}],
    }
    return Write("log-batch", body, points, (param,))


def point(key: str, step: int) -> Body:
    return {"key": key, "value": step / 7, "timestamp": STARTED_MS + step, "step": step}


def post(connection: http.client.HTTPConnection, write: Write) -> tuple[int, str]:
    head = {"Content-Type": "application/json"}
    connection.request("POST", f"/api/2.0/mlflow/runs/{write.path}", json.dumps(write.body), head)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def new_run(server: MlkeepServer) -> str:
    return MlkeepClient(tracking_uri=server.url).create_run("0").info.run_id


def let_write(server: MlkeepServer, writers: list[Writer], writes: int, then: Callable[[], object]) -> None:
    """Let all write at once; the one who gets acknowledgement number `writes` does `then`. Return when all stopped."""
    acknowledgements = itertools.count(1)
    reached = threading.Event()

    def told() -> None:
        if next(acknowledgements) == writes:
            then()
            reached.set()

    threads = [threading.Thread(target=writer.write_until_gone, args=[server, told]) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reached.is_set()
    assert [writer.refused for writer in writers] == [[]] * len(writers)


@dataclass(frozen=True)
class Kept:
    """What a run has: how often each point, and the value of each param."""

    points: dict[tuple[str, int], int]
    params: dict[str, str]


def kept(server: MlkeepServer, run_id: str, writers: list[Writer]) -> Kept:
    """Read it through the server, values and times compared on the way."""
    client = MlkeepClient(tracking_uri=server.url)
    run = client.get_run(run_id)
    points: dict[tuple[str, int], int] = {}
    for key in run.data.metrics:
        for each in client.get_metric_history(run_id, key):
            assert each.value == each.step / 7
            assert each.timestamp == STARTED_MS + each.step
            points[key, each.step] = points.get((key, each.step), 0) + 1
    return Kept(points, run.data.params)


def written(writes: list[Write]) -> Kept:
    """What a run has if each of these writes was kept once."""
    return Kept(
        {each: 1 for write in writes for each in write.points},
        {key: value for write in writes for key, value in write.params},
    )


def integrity_of(server: MlkeepServer) -> str:
    with sqlite3.connect(server.database) as connection:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    return f"{verdict}, {len(broken)} dangling references"


def test_every_acknowledged_write_survives_kill_9_of_the_server(start_server: Callable[[], MlkeepServer]) -> None:
    moments = random.Random(SEED)
    server = start_server()
    run_id = new_run(server)
    writers = [Writer(f"w{number}", run_id) for number in range(WRITERS)]

    for _ in range(ROUNDS):
        writes = moments.randint(50, 2_000)
        print(f"seed {SEED}: killed after {writes} more acknowledged writes")
        let_write(server, writers, writes, then=server.process.kill)
        assert server.process.wait() == -9

        server = start_server()
        assert integrity_of(server) == "ok, 0 dangling references"
        # Those on the way were kept whole or not at all, so that the run is what some set of whole requests makes.
        found = kept(server, run_id, writers)
        on_the_way = [write for writer in writers for write in writer.unanswered]
        lucky = [write for write in on_the_way if any(each in found.points for each in write.points)]
        lucky += [write for write in on_the_way if not write.points and write.params[0][0] in found.params]
        assert found == written([write for writer in writers for write in writer.acknowledged] + lucky)

    # A last round in which all is sent again that nobody knows the fate of.
    let_write(server, writers, WRITERS * 4, then=server.process.kill)
    assert server.process.wait() == -9
    server = start_server()
    for writer in writers:
        connection = server.connect()
        assert [post(connection, write)[0] for write in writer.unanswered] == [200] * len(writer.unanswered)
        connection.close()
    everything = [write for writer in writers for write in writer.acknowledged + writer.unanswered]
    assert kept(server, run_id, writers) == written(everything)
    assert server.stop() == 0


def test_sigterm_under_load_keeps_every_acknowledged_write_and_ends_well(
    start_server: Callable[[], MlkeepServer],
) -> None:
    server = start_server()
    run_id = new_run(server)
    writers = [Writer(f"w{number}", run_id) for number in range(WRITERS)]
    codes: list[int] = []

    let_write(server, writers, 1_000, then=lambda: codes.append(server.stop()))

    assert codes == [0]
    again = start_server()
    assert integrity_of(again) == "ok, 0 dangling references"
    found = kept(again, run_id, writers)
    acknowledged = written([write for writer in writers for write in writer.acknowledged])
    assert acknowledged.points.items() <= found.points.items()
    assert acknowledged.params.items() <= found.params.items()
    assert set(found.points.values()) == {1}


def test_sigterm_lets_requests_finish_that_the_server_has_begun(start_server: Callable[[], MlkeepServer]) -> None:
    server = start_server()
    run_id = new_run(server)
    writes = [next(writes_of(f"w{number}", run_id)) for number in range(4)]
    connections = []
    for write in writes:
        connection = server.connect()
        body = json.dumps(write.body).encode()
        connection.putrequest("POST", f"/api/2.0/mlflow/runs/{write.path}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        # Having asked for the body, the server works on the request.
        assert connection.sock.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connections.append((connection, body))

    server.process.terminate()
    server.until(lambda: not accepts(server.port))
    answers = []
    for connection, body in connections:
        connection.send(body)
        answer = connection.getresponse()
        answers.append((answer.status, answer.read()))
        connection.close()

    assert answers == [(200, b"{}")] * len(writes)
    assert server.process.wait() == 0
    assert kept(start_server(), run_id, []).points == written(writes).points
