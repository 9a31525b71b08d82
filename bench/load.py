"""A load of `log-metric` requests over keep-alive connections, each sent when the one before is answered.

Run as a program: `load.py PORT CONNECTIONS MAX_REQUESTS MAX_SECONDS` prints a `Load` as JSON. Raw sockets, so that little
of what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request

import msgspec

WARM_UP = 100
"""Requests before those that count, over all connections."""

_STARTED_MS = 1_700_000_000_000


class Load(msgspec.Struct, frozen=True):
    """What was measured. `p50_ms` and `p99_ms` are of single requests."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Requests answered in a second, over all connections."""
        return self.requests / self.seconds


class _Connection:
    """One connection; each of its requests logs the next step of its own metric."""

    def __init__(self, port: int, run_id: str, key: str) -> None:
        self._port = port
        self._fixed = f'"run_id":"{run_id}","run_uuid":"{run_id}","key":"{key}"'
        self._step = 0

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def log_metric(self) -> float:
        """Seconds until the answer was there. Raises RuntimeError: it is not 200."""
        self._step += 1
        point = f'"value":{self._step / 7},"timestamp":{_STARTED_MS + self._step},"step":{self._step}'
        body = f"{{{self._fixed},{point}}}".encode()
        started = time.perf_counter()
        self._writer.write(
            b"POST /api/2.0/mlflow/runs/log-metric HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        told = await self._reader.readexactly(int(length))
        took = time.perf_counter() - started
        if not head.startswith(b"http/1.1 200 "):
            raise RuntimeError(f"answered {head.decode()}{told.decode()}")
        return took

    def close(self) -> None:
        self._writer.close()


async def measured(port: int, connections: int, max_requests: int, max_seconds: float) -> Load:
    """Load a server until one of the limits is reached."""
    run_id = _new_run(port)
    times: list[float] = []

    async def work(key: str, requests: int, ends: float) -> None:
        connection = _Connection(port, run_id, key)
        await connection.open()
        for _ in range(requests):
            times.append(await connection.log_metric())
            if time.perf_counter() > ends:
                break
        connection.close()

    async def all_work(phase: str, requests: int) -> float:
        started = time.perf_counter()
        keys = [f"{phase}-{number}" for number in range(connections)]
        await asyncio.gather(*(work(key, requests // connections, started + max_seconds) for key in keys))
        return time.perf_counter() - started

    await all_work("warm-up", WARM_UP)
    times.clear()
    seconds = await all_work("load", max_requests)
    times.sort()
    return Load(len(times), seconds, times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000)


def _new_run(port: int) -> str:
    body = json.dumps({"experiment_id": "0", "start_time": _STARTED_MS}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/create", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        run_id: str = json.load(answer)["run"]["info"]["run_id"]
    return run_id


def main() -> None:
    """Measure as the arguments say, on uvloop if it is there."""
    port, connections, max_requests, max_seconds = sys.argv[1:]
    wanted = measured(int(port), int(connections), int(max_requests), float(max_seconds))
    try:
        import uvloop
    except ImportError:
        load = asyncio.run(wanted)
    else:
        load = uvloop.run(wanted)
    print(msgspec.json.encode(load).decode())


if __name__ == "__main__":
    main()
