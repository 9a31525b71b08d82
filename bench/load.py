"""Loads a server over keep-alive connections, on each of which a request is sent when the one before is answered.

Run as a program: `python -m bench.load PLAN` with a `Plan` as JSON prints a `Load` as JSON. It is a process of its own, on raw sockets
and with bodies made before the clock starts where they are large, so that little of what is measured is the client. What
was acknowledged is asked back at the end.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, Literal, cast

import msgspec

from bench import content

API = "/api/2.0/mlflow"
BATCH_POINTS, COLUMN_POINTS = 1000, 10_000
NOT_OFFERED = (400, 404, 415)
ANSWER_LIMIT_S = 60

Kind = Literal["log-metric", "log-batch", "columns", "runs"]
Script = Generator[bytes, bytes, None]
"""What one connection sends: it yields a request and is handed the body of the answer."""


class Plan(msgspec.Struct, frozen=True):
    """What to do, and when to stop: after `max_units` or `max_seconds`, whichever comes first.

    A unit is one request, or one run with its three. Runs are numbered from `first_run` on. Values of points have `bits`.
    """

    port: int
    kind: Kind
    connections: int
    max_units: int
    max_seconds: float
    experiment_id: str = "0"
    first_run: int = 0
    warm_up: bool = True
    bits: int = 32


class Load(msgspec.Struct, frozen=True):
    """What was measured. `p50_ms` and `p99_ms` are of single units; `run_id` is the last run that was written to.

    `refused` is why the server does not take such requests at all.
    """

    units: int
    seconds: float
    p50_ms: float
    p99_ms: float
    run_id: str = ""
    refused: str = ""

    @property
    def per_second(self) -> float:
        """Units done in a second, over all connections."""
        return self.units / self.seconds


class UnexpectedAnswerError(Exception):
    """A server did not do as it was asked."""


class _Connection(asyncio.Protocol):
    """One connection that works through a script. Each `requests_per_unit` answers its time is noted."""

    def __init__(self, script: Script, requests_per_unit: int, times: list[float]) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._script, self._requests_per_unit, self._times = script, requests_per_unit, times
        self._answers, self._received = 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._started = time.perf_counter()
        if request := next(self._script, b""):
            self._transport.write(request)
        else:  # the others were quicker
            self._end()

    def data_received(self, data: bytes) -> None:
        self._received = data = self._received + data if self._received else data
        ends = data.find(b"\r\n\r\n")
        if ends < 0:
            return
        head = data[:ends].lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not length:
            self._fail(f"no length of the answer: {head!r}")
        elif len(data) >= ends + 4 + int(length):
            if head[9:12] != b"200":
                self._fail(f"answered {data.decode(errors='replace')}")
            else:
                self._received = b""
                self._next(data[ends + 4 :])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self._fail(f"the connection was closed: {exc}")

    def _next(self, body: bytes) -> None:
        now = time.perf_counter()
        self._answers += 1
        if self._answers % self._requests_per_unit == 0:
            self._times.append(now - self._started)
            self._started = now
        try:
            request = self._script.send(body)
        except StopIteration:
            self._end()
        else:
            self._transport.write(request)

    def _end(self) -> None:
        self.over.set_result(None)
        self._transport.close()

    def _fail(self, why: str) -> None:
        if not self.over.done():
            self.over.set_exception(UnexpectedAnswerError(why))
        self._transport.close()


def post(path: str, body: bytes, kind: str = "application/json") -> bytes:
    """A request as it goes over the wire."""
    head = (
        f"POST {API}/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Work:
    """Scripts of a kind: one for each connection. They stop at a time, and together after a number of units."""

    requests_per_unit = 1
    warm_up_units = 100

    def __init__(self, plan: Plan, run_id: str) -> None:
        self.plan = plan
        self.run_id = run_id
        self.ends = 0.0
        self.begun = 0

    def turns(self) -> Iterator[int]:
        """Numbers of units, as long as there is something to do; all connections take from one pile."""
        while self.begun < self.plan.max_units and time.perf_counter() < self.ends:
            self.begun += 1
            yield self.begun

    def script(self, connection: int) -> Script:
        """What a connection does."""
        raise NotImplementedError

    def check(self, done: int) -> None:
        """Raises UnexpectedAnswerError: the server does not have what it acknowledged."""
        steps = sum(int(metric["step"]) for metric in _get_run(self.plan.port, self.run_id)["data"]["metrics"])
        if steps != done:
            raise UnexpectedAnswerError(f"{done} points were acknowledged, and {steps} are there")


class _LogMetric(_Work):
    """Each connection logs the next step of its own metric."""

    def script(self, connection: int) -> Script:
        fixed = f'"run_id":"{self.run_id}","run_uuid":"{self.run_id}","key":"metric-{connection}"'
        head = "POST /api/2.0/mlflow/runs/log-metric HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for step, _ in enumerate(self.turns(), start=1):
            body = f'{{{fixed},"value":{step / 7},"timestamp":{content.STARTED_MS + step},"step":{step}}}'
            yield f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class _Prepared(_Work):
    """Each connection sends the points of its own metric in large requests that are ready before the clock starts."""

    points = BATCH_POINTS
    warm_up_units = 10

    def __init__(self, plan: Plan, run_id: str) -> None:
        super().__init__(plan, run_id)
        share = plan.max_units // plan.connections
        self.requests = [[self._request(f"metric-{c}", n) for n in range(share)] for c in range(plan.connections)]

    def _request(self, key: str, number: int) -> bytes:
        points = content.series(number * self.points + 1, self.points, bits=self.plan.bits)
        return post("runs/log-batch", content.log_batch_json(self.run_id, key, points))

    def script(self, connection: int) -> Script:
        for request, _ in zip(self.requests[connection], self.turns(), strict=False):
            yield request

    def check(self, done: int) -> None:
        super().check(done * self.points)


class _Columns(_Prepared):
    points = COLUMN_POINTS

    def _request(self, key: str, number: int) -> bytes:
        points = content.series(number * self.points + 1, self.points, bits=self.plan.bits)
        return post("runs/log-batch", content.log_batch_columns(self.run_id, key, points), kind="application/msgpack")


class _Runs(_Work):
    """Each connection creates a run, logs all that belongs to it, and finishes it, again and again."""

    requests_per_unit = 3
    warm_up_units = 32

    def script(self, connection: int) -> Script:  # noqa: ARG002
        for number in self.turns():
            run = content.run(self.plan.first_run + number - 1)
            created = yield post("runs/create", content.create_run(run, self.plan.experiment_id))
            self.run_id = json.loads(created)["run"]["info"]["run_id"]
            run_id = self.run_id
            yield post("runs/log-batch", content.log_all(run, run_id))
            yield post("runs/update", content.finish(run, run_id))

    def check(self, done: int) -> None:  # noqa: ARG002
        run = _get_run(self.plan.port, self.run_id)
        told = {name: len(run["data"][name]) for name in ("params", "metrics")} | {"status": run["info"]["status"]}
        if told != {"params": content.PARAMS, "metrics": content.METRICS, "status": "FINISHED"}:
            raise UnexpectedAnswerError(f"a run that was finished has {told}")


_KINDS: dict[Kind, type[_Work]] = {
    "log-metric": _LogMetric,
    "log-batch": _Prepared,
    "columns": _Columns,
    "runs": _Runs,
}


async def measured(plan: Plan) -> Load:
    """Load a server until one of the limits is reached."""
    work_of = _KINDS[plan.kind]
    times: list[float] = []

    async def all_done(work: _Work, seconds: float) -> float:
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        work.ends = started + seconds
        scripts = (work.script(number) for number in range(min(plan.connections, plan.max_units)))
        connections = (partial(_Connection, script, work.requests_per_unit, times) for script in scripts)
        opened = [await loop.create_connection(each, "127.0.0.1", plan.port) for each in connections]
        async with asyncio.timeout(seconds + ANSWER_LIMIT_S):
            await asyncio.gather(*(connection.over for _, connection in opened))
        return time.perf_counter() - started

    if plan.kind == "columns" and (why := _refusal(plan)):
        return Load(0, 1, 0, 0, refused=why)
    if plan.warm_up:
        units = min(max(plan.connections, work_of.warm_up_units), plan.max_units)
        few = msgspec.structs.replace(plan, max_units=units, first_run=10**6)
        await all_done(work_of(few, _new_run(plan)), plan.max_seconds / 5)
        times.clear()
    work = work_of(plan, _new_run(plan) if plan.kind != "runs" else "")
    seconds = await all_done(work, plan.max_seconds)
    times.sort()
    work.check(len(times))
    return Load(len(times), seconds, times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000, work.run_id)


def _refusal(plan: Plan) -> str:
    """Why the server does not take columns; "" if it does."""
    body = content.log_batch_columns(_new_run(plan), "probe", content.series(1, 1))
    status, answer = _asked(plan.port, "POST", f"{API}/runs/log-batch", body, "application/msgpack")
    if status not in NOT_OFFERED:
        return ""
    return f"answers {status} to columns: {answer[:200].decode(errors='replace')}"


def _new_run(plan: Plan) -> str:
    body = content.create_run(content.run(0), plan.experiment_id)
    status, answer = _asked(plan.port, "POST", f"{API}/runs/create", body)
    if status != http.client.OK:
        raise UnexpectedAnswerError(f"answered {status} {answer!r}")
    run_id: str = json.loads(answer)["run"]["info"]["run_id"]
    return run_id


def _get_run(port: int, run_id: str) -> Any:
    status, answer = _asked(port, "GET", f"{API}/runs/get?run_id={run_id}")
    if status != http.client.OK:
        raise UnexpectedAnswerError(f"answered {status} {answer!r}")
    return json.loads(answer)["run"]


def _asked(port: int, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
    """Status and body of the answer to one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body or None, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def main() -> None:
    """Measure as the plan says, on uvloop if it is there."""
    wanted = measured(msgspec.json.decode(sys.argv[1], type=Plan))
    try:
        import uvloop
    except ImportError:
        load = asyncio.run(wanted)
    else:
        load = uvloop.run(wanted)
    print(msgspec.json.encode(load).decode())


if __name__ == "__main__":
    main()
